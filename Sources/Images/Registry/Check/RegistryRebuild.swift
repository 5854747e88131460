import ContentStore
import FoundationEssentials
import LinuxSystem
import Model
import OCITypes
import Persistence

/// The records that the files lead to.
///
/// From the files come blobs, manifests, tags and settings; links are what manifests use, and what the present records
/// have beside these (blobs of pushes that are under way), as no file tells of them. Held in memory as a whole: about
/// 2 KiB for each manifest.
struct RegistryRebuild {
  /// Table → id → record.
  private(set) var tables: [String: [String: Data]] = [:]
  private(set) var repositories: [RepositoryName] = []

  private var blobs: [Digest: Int64]
  private var used: [String: [Digest: Int64]] = [:]
  private var counts: [String: Int] = [:]
  private let registry: Registry
  private let files: RegistryFiles

  init(_ registry: Registry, damaged: Set<Digest>, _ check: inout RegistryCheck) throws {
    self.registry = registry
    files = registry.files
    blobs = Dictionary(
      uniqueKeysWithValues: try registry.content.list().filter { !damaged.contains($0.digest) }.map {
        ($0.digest, $0.sizeBytes)
      })
    for table in Table.derived { tables[table] = [:] }
    for (digest, size) in blobs { try put(BlobRecord(sizeBytes: size), Table.blobs, digest.hex) }
    for name in try Self.findRepositories(files) { try add(name, &check) }
    try addUnusedLinks()
    try addRepositoriesWithoutManifests()
    for (id, count) in counts { try put(HoldingRecord(count: count), Table.holdings, id) }
    try addProjects()
    let held = Set(counts.keys.map(Table.owner))
    for digest in blobs.keys where !held.contains(digest.hex) {
      tables[Table.orphans]?[digest.hex] = Data()
    }
  }

  private mutating func put(_ record: some Encodable, _ table: String, _ id: String) throws {
    tables[table]?[id] = Data(try ImageDocuments.encode(record))
  }

  private static func findRepositories(_ files: RegistryFiles) throws -> [RepositoryName] {
    var found: [RepositoryName] = []
    let root = try RootedDirectory(path: files.root + "/repositories", confinement: .beneath)
    try root.walk { entry in
      guard entry.status.type == .directory else { return .skip }
      if entry.path.isEmpty { return .enter }
      if entry.name.hasPrefix("_") {
        let name = entry.path.dropLast(entry.name.count + 1)
        if entry.name == "_manifests", let name = try? RepositoryName(parsing: String(name)) { found.append(name) }
        return .skip
      }
      guard found.count < RegistryFiles.maximumRepositories else { return .stop }
      return .enter
    }
    return found
  }

  private mutating func hold(_ digest: Digest, _ size: Int64, _ project: String) {
    counts["\(digest.hex):\(project)", default: 0] += 1
    used[project, default: [:]][digest] = size
  }

  private mutating func add(_ name: RepositoryName, _ check: inout RegistryCheck) throws {
    let directory = files.repository(name.description)
    var documents: [Digest: ManifestDocument] = [:]
    for entry in try FileSystem.list(directory + "/_manifests") {
      guard let digest = try? Table.digest(entry) else { continue }
      guard let file = files.read(ManifestFile.self, "\(directory)/_manifests/\(entry)"),
        let bytes = try? registry.content.read(digest, maxBytes: ImageDocuments.maximumManifestBytes),
        let document = try? ManifestDocument(bytes, announced: file.mediaType, algorithm: digest.algorithm)
      else {
        check.add(.manifestUnreadable, "\(name)@\(digest)", "its content is missing or no manifest")
        continue
      }
      documents[digest] = document
      var record = ManifestRecord(document, pushedAt: file.pushedAt, pushedBy: file.pushedBy)
      record.mediaType = file.mediaType
      try put(record, Table.manifests, "\(name):\(entry)")
      hold(digest, Int64(bytes.count), name.project)
    }
    check.manifests += documents.count
    var links: Set<Digest> = []
    for (digest, document) in documents {
      try addUses(of: document, digest, in: name, links: &links, documents, &check)
    }
    try addTags(of: name, documents)
    guard !documents.isEmpty else { return }
    repositories.append(name)
    let createdAt = try registry.read { try $0.get(RepositoryRecord.self, Table.repositories, name.description) }?
      .createdAt
    let oldest = documents.keys.compactMap { digest in
      files.read(ManifestFile.self, "\(directory)/_manifests/\(digest.hex)")?.pushedAt
    }.min()
    try put(
      RepositoryRecord(createdAt: createdAt ?? oldest ?? 0, manifests: documents.count), Table.repositories,
      name.description)
  }

  private mutating func addUses(
    of document: ManifestDocument, _ digest: Digest, in name: RepositoryName, links: inout Set<Digest>,
    _ documents: [Digest: ManifestDocument], _ check: inout RegistryCheck
  ) throws {
    for blob in document.blobs {
      tables[Table.uses]?["\(name):\(blob.digest.hex):\(digest.hex)"] = Data()
      guard let size = blobs[blob.digest] else {
        check.add(.manifestIncomplete, "\(name)@\(digest)", "blob \(blob.digest) is missing: push it again")
        continue
      }
      guard links.insert(blob.digest).inserted else { continue }
      try put(LinkRecord(sizeBytes: size), Table.links, "\(name):\(blob.digest.hex)")
      hold(blob.digest, size, name.project)
    }
    for part in document.manifests {
      tables[Table.uses]?["\(name):\(part.digest.hex):\(digest.hex)"] = Data()
      if documents[part.digest] == nil {
        check.add(.manifestIncomplete, "\(name)@\(digest)", "manifest \(part.digest) is missing: push it again")
      }
    }
    if let subject = document.subject {
      try put(document.descriptor, Table.referrers, "\(name):\(subject.digest.hex):\(digest.hex)")
    }
  }

  private mutating func addTags(of name: RepositoryName, _ documents: [Digest: ManifestDocument]) throws {
    let directory = files.repository(name.description) + "/_tags"
    guard FileSystem.exists(directory) else { return }
    for tag in try FileSystem.list(directory) where ImageReference.isTag(tag) {
      guard let record = files.read(TagRecord.self, "\(directory)/\(tag)"), documents[record.digest] != nil else {
        continue
      }
      try put(record, Table.tags, "\(name):\(tag)")
      tables[Table.tagged]?["\(name):\(record.digest.hex):\(tag)"] = Data()
    }
  }

  /// Links and leases that only the present records know.
  private mutating func addUnusedLinks() throws {
    for document in try registry.read({ try $0.records.all(in: Table.links) }) {
      guard tables[Table.links]?[document.id] == nil, let digest = try? Table.digest(document.id),
        let size = blobs[digest]
      else { continue }
      let repository = RepositoryName(stored: Table.owner(document.id))
      try put(LinkRecord(sizeBytes: size), Table.links, document.id)
      hold(digest, size, repository.project)
    }
    for document in try registry.read({ try $0.records.all(in: Table.leases) })
    where tables[Table.links]?[document.id] != nil {
      tables[Table.leases]?[document.id] = document.document
    }
    let usedLinks = Set((tables[Table.uses] ?? [:]).keys.map(Table.owner))
    for id in (tables[Table.links] ?? [:]).keys
    where !usedLinks.contains(id) && tables[Table.leases]?[id] == nil {
      try put(LeaseRecord(touchedAt: 0, promises: 0), Table.leases, id)
    }
  }

  private mutating func addRepositoriesWithoutManifests() throws {
    for document in try registry.read({ try $0.records.all(in: Table.repositories) })
    where tables[Table.repositories]?[document.id] == nil {
      var record = try RegistryTransaction.decode(RepositoryRecord.self, document.document, Table.repositories)
      record.manifests = 0
      try put(record, Table.repositories, document.id)
      repositories.append(RepositoryName(stored: document.id))
    }
  }

  private mutating func addProjects() throws {
    var names = Set(used.keys)
    for name in try FileSystem.list(files.root + "/projects") where name.hasSuffix(".json") {
      names.insert(String(name.dropLast(5)))
    }
    for document in try registry.read({ try $0.records.all(in: Table.projects) }) { names.insert(document.id) }
    for name in names {
      let settings = files.read(ProjectSettings.self, "\(files.root)/projects/\(name).json") ?? ProjectSettings()
      let bytes = (used[name] ?? [:]).values.reduce(0, +)
      try put(ProjectRecord(settings: settings, usedBytes: bytes), Table.projects, name)
    }
  }
}
