import Crypto
import FoundationEssentials

/// Remembers for a short while which credentials were right, so that a password is not derived for each request. It keeps
/// no password: a keyed hash under a key of this process.
struct CredentialMemory {
  static let maximumEntries = 1_024
  static let lifeSeconds: Int64 = 60

  private let key = SymmetricKey(size: .bits256)
  private var entries: [Data: (name: String, until: Int64)] = [:]

  func name(_ name: String, _ password: String, now: Int64) -> String? {
    guard let entry = entries[seal(name, password)], entry.until > now else { return nil }
    return entry.name
  }

  mutating func remember(_ name: String, _ password: String, now: Int64) {
    if entries.count >= Self.maximumEntries { entries = entries.filter { $0.value.until > now } }
    if entries.count >= Self.maximumEntries { entries.removeAll() }
    entries[seal(name, password)] = (name, now + Self.lifeSeconds)
  }

  mutating func forget(_ name: String) { entries = entries.filter { $0.value.name != name } }

  private func seal(_ name: String, _ password: String) -> Data {
    Data(HMAC<SHA256>.authenticationCode(for: Data("\(name.utf8.count):\(name)\(password)".utf8), using: key))
  }
}
