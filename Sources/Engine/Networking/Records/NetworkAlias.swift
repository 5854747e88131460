import Model

/// A further name of a container on a network, as the name service answers for it.
public enum NetworkAlias {
  /// Bytes of a name and of each of its parts between dots (RFC 1035, 2.3.4).
  private static let maximumBytes = 253
  private static let maximumPartBytes = 63

  /// - Throws: `invalidArgument` for what nobody could ask a name server for.
  public static func check(_ alias: String) throws {
    guard alias.utf8.count <= maximumBytes else {
      throw refused(alias, "longer than \(maximumBytes) bytes")
    }
    let parts = alias.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.allSatisfy({ (1...maximumPartBytes).contains($0.count) }) else {
      throw refused(alias, "each part between dots has 1 to \(maximumPartBytes) bytes")
    }
    guard parts.joined().allSatisfy(isPlain), !alias.hasPrefix("-") else {
      throw refused(alias, "letters, digits, '_', '-' and '.' are allowed, and no '-' at the beginning")
    }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  private static func refused(_ alias: String, _ reason: String) -> PlatformError {
    PlatformError(.invalidArgument, "invalid network alias '\(alias.prefix(64))': \(reason)")
  }
}
