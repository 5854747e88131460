import Crypto
import FoundationEssentials
import Glibc
import LinuxSystem
import Model

/// Seals passwords that have to be had again, by AES-256-GCM under a key in a file of its own: who gets hold of the database
/// alone cannot read them. The name of their owner is bound in, so that none can be put in another's place.
struct PasswordSeal: Sendable {
  private static let keyBytes = 32

  private let key: SymmetricKey

  /// Reads the key, or makes one where there is none. Throws `internal` for a file that is no key, or that is not this
  /// user's alone.
  init(keyFile path: String) throws {
    do {
      if !FileSystem.exists(path) {
        let fresh = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
        try FileSystem.atomicWrite(path, fresh, mode: 0o600)
      }
      let file = try Descriptor.open(path, flags: O_RDONLY | O_NOFOLLOW)
      var status = stat()
      try systemCall("fstat", path) { fstat(file.raw, &status) }
      guard status.st_uid == geteuid(), status.st_mode & 0o077 == 0 else {
        throw PlatformError(
          .internal, "the key file '\(path)' must belong to the server's user and be closed to others: chmod 600")
      }
      let bytes = try file.readAll(maxBytes: Self.keyBytes)
      guard bytes.count == Self.keyBytes else {
        throw PlatformError(.internal, "the key file '\(path)' has \(bytes.count) bytes instead of \(Self.keyBytes)")
      }
      key = SymmetricKey(data: bytes)
    } catch let error as SystemError {
      throw PlatformError(.internal, "the key file '\(path)' cannot be used", cause: error)
    }
  }

  func seal(_ password: String, of owner: String) throws -> Data {
    let box = try AES.GCM.seal(Data(password.utf8), using: key, authenticating: Data(owner.utf8))
    guard let sealed = box.combined else { throw PlatformError(.internal, "a password could not be sealed") }
    return sealed
  }

  /// Throws `internal` where the key is another one or the record was changed.
  func open(_ sealed: Data, of owner: String) throws -> String {
    do {
      let bytes = try AES.GCM.open(AES.GCM.SealedBox(combined: sealed), using: key, authenticating: Data(owner.utf8))
      return String(decoding: bytes, as: UTF8.self)
    } catch {
      throw PlatformError(
        .internal, "the password of the peer '\(owner)' cannot be read with the key at hand: set the peer again",
        cause: error)
    }
  }
}
