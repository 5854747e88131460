import Crypto
import CryptoExtras
import FoundationEssentials
import Model

/// Seals the pieces of one archive by AES-256-GCM under a key that scrypt (RFC 7914) makes of a passphrase and the archive's
/// own salt. Piece and number belong together, so that none can be left out, doubled or put elsewhere.
struct ArchiveKey: Sendable {
  static let passphraseBytes = 8...1_024
  /// Bytes that sealing adds.
  static let tagBytes = 16

  struct Parameters: Codable, Sendable, Equatable {
    fileprivate static let cipherName = "AES-256-GCM"
    fileprivate static let derivationName = "scrypt"
    /// 64 MiB of memory for each try.
    static let ownRounds = 1 << 16
    /// What an archive may ask for; the most is what is used here.
    fileprivate static let allowedRounds = (1 << 10)...(1 << 16)

    var cipher = cipherName
    var derivation = derivationName
    var rounds = ownRounds
    var blockSize = 8
    var parallelism = 1
    var salt: Data
    /// A tag that only the right key makes.
    var check = Data()
  }

  private enum Purpose: String {
    case check, piece, end
  }

  let parameters: Parameters
  private let key: SymmetricKey

  /// A key for a new archive.
  /// - Throws: `invalidArgument` for a passphrase of fewer than 8 or more than 1024 bytes.
  init(passphrase: [UInt8], rounds: Int = Parameters.ownRounds) throws {
    var parameters = Parameters(rounds: rounds, salt: SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) })
    key = try Self.derive(passphrase, parameters)
    parameters.check = try Self.seal([], key, .check, 0, [])
    self.parameters = parameters
  }

  /// The key of an archive.
  /// - Throws: `invalidArgument` for parameters that are out of bounds, `forbidden` for another passphrase than the archive's.
  init(passphrase: [UInt8], _ parameters: Parameters) throws {
    guard parameters.cipher == Parameters.cipherName, parameters.derivation == Parameters.derivationName else {
      throw PlatformError(
        .invalidArgument,
        "the archive is sealed by \(parameters.cipher.prefix(32)) and \(parameters.derivation.prefix(32)); this engine knows "
          + "\(Parameters.cipherName) and \(Parameters.derivationName)")
    }
    guard Parameters.allowedRounds.contains(parameters.rounds), parameters.rounds.nonzeroBitCount == 1,
      parameters.blockSize == 8, parameters.parallelism == 1, parameters.salt.count == 32
    else { throw PlatformError(.invalidArgument, "the archive's parameters of scrypt are out of bounds") }
    key = try Self.derive(passphrase, parameters)
    self.parameters = parameters
    do {
      _ = try Self.open([UInt8](parameters.check), key, .check, 0, [])
    } catch {
      throw PlatformError(.forbidden, "the passphrase is not the archive's")
    }
  }

  private static func derive(_ passphrase: [UInt8], _ parameters: Parameters) throws -> SymmetricKey {
    guard passphraseBytes.contains(passphrase.count) else {
      throw PlatformError(
        .invalidArgument,
        "a passphrase has \(passphraseBytes.lowerBound) to \(passphraseBytes.upperBound) bytes, not \(passphrase.count)"
      )
    }
    return try KDF.Scrypt.deriveKey(
      from: Data(passphrase), salt: parameters.salt, outputByteCount: 32, rounds: parameters.rounds,
      blockSize: parameters.blockSize, parallelism: parameters.parallelism)
  }

  func seal(_ bytes: [UInt8], piece: UInt64) throws -> [UInt8] {
    [UInt8](try Self.seal(bytes, key, .piece, piece, []))
  }

  /// - Throws: `invalidArgument` for a piece that was changed, or is another one.
  func open(_ sealed: [UInt8], piece: UInt64) throws -> [UInt8] {
    do {
      return try Self.open(sealed, key, .piece, piece, [])
    } catch {
      throw PlatformError(.invalidArgument, "the archive is damaged or was changed: piece \(piece) does not open")
    }
  }

  /// A seal over the list of everything, behind the last piece.
  func sealEnd(_ list: [UInt8], pieces: UInt64) throws -> [UInt8] {
    [UInt8](try Self.seal([], key, .end, pieces, list))
  }

  func checkEnd(_ sealed: [UInt8], list: [UInt8], pieces: UInt64) throws {
    do {
      _ = try Self.open(sealed, key, .end, pieces, list)
    } catch {
      throw PlatformError(.invalidArgument, "the archive is damaged or was changed: its end does not fit")
    }
  }

  /// The key is this archive's alone, so numbers are nonces: none comes twice for the same purpose.
  private static func nonce(_ purpose: Purpose, _ number: UInt64) throws -> AES.GCM.Nonce {
    let first: UInt8 =
      switch purpose {
      case .piece: 0
      case .end: 1
      case .check: 2
      }
    let digits = (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * UInt64($0))) }
    return try AES.GCM.Nonce(data: [first, 0, 0, 0] + digits)
  }

  private static func seal(
    _ bytes: [UInt8], _ key: SymmetricKey, _ purpose: Purpose, _ number: UInt64, _ bound: [UInt8]
  ) throws -> Data {
    let box = try AES.GCM.seal(
      bytes, using: key, nonce: nonce(purpose, number), authenticating: Data(purpose.rawValue.utf8) + bound)
    return box.ciphertext + box.tag
  }

  private static func open(
    _ sealed: [UInt8], _ key: SymmetricKey, _ purpose: Purpose, _ number: UInt64, _ bound: [UInt8]
  ) throws -> [UInt8] {
    guard sealed.count >= tagBytes else { throw PlatformError(.invalidArgument, "a sealed piece is too short") }
    let box = try AES.GCM.SealedBox(
      nonce: nonce(purpose, number), ciphertext: sealed.dropLast(tagBytes), tag: sealed.suffix(tagBytes))
    return [UInt8](try AES.GCM.open(box, using: key, authenticating: Data(purpose.rawValue.utf8) + bound))
  }
}
