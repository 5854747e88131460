/// A content digest, `sha256:` and 64 lower-case hexadecimal digits.
///
/// Source: OCI image specification, descriptor.md, *Digests*. Only SHA-256 is accepted.
public struct Digest: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
  /// The 64 hexadecimal digits without the algorithm.
  public let hex: String

  /// Parses `sha256:<64 hex>`; throws `invalidArgument` for anything else.
  public init(parsing text: String) throws {
    guard text.hasPrefix("sha256:") else {
      throw PlatformError(
        .invalidArgument, "invalid digest '\(text.prefix(100))': expected sha256:<64 hexadecimal digits>")
    }
    try self.init(hex: String(text.dropFirst(7)))
  }

  /// Takes the 64 hexadecimal digits alone; throws `invalidArgument` for anything else.
  public init(hex: String) throws {
    guard hex.utf8.count == 64, hex.utf8.allSatisfy({ ($0 >= 48 && $0 <= 57) || ($0 >= 97 && $0 <= 102) }) else {
      throw PlatformError(.invalidArgument, "invalid digest '\(hex.prefix(100))': expected 64 hexadecimal digits")
    }
    self.hex = hex
  }

  /// Takes the 32 bytes of a finished SHA-256.
  public init(bytes: some Sequence<UInt8>) {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(64)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    precondition(text.count == 64, "a SHA-256 has 32 bytes")
    self.hex = String(decoding: text, as: UTF8.self)
  }

  public init(from decoder: any Decoder) throws {
    try self.init(parsing: decoder.singleValueContainer().decode(String.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  public var description: String { "sha256:\(hex)" }
  /// The first twelve digits, as docker prints ids.
  public var short: String { String(hex.prefix(12)) }

  public static func < (left: Digest, right: Digest) -> Bool { left.hex < right.hex }
}
