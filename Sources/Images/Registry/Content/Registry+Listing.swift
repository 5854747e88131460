import FoundationEssentials
import Model
import OCITypes

extension Registry {
  /// A repository and what it holds.
  public struct RepositorySummary: Sendable, Equatable {
    public let name: RepositoryName
    public let createdAt: Int64
    public let manifests: Int
  }

  /// A tag and what it names.
  public struct TagSummary: Sendable, Equatable {
    public let name: String
    public let digest: Digest
    /// When the tag was last set, in seconds since 1970.
    public let pushedAt: Int64
  }

  /// One manifest of a repository with its tags.
  public struct Artifact: Sendable, Equatable {
    public let digest: Digest
    public let mediaType: String
    public let artifactType: String?
    public let tags: [String]
    public let subject: Digest?
    /// Seconds since 1970.
    public let pushedAt: Int64
    public let pushedBy: String
    /// Bytes of the manifest and of the blobs that it names itself.
    public let totalBytes: Int64
  }

  static let maximumPage = 1_000

  /// Repositories after `last`, ordered by name, at most `limit` (and 1000); `project` leaves the others out.
  public func repositories(
    after last: String = "", in project: String? = nil, limit: Int
  ) throws -> [RepositorySummary] {
    let limit = min(limit, Self.maximumPage)
    return try read { transaction in
      var found: [RepositorySummary] = []
      // A project's repositories are the one of its name and those below: "0" follows "/".
      if let project, last < project, limit > 0,
        let record = try transaction.get(RepositoryRecord.self, Table.repositories, project)
      {
        found.append(Self.summary(project, record))
      }
      let after = last.isEmpty ? "" : last + "\u{1}"
      let page = try transaction.records.page(
        in: Table.repositories, from: project.map { max($0 + "/", after) } ?? after,
        below: project.map { $0 + "0" } ?? "{",
        limit: limit - found.count)
      return try found
        + page.map {
          Self.summary($0.id, try RegistryTransaction.decode(RepositoryRecord.self, $0.document, Table.repositories))
        }
    }
  }

  private static func summary(_ name: String, _ record: RepositoryRecord) -> RepositorySummary {
    RepositorySummary(
      name: RepositoryName(stored: name), createdAt: record.createdAt, manifests: record.manifests)
  }

  /// Tags after `last`, in the order of their bytes, at most `limit` (and 1000). Throws `RegistryError`
  /// (`nameUnknown`).
  public func tags(in repository: RepositoryName, after last: String = "", limit: Int) throws -> [TagSummary] {
    try read { transaction in
      let range = Table.range(repository.description)
      let from = last.isEmpty ? range.from : range.from + last + "\u{1}"
      let page = try transaction.records.page(
        in: Table.tags, from: from, below: range.below, limit: min(limit, Self.maximumPage))
      if page.isEmpty { try transaction.requireRepository(repository) }
      return try page.map { document in
        let record = try RegistryTransaction.decode(TagRecord.self, document.document, Table.tags)
        return TagSummary(
          name: String(document.id.dropFirst(range.from.count)), digest: record.digest, pushedAt: record.pushedAt)
      }
    }
  }

  /// Manifests after the digest `last`, ordered by digest, at most `limit` (and 1000).
  public func artifacts(in repository: RepositoryName, after last: Digest? = nil, limit: Int) throws -> [Artifact] {
    try read { transaction in
      let range = Table.range(repository.description)
      let from = last.map { range.from + $0.hex + "!" } ?? range.from
      let page = try transaction.records.page(
        in: Table.manifests, from: from, below: range.below, limit: min(limit, Self.maximumPage))
      if page.isEmpty { try transaction.requireRepository(repository) }
      return try page.map { document in
        let record = try RegistryTransaction.decode(ManifestRecord.self, document.document, Table.manifests)
        let digest = try Table.digest(document.id)
        return Artifact(
          digest: digest, mediaType: record.mediaType, artifactType: record.artifactType,
          tags: try transaction.tags(of: digest, in: repository), subject: record.subject, pushedAt: record.pushedAt,
          pushedBy: record.pushedBy, totalBytes: record.totalBytes)
      }
    }
  }

  /// Manifests that refer to a digest, after the digest `last`, ordered by digest, at most `limit` (and 1000). None for
  /// what nobody refers to. Source: OCI distribution specification 1.1, *Listing referrers*.
  public func referrers(
    of subject: Digest, in repository: RepositoryName, after last: Digest? = nil, limit: Int
  ) throws -> [ContentDescriptor] {
    try read { transaction in
      let range = Table.range(repository.description, subject.hex)
      let from = last.map { range.from + $0.hex + "!" } ?? range.from
      return try transaction.records.page(
        in: Table.referrers, from: from, below: range.below, limit: min(limit, Self.maximumPage)
      ).map { try RegistryTransaction.decode(ContentDescriptor.self, $0.document, Table.referrers) }
    }
  }

  /// Removes a tag; what it names stays. Throws `RegistryError`: `manifestUnknown`, `tagImmutable`.
  public func deleteTag(_ tag: String, in repository: RepositoryName) throws {
    try commit { transaction in
      guard let record = try transaction.get(TagRecord.self, Table.tags, "\(repository):\(tag)") else {
        try transaction.requireRepository(repository)
        throw RegistryError.manifestUnknown(.tag(tag), repository)
      }
      try transaction.requireMutable(tag, in: repository)
      try transaction.removeTag(tag, record.digest, from: repository)
    }
    changed(repository)
    tell(.untagged(repository, tag: tag))
  }

  static func hex(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}
