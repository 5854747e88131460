import ContentStore
import FoundationEssentials
import Model

extension Registry {
  /// What a garbage collection did.
  public struct Collection: Sendable, Equatable, Codable {
    /// Blobs that repositories do not show any more, as nothing in them used these.
    public var unlinkedBlobs = 0
    /// Blobs removed from the store, and their bytes.
    public var removedBlobs = 0
    public var removedBytes: Int64 = 0
    /// What the file system got back, uploads that were given up included: whole blocks, as `df` counts.
    public var freedDiskBytes: Int64 = 0
    public var expiredUploads = 0
    public var removedRepositories = 0
  }

  private static let batch = 64

  /// Removes what nothing needs, while pushes and pulls go on. Throws `PlatformError` (`conflict`) while another
  /// collection or check runs.
  ///
  /// A blob stays where a manifest of a repository uses it, where a client was told within the grace time that it is
  /// there, and where it was told so within that time before the oldest unfinished upload of the repository began. Each
  /// decision is taken and carried out in one transaction, so that a push in the same moment either finds the blob, which
  /// stays then, or does not find it and sends it again.
  /// - Parameters:
  ///   - graceSeconds: nil for the configured time; 0 keeps nothing for pushes that have not begun an upload.
  ///   - isDryRun: counts what would go, as far as the first look tells.
  public func collectGarbage(graceSeconds: Int64? = nil, isDryRun: Bool = false) throws -> Collection {
    try exclusively {
      var result = Collection()
      if isDryRun { return try estimate(grace: graceSeconds ?? configuration.graceSeconds) }
      let expired = try uploads.expire()
      result.expiredUploads = expired.count
      result.freedDiskBytes = expired.diskBytes
      try collectLinks(grace: graceSeconds ?? configuration.graceSeconds, &result)
      try collectOrphans(&result)
      try collectRepositories(&result)
      result.freedDiskBytes += try files.emptyTrash()
      try checkpoint()
      files.reserve.restore()
      return result
    }
  }

  /// What has to be done from time to time: gives up old uploads, puts files on disk.
  public func maintain() throws {
    _ = try uploads.expire()
    try checkpoint()
    files.reserve.restore()
  }

  /// Runs one collection, check or retention at a time.
  func exclusively<R>(_ body: () throws -> R) throws -> R {
    let isFree = maintenance.withLock { isRunning in
      defer { isRunning = true }
      return !isRunning
    }
    guard isFree else {
      throw PlatformError(.conflict, "a garbage collection or check of the registry is running already")
    }
    defer { maintenance.withLock { $0 = false } }
    return try body()
  }

  // MARK: - Links that nothing uses

  private struct LeaseKey {
    let id: String
    let repository: RepositoryName
    let digest: Digest

    init(_ id: String) throws {
      self.id = id
      guard let colon = id.lastIndex(of: ":") else { throw PlatformError(.internal, "malformed lease '\(id)'") }
      repository = RepositoryName(stored: String(id[..<colon]))
      digest = try Table.digest(id)
    }
  }

  private func isExpired(_ lease: LeaseRecord, _ repository: RepositoryName, grace: Int64, now: Int64) -> Bool {
    if lease.promises == 0 && lease.touchedAt == 0 { return true }
    guard lease.touchedAt <= now - grace else { return false }
    // Asked inside the transaction: an upload that begins later finds what is decided here. What was told in the very
    // second of its beginning counts as told after that.
    guard let start = uploads.oldestStart(in: repository) else { return true }
    return lease.touchedAt < start - grace
  }

  private func collectLinks(grace: Int64, _ result: inout Collection) throws {
    var from = ""
    while true {
      let start = from
      let (last, unlinked) = try commit { transaction -> (String?, [RepositoryName]) in
        let page = try transaction.records.page(in: Table.leases, from: start, below: "{", limit: Self.batch)
        var unlinked: [RepositoryName] = []
        for document in page {
          let key = try LeaseKey(document.id)
          let lease = try RegistryTransaction.decode(LeaseRecord.self, document.document, Table.leases)
          guard isExpired(lease, key.repository, grace: grace, now: configuration.now()) else { continue }
          if try transaction.isUsed(key.digest, in: key.repository) {
            try transaction.delete(Table.leases, key.id)
          } else if let link = try transaction.get(LinkRecord.self, Table.links, key.id) {
            try transaction.unlink(key.digest, sizeBytes: link.sizeBytes, from: key.repository)
            unlinked.append(key.repository)
          } else {
            try transaction.delete(Table.leases, key.id)
          }
        }
        return (page.count < Self.batch ? nil : page.last?.id, unlinked)
      }
      for repository in unlinked { changed(repository) }
      result.unlinkedBlobs += unlinked.count
      guard let last else { return }
      from = last + "!"
    }
  }

  // MARK: - Blobs that nobody holds

  private func collectOrphans(_ result: inout Collection) throws {
    while true {
      let removed = try commit { transaction -> [Int64] in
        var removed: [Int64] = []
        for document in try transaction.records.page(in: Table.orphans, from: "", below: "{", limit: Self.batch) {
          let digest = try Table.digest(document.id)
          let range = Table.range(digest.hex)
          try transaction.delete(Table.orphans, digest.hex)
          if try transaction.records.isAny(in: Table.holdings, from: range.from, below: range.below) { continue }
          let record = try transaction.get(BlobRecord.self, Table.blobs, digest.hex)
          try transaction.delete(Table.blobs, digest.hex)
          transaction.change(.discard(digest))
          removed.append(record?.sizeBytes ?? 0)
        }
        return removed
      }
      result.removedBlobs += removed.count
      result.removedBytes += removed.reduce(0, +)
      result.freedDiskBytes += try files.emptyTrash()
      if removed.isEmpty { return }
    }
  }

  private func collectRepositories(_ result: inout Collection) throws {
    var last = ""
    while true {
      let page = try repositories(after: last, limit: Self.maximumPage)
      for repository in page where repository.manifests == 0 && uploads.oldestStart(in: repository.name) == nil {
        let isGone = try commit { transaction in
          try Self.dropIfEmpty(repository.name, transaction)
          return try !transaction.contains(Table.repositories, repository.name.description)
        }
        if isGone { result.removedRepositories += 1 }
      }
      guard page.count == Self.maximumPage, let end = page.last else { return }
      last = end.name.description
    }
  }

  private func estimate(grace: Int64) throws -> Collection {
    var result = Collection()
    let now = configuration.now()
    var freed: [Digest: Int64] = [:]
    try read { transaction in
      for document in try transaction.records.page(in: Table.leases, from: "", below: "{", limit: .max) {
        let key = try LeaseKey(document.id)
        let lease = try RegistryTransaction.decode(LeaseRecord.self, document.document, Table.leases)
        guard isExpired(lease, key.repository, grace: grace, now: now),
          try !transaction.isUsed(key.digest, in: key.repository)
        else { continue }
        result.unlinkedBlobs += 1
        let range = Table.range(key.digest.hex)
        let holders = try transaction.records.page(in: Table.holdings, from: range.from, below: range.below, limit: 2)
        let isLast =
          try holders.count == 1
          && RegistryTransaction.decode(HoldingRecord.self, holders[0].document, Table.holdings).count == 1
        if isLast { freed[key.digest] = try transaction.get(LinkRecord.self, Table.links, key.id)?.sizeBytes ?? 0 }
      }
      for document in try transaction.records.page(in: Table.orphans, from: "", below: "{", limit: .max) {
        let digest = try Table.digest(document.id)
        freed[digest] = try transaction.get(BlobRecord.self, Table.blobs, digest.hex)?.sizeBytes ?? 0
      }
    }
    result.removedBlobs = freed.count
    result.removedBytes = freed.values.reduce(0, +)
    return result
  }
}
