import FoundationEssentials
import Glibc
import LinuxSystem
import Logging
import Model

/// The unfinished uploads, within their bounds.
final class UploadTable: Sendable {
  private let sessions = Locked<[String: UploadSession]>([:])
  private let files: RegistryFiles
  private let configuration: RegistryConfiguration

  init(files: RegistryFiles, configuration: RegistryConfiguration) {
    self.files = files
    self.configuration = configuration
  }

  var count: Int { sessions.withLock { $0.count } }
  var ids: Set<String> { sessions.withLock { Set($0.keys) } }

  /// Takes up what an earlier process left; what is not whole is removed.
  func load(logger: Logger) throws {
    let names = try translatingErrors { try FileSystem.list(files.root + "/uploads") }
    for name in names where !name.hasSuffix(".json") {
      var status = stat()
      let path = files.upload(name)
      guard let record = files.read(UploadFile.self, path + ".json"),
        let repository = try? RepositoryName(parsing: record.repository), lstat(path, &status) == 0
      else {
        try files.removeUpload(name)
        continue
      }
      // Its clock goes on: a server that starts often must not keep it for ever.
      let touchedAt = min(configuration.now(), max(record.startedAt, Int64(status.st_mtim.tv_sec)))
      let session = UploadSession(
        id: name, repository: repository, epoch: ProjectEpoch(), startedAt: record.startedAt, touchedAt: touchedAt,
        restingBytes: Int64(status.st_size), files: files, configuration: configuration)
      sessions.withLock { $0[name] = session }
    }
    for name in names where name.hasSuffix(".json") {
      let id = String(name.dropLast(5))
      if sessions.withLock({ $0[id] == nil }) { try files.removeUpload(id) }
    }
    if count > 0 { logger.info("unfinished uploads were found", metadata: ["count": "\(count)"]) }
  }

  func start(in repository: RepositoryName, _ epoch: ProjectEpoch) throws -> UploadSession {
    let id = (0..<2).map { _ in Registry.hex(UInt64.random(in: 0 ... .max)) }.joined()
    let session = UploadSession(
      id: id, repository: repository, epoch: epoch, startedAt: configuration.now(), files: files,
      configuration: configuration)
    let project = repository.project
    try sessions.withLock { sessions in
      guard sessions.count < configuration.maximumUploads,
        sessions.count < configuration.maximumProjectUploads
          || sessions.values.count(where: { $0.repository.project == project }) < configuration.maximumProjectUploads
      else {
        throw RegistryError(
          .tooManyUploads,
          "too many unfinished uploads: at most \(configuration.maximumProjectUploads) in a project and "
            + "\(configuration.maximumUploads) in all; finish or delete some")
      }
      sessions[id] = session
    }
    return session
  }

  func find(_ id: String, in repository: RepositoryName) throws -> UploadSession {
    guard let session = sessions.withLock({ $0[id] }), session.repository == repository else {
      throw RegistryError(.uploadUnknown, "upload '\(RegistryError.shown(id))' is not known or is over")
    }
    return session
  }

  /// Forgets a session and removes its file, unless that was taken into the store.
  func remove(_ session: UploadSession, keepsFile: Bool = false) throws {
    sessions.withLock { _ = $0.removeValue(forKey: session.id) }
    if session.close(), !keepsFile { try files.removeUpload(session.id) }
  }

  /// Gives up what nobody has touched since; returns how many, and the bytes that the file system gets back.
  func expire() throws -> (count: Int, diskBytes: Int64) {
    let limit = configuration.now() - configuration.uploadExpirySeconds
    let old = sessions.withLock { sessions in sessions.values.filter { $0.touchedAt < limit && !$0.isBusy } }
    var diskBytes: Int64 = 0
    for session in old {
      diskBytes += RegistryFiles.diskBytes(files.upload(session.id))
      try remove(session)
    }
    return (old.count, diskBytes)
  }

  /// Gives the uploads of a project up, those that are being written to as well.
  func removeAll(of project: String) throws {
    for session in sessions.withLock({ $0.values.filter { $0.repository.project == project } }) { try remove(session) }
  }

  /// When the oldest unfinished upload into a repository began; nil where there is none.
  func oldestStart(in repository: RepositoryName) -> Int64? {
    sessions.withLock { sessions in
      sessions.values.lazy.filter { $0.repository == repository }.map(\.startedAt).min()
    }
  }

  /// Bytes of a project's unfinished uploads other than this one.
  func pendingBytes(of project: String, besides session: UploadSession) -> Int64 {
    let others = sessions.withLock { sessions in
      sessions.values.filter { $0 !== session && $0.repository.project == project }
    }
    return others.reduce(0) { $0 + $1.sizeBytes }
  }

  private func translatingErrors<R>(_ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch {
      throw PlatformError(.internal, "failed to list the registry's uploads", cause: error)
    }
  }
}
