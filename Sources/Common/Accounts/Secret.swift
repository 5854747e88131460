import Crypto
import FoundationEssentials

/// A secret that was drawn, not chosen: 256 random bits. It is kept as SHA-256, for which nobody can try all of them.
struct Secret {
  enum Kind: String { case token = "bht_", robot = "bhr_" }

  /// Shown once.
  let text: String
  var hash: SecretHash { SecretHash(text) }

  init(_ kind: Kind) {
    text = kind.rawValue + SymmetricKey(size: .bits256).withUnsafeBytes { Self.hexadecimal($0) }
  }

  /// Whether a text has the form of a secret; no password may have it.
  static func isLike(_ text: String) -> Bool {
    text.hasPrefix(Kind.token.rawValue) || text.hasPrefix(Kind.robot.rawValue)
  }

  static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}

/// What is kept of a secret.
struct SecretHash: Codable, Sendable {
  private let bytes: Data

  init(_ text: String) { bytes = Data(SHA256.hash(data: Data(text.utf8))) }

  init(from decoder: any Decoder) throws { bytes = try decoder.singleValueContainer().decode(Data.self) }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(bytes)
  }

  /// Where it is looked for. Finding something there proves nothing: ``fits(_:)`` does.
  var place: UInt64 { bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
  /// Tells whether a secret is still the one that it was.
  var mark: String { Secret.hexadecimal(bytes.suffix(8)) }

  /// All bytes are compared, so that the time tells nothing.
  func fits(_ other: SecretHash) -> Bool {
    bytes.count == other.bytes.count && zip(bytes, other.bytes).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
  }
}
