/// How a digest was computed. Source: OCI image specification, descriptor.md, *Registered algorithms*.
public enum DigestAlgorithm: String, Sendable, Hashable, CaseIterable {
  case sha256, sha512

  /// Hexadecimal digits of a digest.
  public var digits: Int { self == .sha256 ? 64 : 128 }
}

/// A content digest, `sha256:` and 64 lower-case hexadecimal digits; where the registry says so also `sha512:` and 128.
///
/// The digits alone tell the algorithm by their number, so they serve as keys and file names. The engine makes and keeps
/// SHA-256 only. Source: OCI image specification, descriptor.md, *Digests*.
public struct Digest: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
  /// The hexadecimal digits without the algorithm.
  public let hex: String

  public var algorithm: DigestAlgorithm { hex.utf8.count == DigestAlgorithm.sha256.digits ? .sha256 : .sha512 }

  /// Parses `sha256:<64 hex>`; throws `invalidArgument` for anything else.
  public init(parsing text: String) throws { try self.init(parsing: text, algorithms: [.sha256]) }

  /// The same for whichever of `algorithms` it is.
  public init(parsing text: String, algorithms: [DigestAlgorithm]) throws {
    guard let algorithm = algorithms.first(where: { text.hasPrefix($0.rawValue + ":") }) else {
      let forms = algorithms.map { "\($0):<\($0.digits) hexadecimal digits>" }
      throw PlatformError(
        .invalidArgument, "invalid digest '\(text.prefix(100))': expected \(forms.joined(separator: " or "))")
    }
    try self.init(hex: String(text.dropFirst(algorithm.rawValue.utf8.count + 1)), algorithms: [algorithm])
  }

  /// Takes the 64 hexadecimal digits alone; throws `invalidArgument` for anything else.
  public init(hex: String) throws { try self.init(hex: hex, algorithms: [.sha256]) }

  /// The same for whichever of `algorithms` has as many digits.
  public init(hex: String, algorithms: [DigestAlgorithm]) throws {
    let isHex = hex.utf8.allSatisfy { ($0 >= 48 && $0 <= 57) || ($0 >= 97 && $0 <= 102) }
    guard algorithms.contains(where: { $0.digits == hex.utf8.count }), isHex else {
      let counts = algorithms.map { String($0.digits) }.joined(separator: " or ")
      throw PlatformError(
        .invalidArgument, "invalid digest '\(hex.prefix(150))': expected \(counts) hexadecimal digits")
    }
    self.hex = hex
  }

  /// Takes the 32 bytes of a finished SHA-256 or the 64 of a SHA-512.
  public init(bytes: some Sequence<UInt8>) {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(128)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    precondition(DigestAlgorithm.allCases.contains { $0.digits == text.count }, "a digest has 32 or 64 bytes")
    self.hex = String(decoding: text, as: UTF8.self)
  }

  /// Descriptors may name content of every algorithm; whether it can be kept is the matter of who keeps it.
  public init(from decoder: any Decoder) throws {
    try self.init(
      parsing: decoder.singleValueContainer().decode(String.self), algorithms: DigestAlgorithm.allCases)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  public var description: String { "\(algorithm.rawValue):\(hex)" }
  /// The first twelve digits, as docker prints ids.
  public var short: String { String(hex.prefix(12)) }

  public static func < (left: Digest, right: Digest) -> Bool { left.hex < right.hex }
}
