import ContentStore
import FoundationEssentials
import Model
import OCITypes

/// A manifest as it is handed out.
public struct StoredManifest: Sendable, Equatable {
  public let digest: Digest
  public let mediaType: String
  public let bytes: [UInt8]
}

extension Registry {
  /// What `resolve` tells without the content.
  public struct ManifestSummary: Sendable, Equatable {
    public let digest: Digest
    public let mediaType: String
    public let sizeBytes: Int64
  }

  /// Finds a manifest. Throws `RegistryError`: `nameUnknown`, `manifestUnknown`.
  public func resolve(_ reference: ManifestReference, in repository: RepositoryName) throws -> ManifestSummary {
    try read { transaction in
      let digest: Digest
      switch reference {
      case .digest(let named): digest = named
      case .tag(let tag):
        guard let record = try transaction.get(TagRecord.self, Table.tags, "\(repository):\(tag)") else {
          try transaction.requireRepository(repository)
          throw RegistryError.manifestUnknown(reference, repository)
        }
        digest = record.digest
      }
      guard
        let record = try transaction.get(ManifestRecord.self, Table.manifests, "\(repository):\(digest.hex)")
      else {
        try transaction.requireRepository(repository)
        throw RegistryError.manifestUnknown(reference, repository)
      }
      return ManifestSummary(digest: digest, mediaType: record.mediaType, sizeBytes: record.sizeBytes)
    }
  }

  /// Reads a manifest; its bytes are checked against its digest.
  public func manifest(_ reference: ManifestReference, in repository: RepositoryName) throws -> StoredManifest {
    try settled {
      let summary = try resolve(reference, in: repository)
      let bytes = try content.read(summary.digest, maxBytes: ImageDocuments.maximumManifestBytes)
      return StoredManifest(digest: summary.digest, mediaType: summary.mediaType, bytes: bytes)
    }
  }

  /// What a push of a manifest has done.
  public struct ManifestPush: Sendable, Equatable {
    public let digest: Digest
    public let mediaType: String
    /// The manifest that this one refers to, there or not.
    public let subject: Digest?
    public let isNew: Bool
  }

  /// Stores a manifest under a tag or its digest; durable on return.
  ///
  /// All blobs and manifests that it names have to be in the repository, with the sizes that it tells. Throws
  /// `RegistryError`: `manifestInvalid`, `manifestTooLarge`, `digestInvalid`, `manifestBlobUnknown`, `tagImmutable`,
  /// `quotaExceeded`; `PlatformError` (`resourceExhausted`) while the disk is full.
  /// - Parameters:
  ///   - tags: set together with the manifest, besides that of the reference.
  ///   - mediaType: the type announced; nil takes the document's own.
  ///   - epoch: taken before it was looked at who may; nil: now.
  @discardableResult
  public func putManifest(
    _ bytes: [UInt8], as reference: ManifestReference, tags further: [String] = [], mediaType: String?,
    in repository: RepositoryName, since epoch: ProjectEpoch? = nil, by author: String
  ) throws -> ManifestPush {
    let epoch = epoch ?? self.epoch(of: repository.project)
    let document = try ManifestDocument(bytes, announced: mediaType, algorithm: reference.algorithm)
    var tags = further
    switch reference {
    case .digest(let expected):
      guard expected == document.digest else {
        throw RegistryError(.digestInvalid, "the manifest has digest \(document.digest), but \(expected) was announced")
      }
    case .tag(let name): tags.insert(name, at: 0)
    }
    try files.reserve.require()
    let now = configuration.now()
    let isNew = try commit(takesIn: true) { transaction in
      try require(epoch, of: repository.project)
      try Self.check(document, in: repository, transaction)
      let isNew = try store(document, in: repository, by: author, now: now, transaction)
      for tag in tags { try setTag(tag, to: document.digest, in: repository, now: now, transaction) }
      return isNew
    }
    changed(repository)
    for tag in tags.isEmpty ? [nil] : tags as [String?] {
      tell(.pushed(repository, document.digest, tag: tag, mediaType: document.mediaType.rawValue, isNew: isNew))
    }
    return ManifestPush(
      digest: document.digest, mediaType: document.mediaType.rawValue, subject: document.subject?.digest, isNew: isNew)
  }

  private static func check(
    _ document: ManifestDocument, in repository: RepositoryName, _ transaction: RegistryTransaction
  ) throws {
    var missing: [Digest] = []
    func check(_ descriptor: ContentDescriptor, _ size: Int64?) throws {
      guard let size else { return missing.append(descriptor.digest) }
      guard size == descriptor.size else {
        throw RegistryError(
          .manifestInvalid,
          "the manifest gives \(descriptor.digest) \(descriptor.size) bytes, but it has \(size)")
      }
    }
    for blob in document.blobs {
      let id = "\(repository):\(blob.digest.hex)"
      try check(blob, transaction.get(LinkRecord.self, Table.links, id)?.sizeBytes)
    }
    for manifest in document.manifests {
      let id = "\(repository):\(manifest.digest.hex)"
      try check(manifest, transaction.get(ManifestRecord.self, Table.manifests, id)?.sizeBytes)
    }
    guard missing.isEmpty else {
      throw RegistryError(
        .manifestBlobUnknown,
        "\(missing.count) of the blobs and manifests that the manifest names are not in repository '\(repository)'",
        missing: missing)
    }
  }

  /// Writes the records of a manifest; false where they were there.
  private func store(
    _ document: ManifestDocument, in repository: RepositoryName, by author: String, now: Int64,
    _ transaction: RegistryTransaction
  ) throws -> Bool {
    let id = "\(repository):\(document.digest.hex)"
    if try transaction.contains(Table.manifests, id) { return false }
    let size = Int64(document.bytes.count)
    let record = ManifestRecord(document, pushedAt: now, pushedBy: author)
    if try !(transaction.contains(Table.blobs, document.digest.hex) && content.contains(document.digest)) {
      try transaction.put(BlobRecord(sizeBytes: size), Table.blobs, document.digest.hex)
      transaction.change(.place(document.digest, Data(document.bytes)))
    }
    try transaction.hold(document.digest, sizeBytes: size, in: repository.project)
    try transaction.put(record, Table.manifests, id)
    var owner = try transaction.ensureRepository(repository, now: now)
    owner.manifests += 1
    try transaction.put(owner, Table.repositories, repository.description)
    for digest in record.blobs + record.manifests {
      try transaction.mark(Table.uses, "\(repository):\(digest.hex):\(document.digest.hex)")
    }
    for digest in record.blobs { try transaction.keepPromise(digest, in: repository) }
    if let subject = document.subject {
      try transaction.put(
        document.descriptor, Table.referrers, "\(repository):\(subject.digest.hex):\(document.digest.hex)")
    }
    transaction.change(
      .manifest(
        repository: repository.description, document.digest,
        ManifestFile(mediaType: record.mediaType, pushedAt: now, pushedBy: author)))
    return true
  }

  private func setTag(
    _ tag: String, to digest: Digest, in repository: RepositoryName, now: Int64, _ transaction: RegistryTransaction
  ) throws {
    let id = "\(repository):\(tag)"
    if let old = try transaction.get(TagRecord.self, Table.tags, id) {
      if old.digest == digest { return }
      try transaction.requireMutable(tag, in: repository)
      try transaction.delete(Table.tagged, "\(repository):\(old.digest.hex):\(tag)")
    }
    let record = TagRecord(digest: digest, pushedAt: now)
    try transaction.put(record, Table.tags, id)
    try transaction.mark(Table.tagged, "\(repository):\(digest.hex):\(tag)")
    transaction.change(.tag(repository: repository.description, tag, record))
  }

  /// Removes a manifest with all its tags. Throws `RegistryError`: `manifestUnknown`, `tagImmutable`, `inUse` where an
  /// index needs it.
  public func deleteManifest(_ digest: Digest, in repository: RepositoryName) throws {
    let tags = try commit { try $0.removeManifest(digest, from: repository) }
    changed(repository)
    for tag in tags { tell(.untagged(repository, tag: tag)) }
    tell(.deleted(repository, digest))
  }
}

extension ManifestRecord {
  init(_ document: ManifestDocument, pushedAt: Int64, pushedBy: String) {
    let size = Int64(document.bytes.count)
    self.init(
      mediaType: document.mediaType.rawValue, sizeBytes: size, pushedAt: pushedAt, pushedBy: pushedBy,
      artifactType: document.artifactType, subject: document.subject?.digest, blobs: document.blobs.map(\.digest),
      manifests: document.manifests.map(\.digest),
      totalBytes: document.blobs.reduce(size) { $0.addingReportingOverflow($1.size).partialValue })
  }
}

extension RegistryTransaction {
  /// Throws `RegistryError` (`tagImmutable`) where a rule of the project forbids to move or delete the tag.
  func requireMutable(_ tag: String, in repository: RepositoryName) throws {
    let rules = try project(repository.project).settings.immutability
    guard !rules.contains(where: { $0.matches(repository, tag) }) else {
      throw RegistryError(
        .tagImmutable, "tag '\(tag)' of repository '\(repository)' is immutable by a rule of its project")
    }
  }

  /// A push that was told of the blob has sent its manifest.
  func keepPromise(_ digest: Digest, in repository: RepositoryName) throws {
    let id = "\(repository):\(digest.hex)"
    guard var lease = try get(LeaseRecord.self, Table.leases, id) else { return }
    lease.promises -= 1
    if lease.promises > 0 { try put(lease, Table.leases, id) } else { try delete(Table.leases, id) }
  }

  /// Removes a manifest's records and files; returns the tags that went with it.
  func removeManifest(_ digest: Digest, from repository: RepositoryName) throws -> [String] {
    let id = "\(repository):\(digest.hex)"
    guard let record = try get(ManifestRecord.self, Table.manifests, id) else {
      try requireRepository(repository)
      throw RegistryError.manifestUnknown(.digest(digest), repository)
    }
    guard try !isUsed(digest, in: repository) else {
      throw RegistryError(
        .inUse, "manifest \(digest) is part of an index of repository '\(repository)': delete that first")
    }
    let tags = try self.tags(of: digest, in: repository)
    for tag in tags { try requireMutable(tag, in: repository) }
    for tag in tags { try removeTag(tag, digest, from: repository) }
    try delete(Table.manifests, id)
    for used in record.blobs + record.manifests {
      try delete(Table.uses, "\(repository):\(used.hex):\(digest.hex)")
    }
    for blob in record.blobs where try !isUsed(blob, in: repository) {
      let lease = "\(repository):\(blob.hex)"
      // Nobody waits for it, so the next collection may take it, unless a push was told of it meanwhile.
      if try !contains(Table.leases, lease) {
        try put(LeaseRecord(touchedAt: 0, promises: 0), Table.leases, lease)
      }
    }
    if let subject = record.subject { try delete(Table.referrers, "\(repository):\(subject.hex):\(digest.hex)") }
    try release(digest, sizeBytes: record.sizeBytes, in: repository.project)
    if var owner = try get(RepositoryRecord.self, Table.repositories, repository.description) {
      owner.manifests = max(0, owner.manifests - 1)
      try put(owner, Table.repositories, repository.description)
    }
    change(.removeManifest(repository: repository.description, digest))
    return tags
  }

  func tags(of digest: Digest, in repository: RepositoryName) throws -> [String] {
    let range = Table.range(repository.description, digest.hex)
    return try records.page(in: Table.tagged, from: range.from, below: range.below, limit: .max).map {
      String($0.id.dropFirst(range.from.count))
    }
  }

  func removeTag(_ tag: String, _ digest: Digest, from repository: RepositoryName) throws {
    try delete(Table.tags, "\(repository):\(tag)")
    try delete(Table.tagged, "\(repository):\(digest.hex):\(tag)")
    change(.removeTag(repository: repository.description, tag))
  }
}
