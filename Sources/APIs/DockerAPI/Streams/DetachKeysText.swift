import Model

/// The keys that end an attached session, as clients write them: `ctrl-p,ctrl-q`.
enum DetachKeysText {
  static let standard: [UInt8] = [16, 17]

  /// Bytes for a text; the standard ones for none. Throws `invalidArgument` for an unknown key.
  static func parse(_ text: String?) throws -> [UInt8] {
    guard let text, !text.isEmpty else { return standard }
    return try text.split(separator: ",", omittingEmptySubsequences: false).map { key in
      guard let byte = byte(key) else {
        throw PlatformError(
          .invalidArgument, "invalid detach keys (\(text.prefix(64))): Unknown character: '\(key.prefix(16))'")
      }
      return byte
    }
  }

  private static func byte(_ key: Substring) -> UInt8? {
    if key.utf8.count == 1 { return key.utf8.first }
    if key == "DEL" { return 127 }
    guard key.hasPrefix("ctrl-"), key.utf8.count == 6, let letter = key.utf8.last else { return nil }
    switch letter {
    case UInt8(ascii: "a")...UInt8(ascii: "z"): return letter - UInt8(ascii: "a") + 1
    case UInt8(ascii: "@"): return 0
    case UInt8(ascii: "["): return 27
    case UInt8(ascii: "\\"): return 28
    case UInt8(ascii: "]"): return 29
    case UInt8(ascii: "^"): return 30
    case UInt8(ascii: "_"): return 31
    default: return nil
    }
  }
}
