import FoundationEssentials
import Model
import OCITypes
import Persistence

/// Typed access to the tables within one transaction, and the files that change with it.
final class RegistryTransaction {
  let records: Transaction
  private(set) var changes: [FileChange] = []

  init(_ records: Transaction) {
    self.records = records
  }

  func change(_ change: FileChange) { changes.append(change) }

  func get<T: Decodable>(_ type: T.Type, _ table: String, _ id: String) throws -> T? {
    try records.get(id, in: table).map { try Self.decode(type, $0.document, table) }
  }

  func put(_ record: some Encodable, _ table: String, _ id: String) throws {
    try records.put(id, document: Data(ImageDocuments.encode(record)), in: table)
  }

  /// A record that says all by its id.
  func mark(_ table: String, _ id: String) throws { try records.put(id, document: Data(), in: table) }

  func contains(_ table: String, _ id: String) throws -> Bool { try records.get(id, in: table) != nil }

  @discardableResult
  func delete(_ table: String, _ id: String) throws -> Bool { try records.delete(id, in: table) }

  static func decode<T: Decodable>(_ type: T.Type, _ data: Data, _ table: String) throws -> T {
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch {
      throw PlatformError(
        .internal, "a record of \(table) cannot be read: run 'bulkhead registry fsck --repair'", cause: error)
    }
  }

  // MARK: - What repositories and projects hold

  func project(_ name: String) throws -> ProjectRecord {
    try get(ProjectRecord.self, Table.projects, name) ?? ProjectRecord()
  }

  /// Counts one more link or manifest of the project; the first one counts against the quota, which may throw.
  func hold(_ digest: Digest, sizeBytes: Int64, in project: String, enforcesQuota: Bool = true) throws {
    let id = "\(digest.hex):\(project)"
    if var holding = try get(HoldingRecord.self, Table.holdings, id) {
      holding.count += 1
      return try put(holding, Table.holdings, id)
    }
    var record = try self.project(project)
    let (used, overflow) = record.usedBytes.addingReportingOverflow(sizeBytes)
    if enforcesQuota, let quota = record.settings.quotaBytes, overflow || used > quota {
      throw RegistryError(
        .quotaExceeded,
        "the quota of project '\(project)' is exceeded: \(record.usedBytes) of \(quota) bytes are used, "
          + "\(sizeBytes) more were to come")
    }
    record.usedBytes = used
    try put(record, Table.projects, project)
    try put(HoldingRecord(count: 1), Table.holdings, id)
    try delete(Table.orphans, digest.hex)
  }

  /// Counts one link or manifest less; a blob that nobody holds becomes an orphan, which garbage collection removes.
  func release(_ digest: Digest, sizeBytes: Int64, in project: String) throws {
    let id = "\(digest.hex):\(project)"
    guard var holding = try get(HoldingRecord.self, Table.holdings, id) else { return }
    holding.count -= 1
    if holding.count > 0 { return try put(holding, Table.holdings, id) }
    try delete(Table.holdings, id)
    var record = try self.project(project)
    record.usedBytes = max(0, record.usedBytes - sizeBytes)
    try put(record, Table.projects, project)
    let range = Table.range(digest.hex)
    if try !records.isAny(in: Table.holdings, from: range.from, below: range.below) {
      try mark(Table.orphans, digest.hex)
    }
  }

  /// The repository's record, made where there is none.
  func ensureRepository(_ name: RepositoryName, now: Int64) throws -> RepositoryRecord {
    if let record = try get(RepositoryRecord.self, Table.repositories, name.description) { return record }
    let record = RepositoryRecord(createdAt: now, manifests: 0)
    try put(record, Table.repositories, name.description)
    return record
  }

  func requireRepository(_ name: RepositoryName) throws {
    guard try contains(Table.repositories, name.description) else { throw RegistryError.nameUnknown(name) }
  }

  func isUsed(_ digest: Digest, in repository: RepositoryName) throws -> Bool {
    let range = Table.range(repository.description, digest.hex)
    return try records.isAny(in: Table.uses, from: range.from, below: range.below)
  }

  /// Shows a blob of the store in a repository and promises it to the push that asked.
  func link(_ digest: Digest, sizeBytes: Int64, in repository: RepositoryName, now: Int64) throws {
    let id = "\(repository):\(digest.hex)"
    _ = try ensureRepository(repository, now: now)
    if try !contains(Table.links, id) {
      try hold(digest, sizeBytes: sizeBytes, in: repository.project)
      try put(LinkRecord(sizeBytes: sizeBytes), Table.links, id)
    }
    try promise(digest, in: repository, now: now)
  }

  func promise(_ digest: Digest, in repository: RepositoryName, now: Int64) throws {
    let id = "\(repository):\(digest.hex)"
    let promises = try get(LeaseRecord.self, Table.leases, id)?.promises ?? 0
    try put(LeaseRecord(touchedAt: now, promises: min(promises + 1, 1_000_000)), Table.leases, id)
  }

  /// Takes a blob out of a repository.
  func unlink(_ digest: Digest, sizeBytes: Int64, from repository: RepositoryName) throws {
    let id = "\(repository):\(digest.hex)"
    try delete(Table.links, id)
    try delete(Table.leases, id)
    try release(digest, sizeBytes: sizeBytes, in: repository.project)
  }
}
