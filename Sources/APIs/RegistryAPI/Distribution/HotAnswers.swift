import HTTPServing
import LinuxSystem
import Model
import Registry

/// Manifests and small blobs that were asked for lately, ready to be sent. An entry is true as long as its repository has
/// the version that it was made at.
///
/// Two generations: what is asked for moves to the young one; when that is full, the old one goes.
final class HotAnswers: Sendable {
  static let maximumBytes = 16 << 20
  static let maximumEntries = 8_192
  /// Larger ones are not kept.
  static let maximumEntryBytes = 256 << 10

  struct Entry: Sendable {
    let repository: RepositoryName
    let version: UInt64
    let reference: String
    let digest: Digest
    let headers: HTTPHeaders
    let bytes: [UInt8]
    /// Set where the answer depends on what the client takes: an index under a tag.
    let mediaType: String?
    let action: RegistryAudit.Action

    func isFor(_ request: HTTPRequest) -> Bool {
      mediaType.map { MediaRange.accepts($0, request.headers) } ?? true
    }

    func response(_ request: HTTPRequest) -> HTTPResponse {
      if RegistryAPI.isKnown(digest, to: request) { return RegistryAPI.notModified(digest) }
      return HTTPResponse(headers: headers, body: .bytes(bytes))
    }

    func audit(_ caller: any RegistryCaller) -> RegistryAudit {
      RegistryAudit(
        action, caller: caller.name, from: caller.address, repository: repository.description, reference: reference,
        digest: digest)
    }
  }

  private struct State {
    var young: [String: Entry] = [:]
    var old: [String: Entry] = [:]
    var youngBytes = 0

    mutating func insert(_ entry: Entry, for path: String) {
      let cost = entry.bytes.count + 1_024
      if youngBytes + cost > HotAnswers.maximumBytes / 2 || young.count >= HotAnswers.maximumEntries / 2 {
        old = young
        young = [:]
        youngBytes = 0
      }
      if let replaced = young.updateValue(entry, forKey: path) { youngBytes -= replaced.bytes.count + 1_024 }
      youngBytes += cost
    }
  }

  private let state = Locked(State())

  func find(_ path: String) -> Entry? {
    state.withLock { state in
      if let entry = state.young[path] { return entry }
      guard let entry = state.old.removeValue(forKey: path) else { return nil }
      state.insert(entry, for: path)
      return entry
    }
  }

  func insert(_ entry: Entry, for path: String) {
    guard entry.bytes.count <= Self.maximumEntryBytes, path.utf8.count <= 1_024 else { return }
    state.withLock { $0.insert(entry, for: path) }
  }
}

/// What a client takes. Source: RFC 9110, section 12.5.1; weights do not matter here.
enum MediaRange {
  static func accepts(_ type: String, _ headers: HTTPHeaders) -> Bool {
    let values = headers["Accept"]
    if values.isEmpty { return true }
    let family = type.prefix { $0 != "/" } + "/*"
    for value in values {
      for part in value.split(separator: ",") {
        let range = part.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }
        if range == type || range == "*/*" || range == family { return true }
      }
    }
    return false
  }
}
