import Crypto

/// SHA-256 as the engine names contents.
enum SHA256Text {
  private static let digits = Array("0123456789abcdef".utf8)

  static func hex(_ bytes: [UInt8]) -> String { String(decoding: hex(digest: digest(bytes)), as: UTF8.self) }

  static func digest(_ bytes: [UInt8]) -> [UInt8] { Array(SHA256.hash(data: bytes)) }

  static func hex(digest: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(64)
    for byte in digest {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return text
  }

  /// Of what a descriptor holds, and how many bytes that was.
  static func digest(reading descriptor: Int32) throws(ClientError) -> (digest: [UInt8], count: Int) {
    var state = SHA256()
    var count = 0
    while true {
      let piece = try readPiece(descriptor, upTo: 1 << 18)
      if piece.isEmpty { return (Array(state.finalize()), count) }
      piece.withUnsafeBytes { state.update(bufferPointer: $0) }
      count += piece.count
    }
  }
}
