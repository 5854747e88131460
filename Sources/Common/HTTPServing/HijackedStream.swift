import NIOCore

/// A connection taken over from HTTP: raw bytes both ways.
public struct HijackedStream: Sendable {
  private let connection: ConnectionIO

  init(connection: ConnectionIO) {
    self.connection = connection
  }

  /// The next bytes, or nil when the client closed its sending side; what goes to the client is not touched by that.
  /// Throws `CancellationError` when the task is cancelled, `ClientDisconnected` when the connection broke. One reader
  /// at a time.
  public func read() async throws -> [UInt8]? {
    try await connection.read().map { Array($0.readableBytesView) }
  }

  /// Returns when the kernel has taken the bytes; throws `ClientDisconnected`.
  public func write(_ bytes: some Sequence<UInt8> & Sendable) async throws {
    let data = ByteBuffer(bytes: bytes)
    if data.readableBytes > 0 { try await connection.write(data) }
  }

  /// `read` for a thread that may block, never an event loop's.
  @available(*, noasync)
  public func readBlocking() throws -> [UInt8]? {
    try connection.readBlocking().map { Array($0.readableBytesView) }
  }

  /// `write` for a thread that may block, never an event loop's.
  @available(*, noasync)
  public func writeBlocking(_ bytes: some Sequence<UInt8>) throws {
    let data = ByteBuffer(bytes: bytes)
    if data.readableBytes > 0 { try connection.writeBlocking(data) }
  }

  /// Tells the client that nothing more comes; it may go on sending.
  public func closeWrite() async {
    await connection.closeOutput()
  }
}
