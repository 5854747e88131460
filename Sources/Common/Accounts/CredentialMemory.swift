import Crypto
import FoundationEssentials

/// Remembers which credentials were right, so that a password is not derived for each request, until they have not been
/// used for a while or are forgotten because they changed. It keeps no password: a keyed hash under a key of this process.
struct CredentialMemory {
  static let maximumEntries = 1_024
  static let idleSeconds: Int64 = 60

  private let key = SymmetricKey(size: .bits256)
  private var entries: [Data: (name: String, until: Int64)] = [:]

  mutating func name(_ name: String, _ password: String, now: Int64) -> String? {
    let seal = seal(name, password)
    guard let entry = entries[seal], entry.until > now else { return nil }
    entries[seal]?.until = now + Self.idleSeconds
    return entry.name
  }

  mutating func remember(_ name: String, _ password: String, now: Int64) {
    if entries.count >= Self.maximumEntries { entries = entries.filter { $0.value.until > now } }
    if entries.count >= Self.maximumEntries { entries.removeAll() }
    entries[seal(name, password)] = (name, now + Self.idleSeconds)
  }

  mutating func forget(_ name: String) { entries = entries.filter { $0.value.name != name } }

  /// Tells credentials apart and does not give them away.
  func seal(_ name: String, _ password: String) -> Data {
    Data(HMAC<SHA256>.authenticationCode(for: Data("\(name.utf8.count):\(name)\(password)".utf8), using: key))
  }
}
