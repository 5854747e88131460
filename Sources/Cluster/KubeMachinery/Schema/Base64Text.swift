/// Base64 in documents. Source: RFC 4648 section 4; Go's `encoding/base64`, which skips line ends.
enum Base64Text {
  /// The text without line ends. Throws where it is not base64, with the offset of what is wrong.
  static func canonical(_ text: String) throws(DocumentError) -> String {
    let bytes = Array(text.utf8)
    var kept: [UInt8] = []
    kept.reserveCapacity(bytes.count)
    var padding = 0
    for (index, byte) in bytes.enumerated() {
      switch byte {
      case 10, 13: continue
      case UInt8(ascii: "="):
        guard kept.count % 4 >= 2 else { throw wrong(index) }
        padding += 1
      default:
        guard padding == 0, isDigit(byte) else { throw wrong(index) }
      }
      kept.append(byte)
    }
    guard kept.count % 4 == 0 else { throw wrong(bytes.count - kept.count % 4) }
    return kept.count == bytes.count ? text : String(decoding: kept, as: UTF8.self)
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), 48...57, UInt8(ascii: "+"),
      UInt8(ascii: "/"):
      true
    default: false
    }
  }

  private static func wrong(_ offset: Int) -> DocumentError {
    DocumentError(message: "illegal base64 data at input byte \(offset)")
  }

  /// How many bytes canonical base64 stands for.
  static func byteCount(_ text: String) -> Int {
    text.utf8.count / 4 * 3 - text.utf8.reversed().prefix { $0 == UInt8(ascii: "=") }.count
  }
}
