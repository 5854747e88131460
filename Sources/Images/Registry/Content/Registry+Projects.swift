import FoundationEssentials
import Model

extension Registry {
  /// What a project is set to and holds.
  public struct ProjectUsage: Sendable, Equatable {
    public let settings: ProjectSettings
    /// Bytes of the blobs and manifests that its repositories hold, each once.
    public let usedBytes: Int64
  }

  /// A project's settings and usage; the defaults for one that nothing was pushed to.
  public func project(_ name: String) throws -> ProjectUsage {
    let record = try read { try $0.project(name) }
    return ProjectUsage(settings: record.settings, usedBytes: record.usedBytes)
  }

  /// Uploads that have begun and are not over.
  public var unfinishedUploads: Int { uploads.count }

  /// Sets a project's quota and rules; they hold from the next push on. Throws `RegistryError`: `settingInvalid`,
  /// `nameInvalid`.
  public func setProject(_ name: String, _ settings: ProjectSettings) throws {
    try changeProject(name) { $0 = settings }
  }

  /// `setProject` out of the present settings, which nobody else changes meanwhile; what `change` throws leaves them as they
  /// are. Returns the new ones.
  @discardableResult
  public func changeProject(
    _ name: String, _ change: (inout ProjectSettings) throws -> Void
  ) throws -> ProjectSettings {
    try Self.checkProject(name)
    return try commit { transaction in
      var record = try transaction.project(name)
      try change(&record.settings)
      try record.settings.check()
      try transaction.put(record, Table.projects, name)
      transaction.change(.settings(project: name, record.settings))
      return record.settings
    }
  }

  /// Forgets a project that holds nothing, and ends its epoch: pushes that have begun bring nothing in any more, and its
  /// unfinished uploads go. Throws `RegistryError` (`inUse`) where it has repositories.
  public func removeProject(_ name: String) throws {
    try Self.checkProject(name)
    try commit { transaction in
      let holdsSome =
        try transaction.contains(Table.repositories, name)
        || transaction.records.isAny(in: Table.repositories, from: name + "/", below: name + "0")
      guard !holdsSome else {
        throw RegistryError(.inUse, "project '\(name)' has repositories: delete them first")
      }
      try transaction.delete(Table.projects, name)
      transaction.change(.removeProject(name))
      epochs.end(of: name)
    }
    try uploads.removeAll(of: name)
  }

  private static func checkProject(_ name: String) throws {
    guard try RepositoryName(parsing: name).description == name, !name.contains("/") else {
      throw RegistryError(
        .nameInvalid, "invalid project name '\(RegistryError.shown(name))': one component is expected")
    }
  }

  /// Removes a repository with all that it shows, bit by bit: manifests that others need last. Throws `RegistryError`:
  /// `nameUnknown`, `tagImmutable`, `uploadInvalid` while something is pushed to it.
  public func deleteRepository(_ repository: RepositoryName) throws {
    try read { try $0.requireRepository(repository) }
    while true {
      let removed = try deleteSomeManifests(of: repository)
      if removed == 0 { break }
    }
    while true {
      let isEmpty = try commit { transaction in
        let range = Table.range(repository.description)
        let page = try transaction.records.page(in: Table.links, from: range.from, below: range.below, limit: 200)
        for document in page {
          let link = try RegistryTransaction.decode(LinkRecord.self, document.document, Table.links)
          try transaction.unlink(
            Table.digest(document.id), sizeBytes: link.sizeBytes, from: repository)
        }
        return page.isEmpty
      }
      if isEmpty { break }
    }
    changed(repository)
    try commit { try Self.dropIfEmpty(repository, $0) }
  }

  /// Removes manifests of the first page that no index needs; the number of those removed, 0 at the end.
  private func deleteSomeManifests(of repository: RepositoryName) throws -> Int {
    let (removed, left) = try commit { transaction -> ([Digest], Int) in
      let range = Table.range(repository.description)
      let page = try transaction.records.page(in: Table.manifests, from: range.from, below: range.below, limit: .max)
      var removed: [Digest] = []
      for document in page where removed.count < 100 {
        let digest = try Table.digest(document.id)
        if try transaction.isUsed(digest, in: repository) { continue }
        _ = try transaction.removeManifest(digest, from: repository)
        removed.append(digest)
      }
      return (removed, page.count - removed.count)
    }
    changed(repository)
    for digest in removed { tell(.deleted(repository, digest)) }
    guard removed.count > 0 || left == 0 else {
      throw RegistryError(.inUse, "repository '\(repository)' has indexes that need each other: run fsck")
    }
    return removed.count
  }

  /// Removes the record of a repository that shows nothing any more.
  static func dropIfEmpty(_ repository: RepositoryName, _ transaction: RegistryTransaction) throws {
    let range = Table.range(repository.description)
    guard try transaction.contains(Table.repositories, repository.description) else { return }
    for table in [Table.links, Table.manifests] {
      if try transaction.records.isAny(in: table, from: range.from, below: range.below) { return }
    }
    try transaction.delete(Table.repositories, repository.description)
    transaction.change(.removeRepository(repository.description))
  }
}
