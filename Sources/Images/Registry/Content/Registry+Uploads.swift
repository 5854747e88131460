import ContentStore
import FoundationEssentials
import Model

extension Registry {
  /// Starts an upload into a repository. Throws `RegistryError`: `tooManyUploads`, `quotaExceeded` where nothing is left;
  /// `PlatformError` (`resourceExhausted`) while the disk is full.
  /// - Parameter epoch: taken before it was looked at who may; nil: now.
  public func startUpload(
    in repository: RepositoryName, since epoch: ProjectEpoch? = nil
  ) throws -> UploadSession {
    let epoch = epoch ?? self.epoch(of: repository.project)
    try files.reserve.require()
    let project = try read { try $0.project(repository.project) }
    if let quota = project.settings.quotaBytes, project.usedBytes >= quota {
      throw RegistryError(
        .quotaExceeded,
        "the quota of project '\(repository.project)' is exceeded: \(project.usedBytes) of \(quota) bytes are used")
    }
    return try uploads.start(in: repository, epoch)
  }

  /// An unfinished upload. Throws `RegistryError` (`uploadUnknown`).
  public func upload(_ id: String, in repository: RepositoryName) throws -> UploadSession {
    try uploads.find(id, in: repository)
  }

  /// Takes an upload for a request; `UploadSession.end` gives it back. `offset` is where the piece says to begin.
  public func begin(_ upload: UploadSession, at offset: Int64? = nil) throws {
    let project = upload.repository.project
    let record = try read { try $0.project(project) }
    var limit = configuration.maximumBlobBytes
    if let quota = record.settings.quotaBytes {
      limit = min(limit, max(0, quota - record.usedBytes - uploads.pendingBytes(of: project, besides: upload)))
    }
    try upload.begin(at: offset, limitBytes: limit)
  }

  /// Gives an upload up.
  public func cancel(_ upload: UploadSession) throws { try uploads.remove(upload) }

  /// Stores what has come as a blob of the repository; durable on return. The upload, which the caller has begun, is over
  /// then, and also where its digest is wrong. Throws `RegistryError`: `digestInvalid`, `quotaExceeded`.
  @discardableResult
  public func finish(_ upload: UploadSession, expected: Digest) throws -> Int64 {
    let complete = try upload.complete(expected: expected)
    let (found, size) =
      switch complete {
      case .memory(let bytes, let digest): (digest, Int64(bytes.count))
      case .file(let digest, let size): (digest, size)
      }
    guard found == expected else {
      try uploads.remove(upload)
      throw RegistryError(.digestInvalid, "the content has digest \(found), but \(expected) was announced")
    }
    let isAdopted = try store(complete, found, size, of: upload)
    changed(upload.repository)
    try uploads.remove(upload, keepsFile: isAdopted)
    return size
  }

  /// Records the content as a blob; true where its file is the store's now.
  private func store(
    _ complete: UploadSession.Complete, _ found: Digest, _ size: Int64, of upload: UploadSession
  ) throws -> Bool {
    do {
      return try record(complete, found, size, of: upload)
    } catch let error as RegistryError {
      // Refused before anything was durable.
      try uploads.remove(upload)
      throw error
    } catch {
      // A durable record may need the file: what failed then is done again before the next change.
      let isRecorded = (try? read { try $0.contains(Table.blobs, found.hex) }) ?? true
      try uploads.remove(upload, keepsFile: isRecorded)
      throw error
    }
  }

  private func record(
    _ complete: UploadSession.Complete, _ found: Digest, _ size: Int64, of upload: UploadSession
  ) throws -> Bool {
    let now = configuration.now()
    return try commit(takesIn: true) { transaction in
      try require(upload.epoch, of: upload.repository.project)
      let isStored = try transaction.contains(Table.blobs, found.hex) && content.contains(found)
      if !isStored {
        try transaction.put(BlobRecord(sizeBytes: size), Table.blobs, found.hex)
        switch complete {
        case .memory(let bytes, _): transaction.change(.place(found, Data(bytes)))
        case .file: transaction.change(.adopt(upload: upload.id, found, sizeBytes: size))
        }
      }
      try transaction.link(found, sizeBytes: size, in: upload.repository, now: now)
      return !isStored
    }
  }

  /// Stores bytes at hand as a blob of the repository; durable on return.
  public func putBlob(_ bytes: [UInt8], in repository: RepositoryName, expected: Digest) throws {
    let upload = try startUpload(in: repository)
    do {
      try begin(upload)
      try bytes.withUnsafeBytes { try upload.append($0) }
      try finish(upload, expected: expected)
    } catch {
      try? cancel(upload)
      throw error
    }
  }

  /// Shows a blob of one repository in another without a copy; false where the source does not have it. Whether the
  /// caller may see the source, he has checked.
  public func mount(
    _ digest: Digest, from source: RepositoryName, into target: RepositoryName, since epoch: ProjectEpoch? = nil
  ) throws -> Bool {
    let epoch = epoch ?? self.epoch(of: target.project)
    let isLinked = try read { try $0.contains(Table.links, "\(source):\(digest.hex)") }
    guard isLinked else { return false }
    let now = configuration.now()
    let isMounted = try commit(takesIn: true) { transaction in
      try require(epoch, of: target.project)
      // Looked at again: a collection may have come between.
      guard let link = try transaction.get(LinkRecord.self, Table.links, "\(source):\(digest.hex)") else {
        return false
      }
      try transaction.link(digest, sizeBytes: link.sizeBytes, in: target, now: now)
      return true
    }
    if isMounted { changed(target) }
    return isMounted
  }
}
