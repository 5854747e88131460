import NIOCore
import Testing

@testable import CRIProtocol

@Suite struct FramingTests {
  private static let bound = 100

  /// The messages that bytes hold when they come in pieces of a size.
  private func messages(_ bytes: [UInt8], inPiecesOf size: Int) throws(GRPCStatus) -> [[UInt8]] {
    var reader = GRPCMessageReader(maxMessageBytes: Self.bound)
    var found: [[UInt8]] = []
    for start in stride(from: 0, to: bytes.count, by: size) {
      var piece = ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)])
      reader.append(&piece)
      while let message = try reader.next() { found.append(message) }
    }
    return found
  }

  @Test(arguments: [1, 2, 5, 6, 1000]) func messagesComeOutAsTheyWentIn(_ size: Int) throws {
    let sent: [[UInt8]] = [[], [7], Array(repeating: 9, count: Self.bound)]
    var bytes: [UInt8] = []
    for message in sent { bytes += try GRPCMessageReader.frame(message, maxMessageBytes: Self.bound).readableBytesView }
    let received = try messages(bytes, inPiecesOf: size)
    #expect(received == sent)
  }

  @Test(
    arguments: [
      ([0, 0, 0, 0, 101], GRPCStatus.Code.resourceExhausted), ([0, 255, 255, 255, 255], .resourceExhausted),
      ([1, 0, 0, 0, 1, 5], .unimplemented), ([2], .internal), ([255, 0, 0, 0, 0], .internal),
    ] as [([UInt8], GRPCStatus.Code)])
  func aBadPrefixIsRefusedBeforeItsMessage(_ bytes: [UInt8], _ code: GRPCStatus.Code) {
    let error = #expect(throws: GRPCStatus.self) { try messages(bytes, inPiecesOf: 1) }
    #expect(error?.code == code)
  }

  @Test func aMessageOverTheBoundIsNotSent() {
    let error = #expect(throws: GRPCStatus.self) {
      try GRPCMessageReader.frame(Array(repeating: 0, count: 101), maxMessageBytes: Self.bound)
    }
    #expect(error?.code == .resourceExhausted)
  }

  @Test func whatIsLeftOverIsKnown() throws {
    var reader = GRPCMessageReader(maxMessageBytes: Self.bound)
    var bytes = ByteBuffer(bytes: [0, 0, 0, 0, 2, 1])
    reader.append(&bytes)
    let message = try reader.next()
    #expect(message == nil)
    #expect(!reader.isEmpty)
  }
}
