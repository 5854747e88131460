import NIOCore

/// Cuts the bytes of a call into messages: a byte that tells of compression, four bytes of length, the message.
/// Source: gRPC over HTTP/2, "Length-Prefixed-Message".
struct GRPCMessageReader {
  private static let prefixBytes = 5

  private var buffer = ByteBuffer()
  private let maxMessageBytes: Int

  init(maxMessageBytes: Int) { self.maxMessageBytes = maxMessageBytes }

  /// Nothing of a message is left over.
  var isEmpty: Bool { buffer.readableBytes == 0 }

  /// Takes bytes as they come.
  mutating func append(_ bytes: inout ByteBuffer) { buffer.writeBuffer(&bytes) }

  /// The next whole message; nil where more bytes are needed.
  ///
  /// Throws `GRPCStatus`: `resourceExhausted` as soon as a message's length is known to be over the bound, `unimplemented` for
  /// one that is compressed, `internal` for a prefix that is none.
  mutating func next() throws(GRPCStatus) -> [UInt8]? {
    guard let flag = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return nil }
    guard flag <= 1 else { throw GRPCStatus(.internal, "the prefix of a message begins with \(flag), not with 0 or 1") }
    guard flag == 0 else { throw GRPCStatus(.unimplemented, "messages that are compressed are not taken") }
    guard let length = buffer.getInteger(at: buffer.readerIndex + 1, as: UInt32.self) else { return nil }
    guard length <= maxMessageBytes else {
      throw GRPCStatus(.resourceExhausted, "a message of \(length) bytes is over the bound of \(maxMessageBytes)")
    }
    guard buffer.readableBytes >= Self.prefixBytes + Int(length) else { return nil }
    buffer.moveReaderIndex(forwardBy: Self.prefixBytes)
    let message = buffer.readBytes(length: Int(length)) ?? []
    buffer.discardReadBytes()
    return message
  }

  /// A message with its prefix.
  ///
  /// Throws `GRPCStatus.resourceExhausted` for one over the bound.
  static func frame(_ message: [UInt8], maxMessageBytes: Int) throws(GRPCStatus) -> ByteBuffer {
    guard message.count <= maxMessageBytes else {
      throw GRPCStatus(
        .resourceExhausted, "a message of \(message.count) bytes is over the bound of \(maxMessageBytes)")
    }
    var buffer = ByteBufferAllocator().buffer(capacity: prefixBytes + message.count)
    buffer.writeInteger(UInt8(0))
    buffer.writeInteger(UInt32(message.count))
    buffer.writeBytes(message)
    return buffer
  }
}
