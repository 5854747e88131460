import NIOCore

/// Writes the body of a streamed answer. Each write is flushed and returns when the kernel has taken it.
public struct StreamWriter: Sendable {
  enum Form: Sendable {
    case chunked
    case plain
  }

  private let connection: ConnectionIO
  private let form: Form

  init(connection: ConnectionIO, form: Form) {
    self.connection = connection
    self.form = form
  }

  /// Throws `ClientDisconnected` when the client is gone.
  public func write(_ bytes: some Sequence<UInt8> & Sendable) async throws {
    guard let framed = frame(bytes) else { return }
    try await connection.write(framed)
  }

  /// `write` that cuts the connection where the client does not take the bytes in time.
  public func write(_ bytes: some Sequence<UInt8> & Sendable, withinMilliseconds patience: Int64) async throws {
    guard let framed = frame(bytes) else { return }
    try await connection.write(framed, withinMilliseconds: patience)
  }

  /// `write` within a time that returns before the kernel has taken the bytes as long as they are few: for a stream that many
  /// clients are sent at once. Throws `ClientDisconnected` where an earlier one has failed.
  public func writeAhead(_ bytes: some Sequence<UInt8> & Sendable, withinMilliseconds patience: Int64) async throws {
    guard let framed = frame(bytes) else { return }
    try await connection.writeAhead(framed, withinMilliseconds: patience)
  }

  /// `write` for a thread that may block, never an event loop's.
  @available(*, noasync)
  public func writeBlocking(_ bytes: some Sequence<UInt8>) throws {
    guard let framed = frame(bytes) else { return }
    try connection.writeBlocking(framed)
  }

  func finish() async throws {
    if form == .chunked { try await connection.write(ByteBuffer(string: "0\r\n\r\n")) }
  }

  private func frame(_ bytes: some Sequence<UInt8>) -> ByteBuffer? {
    var data = ByteBuffer()
    switch form {
    case .plain:
      data.writeBytes(bytes)
      return data.readableBytes > 0 ? data : nil
    case .chunked:
      // The size comes first and is known last: room for eight digits, of which leading zeros are allowed.
      data.writeStaticString("00000000\r\n")
      let count = data.writeBytes(bytes)
      guard count > 0 else { return nil }
      let digits = String(count, radix: 16)
      data.setString(digits, at: data.readerIndex + 8 - digits.utf8.count)
      data.writeStaticString("\r\n")
      return data
    }
  }
}
