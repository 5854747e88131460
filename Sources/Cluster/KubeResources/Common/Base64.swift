import FoundationEssentials

/// Base64 of data in documents. Source: RFC 4648 section 4.
enum Base64 {
  static func encoded(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
  static func decoded(_ text: String) -> [UInt8]? { Data(base64Encoded: text).map { Array($0) } }
}
