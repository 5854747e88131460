import FoundationEssentials
import Model
import OCITypes
import Persistence

/// The tables and what their records hold. Ids that have several parts join them by `:`, which no part but the last
/// may hold; all records of a prefix are the range from `prefix:` to `prefix;`.
enum Table {
  /// hex → `BlobRecord`: every blob of the store.
  static let blobs = "registry_blobs"
  /// hex → nothing: blobs that no project holds any more.
  static let orphans = "registry_orphans"
  /// hex:project → `HoldingRecord`
  static let holdings = "registry_holdings"
  /// repository:hex → `LinkRecord`: blobs that a repository shows.
  static let links = "registry_links"
  /// repository:hex → `LeaseRecord`: links that nothing uses, and those that a running push relies on.
  static let leases = "registry_leases"
  /// repository:hex → `ManifestRecord`
  static let manifests = "registry_manifests"
  /// repository:hex:manifest → nothing: the manifest uses the blob or manifest.
  static let uses = "registry_uses"
  /// repository:tag → `TagRecord`
  static let tags = "registry_tags"
  /// repository:hex:tag → nothing
  static let tagged = "registry_tagged"
  /// repository:subject:hex → `ContentDescriptor`
  static let referrers = "registry_referrers"
  /// name → `RepositoryRecord`
  static let repositories = "registry_repositories"
  /// name → `ProjectRecord`
  static let projects = "registry_projects"
  /// sequence → `FileChange`
  static let changes = "registry_changes"

  /// All that can be made again from the files.
  static let derived = [
    blobs, orphans, holdings, links, leases, manifests, uses, tags, tagged, referrers, repositories, projects,
  ]

  static let migrations = [
    Migration(name: "tables", steps: (derived + [changes]).map { .createTable($0, hasNames: false) })
  ]

  /// The digest that is an id's last part.
  static func digest(_ id: String) throws -> Digest {
    let hex = id.lastIndex(of: ":").map { id[id.index(after: $0)...] } ?? id[...]
    return try Digest(hex: String(hex), algorithms: DigestAlgorithm.allCases)
  }

  /// What a record is about, in a user's words.
  static func subject(_ table: String, _ id: String) -> String {
    let parts = id.split(separator: ":").map(String.init)
    func digest(_ index: Int) -> String {
      guard parts.indices.contains(index) else { return "?" }
      return (try? Self.digest(parts[index]))?.description ?? parts[index]
    }
    let owner = parts.first ?? "?"
    switch table {
    case blobs, orphans: return digest(0)
    case holdings: return "\(digest(0)) in project \(parts.last ?? "?")"
    case links, leases: return "blob \(digest(1)) of \(owner)"
    case manifests: return "\(owner)@\(digest(1))"
    case uses: return "\(digest(1)) as part of \(owner)@\(digest(2))"
    case tags: return id
    case tagged: return "\(owner):\(parts.last ?? "?") of \(digest(1))"
    case referrers: return "\(owner)@\(digest(2)) as referrer of \(digest(1))"
    case repositories: return "repository \(id)"
    case projects: return "project \(id)"
    default: return "\(table) \(id)"
    }
  }

  /// What stands before an id's last part.
  static func owner(_ id: String) -> String { id.lastIndex(of: ":").map { String(id[..<$0]) } ?? "" }

  /// The range of ids that begin with these parts and a colon.
  static func range(_ parts: String...) -> (from: String, below: String) {
    let prefix = parts.joined(separator: ":")
    return (prefix + ":", prefix + ";")
  }
}

struct BlobRecord: Codable, Sendable, Equatable {
  var sizeBytes: Int64
}

/// How many links and manifests of a project name the blob.
struct HoldingRecord: Codable, Sendable, Equatable {
  var count: Int
}

struct LinkRecord: Codable, Sendable, Equatable {
  var sizeBytes: Int64
}

struct LeaseRecord: Codable, Sendable, Equatable {
  /// When a client was last told that the blob is there; 0 where nobody relies on it.
  var touchedAt: Int64
  /// Pushes that were told so and have not sent their manifest.
  var promises: Int
}

struct ManifestRecord: Codable, Sendable, Equatable {
  var mediaType: String
  var sizeBytes: Int64
  var pushedAt: Int64
  var pushedBy: String
  var artifactType: String?
  var subject: Digest?
  /// Blobs that have to be there, each once.
  var blobs: [Digest]
  /// Manifests that have to be there.
  var manifests: [Digest]
  /// Bytes of the blobs and of the manifest itself.
  var totalBytes: Int64
}

struct TagRecord: Codable, Sendable, Equatable {
  var digest: Digest
  var pushedAt: Int64
}

struct RepositoryRecord: Codable, Sendable, Equatable {
  var createdAt: Int64
  var manifests: Int
}

struct ProjectRecord: Codable, Sendable, Equatable {
  var settings = ProjectSettings()
  /// Bytes of the blobs and manifests that the project's repositories hold, each once.
  var usedBytes: Int64 = 0
}
