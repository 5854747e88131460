import Crypto
import FoundationEssentials
import Model

/// The keys that records are sealed with, from a file that lies outside the database. The first one seals; the others open
/// what was sealed before they were followed by another.
///
/// The file has a line for each key: its id (1 to 32 lower-case letters, digits, `-`) and 32 random bytes in base64.
public struct StorageKeys: Sendable {
  struct Key: Sendable {
    let id: String
    let encryption: SymmetricKey
    let integrity: SymmetricKey

    /// Two keys of one, so that neither use weakens the other. Source: RFC 5869.
    init(id: String, secret: SymmetricKey) {
      self.id = id
      func derive(_ purpose: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
          inputKeyMaterial: secret, info: Data("bulkhead storage \(purpose)".utf8), outputByteCount: 32)
      }
      encryption = derive("encryption")
      integrity = derive("integrity")
    }
  }

  static let maxKeys = 16

  let keys: [Key]
  var first: Key { keys[0] }

  /// Reads the file's bytes. Throws `invalidArgument` with the line.
  public init(parsing bytes: [UInt8]) throws {
    var keys: [Key] = []
    for (number, line) in bytes.split(separator: 10, omittingEmptySubsequences: false).enumerated() where !line.isEmpty
    {
      let parts = String(decoding: line, as: UTF8.self).split(separator: " ")
      guard parts.count == 2, Self.isID(parts[0]), let secret = Data(base64Encoded: String(parts[1])),
        secret.count == 32
      else {
        throw PlatformError(
          .invalidArgument, "storage keys, line \(number + 1): expected an id and 32 bytes in base64")
      }
      guard !keys.contains(where: { $0.id == parts[0] }), keys.count < Self.maxKeys else {
        throw PlatformError(
          .invalidArgument,
          "storage keys, line \(number + 1): the id is there twice, or there are over \(Self.maxKeys) keys")
      }
      keys.append(Key(id: String(parts[0]), secret: SymmetricKey(data: secret)))
    }
    guard !keys.isEmpty else { throw PlatformError(.invalidArgument, "storage keys: there is no key") }
    self.keys = keys
  }

  /// The file's bytes with a new random key before the others. Throws `invalidArgument` where there are too many.
  public static func adding(to bytes: [UInt8]) throws -> [UInt8] {
    // Larger numbers are somebody's own ids.
    let numbers = try StorageKeys(parsing: bytes).keys.compactMap { key in
      key.id.hasPrefix("k") ? UInt32(key.id.dropFirst()).map(UInt64.init) : nil
    }
    let grown = freshLine(id: "k\((numbers.max() ?? 0) + 1)") + bytes
    _ = try StorageKeys(parsing: grown)
    return grown
  }

  /// The file's bytes with the first key alone, once nothing is sealed with the others.
  public static func dropping(from bytes: [UInt8]) throws -> [UInt8] {
    _ = try StorageKeys(parsing: bytes)
    return bytes.split(separator: 10).first.map { Array($0) + [10] } ?? bytes
  }

  /// A line with a new random key, to be written before the others.
  public static func freshLine(id: String) -> [UInt8] {
    let secret = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) }
    return Array("\(id) \(secret.base64EncodedString())\n".utf8)
  }

  private static func isID(_ text: Substring) -> Bool {
    (1...32).contains(text.utf8.count)
      && text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-") }
  }
}
