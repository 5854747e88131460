import Crypto
import CryptoExtras
import FoundationEssentials
import Model

/// A password as it is kept: what scrypt makes of it, with the parameters of the time. Source: RFC 7914.
struct PasswordRecord: Codable, Sendable, Equatable {
  private static let bytes = 32
  private static let saltBytes = 16
  static let lengths = 12...256

  /// scrypt's N of passwords that people use.
  static let rounds = 1 << 14

  /// scrypt's N, r and p: 16 MiB of memory for each try with the N above.
  private let rounds: Int
  private var blockSize = 8
  private var parallelism = 1
  private let salt: Data
  private var derived = Data()

  /// Throws `invalidArgument` for a password that is too short or too long.
  init(_ password: String, rounds: Int) throws {
    guard Self.lengths.contains(password.utf8.count) else {
      throw PlatformError(
        .invalidArgument,
        "field 'password': it has \(password.utf8.count) bytes; \(Self.lengths.lowerBound) to \(Self.lengths.upperBound) are needed"
      )
    }
    guard !Secret.isLike(password) else {
      throw PlatformError(.invalidArgument, "field 'password': it begins as the secrets of tokens and robots do")
    }
    self.rounds = rounds
    salt = Self.random(bytes: Self.saltBytes)
    derived = try derive(password)
  }

  /// What no password fits, though trying takes as long as with any other.
  static func ofNobody(rounds: Int) -> PasswordRecord { PasswordRecord(rounds: rounds) }

  private init(rounds: Int) {
    self.rounds = rounds
    salt = Self.random(bytes: Self.saltBytes)
    derived = Self.random(bytes: Self.bytes)
  }

  private static func random(bytes: Int) -> Data {
    SymmetricKey(size: .init(bitCount: bytes * 8)).withUnsafeBytes { Data($0) }
  }

  /// Takes some 50 ms and 16 MiB.
  func fits(_ password: String) throws -> Bool {
    guard password.utf8.count <= Self.lengths.upperBound else { return false }
    let other = try derive(password)
    // All bytes are compared, so that the time tells nothing.
    return other.count == derived.count && zip(other, derived).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
  }

  private func derive(_ password: String) throws -> Data {
    let key = try KDF.Scrypt.deriveKey(
      from: Data(password.utf8), salt: salt, outputByteCount: Self.bytes, rounds: rounds, blockSize: blockSize,
      parallelism: parallelism)
    return key.withUnsafeBytes { Data($0) }
  }
}
