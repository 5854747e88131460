import CZlib

@testable import PodStreams

/// Frames as kubectl's library sends them.
final class SPDYClient {
  private let packer: HeaderPacker
  /// Those of the server's headers, which need their own.
  let unpacker: HeaderUnpacker

  init() throws {
    packer = try HeaderPacker()
    unpacker = try HeaderUnpacker()
  }

  func open(_ stream: Int, _ headers: KeyValuePairs<String, String>, ends: Bool = false) -> [UInt8] {
    control(1, stream.bigEndianBytes(4) + [0, 0, 0, 0, 0, 0] + packer.pack(headers), flags: ends ? 1 : 0)
  }

  func data(_ stream: Int, _ bytes: [UInt8], ends: Bool = false) -> [UInt8] {
    stream.bigEndianBytes(4) + [ends ? 1 : 0] + bytes.count.bigEndianBytes(3) + bytes
  }

  func reset(_ stream: Int) -> [UInt8] { control(3, stream.bigEndianBytes(4) + 5.bigEndianBytes(4)) }

  func ping(_ id: Int) -> [UInt8] { control(6, id.bigEndianBytes(4)) }

  func goAway() -> [UInt8] { control(7, 0.bigEndianBytes(8)) }

  func control(_ kind: Int, _ body: [UInt8], flags: UInt8 = 0, version: Int = 3) -> [UInt8] {
    [0x80, UInt8(version)] + kind.bigEndianBytes(2) + [flags] + body.count.bigEndianBytes(3) + body
  }

  /// The streams that bytes of the server take, in their order.
  func replies(_ bytes: [UInt8]) throws -> [Int] {
    var (streams, offset): ([Int], Int) = ([], 0)
    while offset < bytes.count {
      let length = bytes[(offset + 5)..<(offset + 8)].reduce(0) { $0 << 8 | Int($1) }
      let body = Array(bytes[(offset + 8)..<(offset + 8 + length)])
      if bytes[offset] == 0x80, bytes[offset + 3] == 2 {
        streams.append(body[0..<4].reduce(0) { $0 << 8 | Int($1) })
        guard try unpacker.unpack(Array(body[4...])).isEmpty else { return [] }
      }
      offset += 8 + length
    }
    return streams
  }
}
