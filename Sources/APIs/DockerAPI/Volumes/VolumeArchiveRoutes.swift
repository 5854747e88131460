import ContainerEngine
import FoundationEssentials
import HTTPServing
import LinuxSystem
import Model

/// Volumes copied as a whole and brought back: routes of the platform's own.
///
/// A passphrase travels in the field `X-Bulkhead-Passphrase`, in base64; no log has the fields of a request.
enum VolumeArchiveRoutes {
  private static let passphraseField = "X-Bulkhead-Passphrase"
  private static let archiveType = "application/x-tar"

  static func add(to routes: inout Routes) {
    routes.on(.GET, "/bulkhead/v1/volumes/{name}/archive", archive)
    routes.on(.PUT, "/bulkhead/v1/volumes/{name}/archive", bringIn)
    routes.on(.POST, "/bulkhead/v1/volumes/{name}/backups", backUp)
    routes.on(.POST, "/bulkhead/v1/volumes/{name}/restore", restore)
    routes.on(.POST, "/bulkhead/v1/volumes/{name}/snapshot", snapshot)
    routes.on(.GET, "/bulkhead/v1/volumes/{name}/schedule") { request, context in
      .json(scheduleJSON(try context.engine.volume(request["name"])))
    }
    routes.on(.GET, "/bulkhead/v1/schedules") { _, context in
      let volumes = context.engine.volumes().filter { $0.record.schedule != nil }
      return .json { writer in
        writer.list("Schedules", volumes.sorted { $0.record.name < $1.record.name }) { writer, volume in
          writer.object { write(volume, into: &$0) }
        }
      }
    }
    routes.on(.PUT, "/bulkhead/v1/volumes/{name}/schedule", schedule)
    routes.on(.DELETE, "/bulkhead/v1/volumes/{name}/schedule") { request, context in
      _ = try context.engine.scheduleVolume(request["name"], nil)
      return .noContent
    }
    routes.on(.GET, "/bulkhead/v1/backups", list)
    routes.on(.GET, "/bulkhead/v1/backups/{volume}/{id}", download)
    routes.on(.DELETE, "/bulkhead/v1/backups/{volume}/{id}") { request, context in
      try context.engine.removeVolumeBackup(request["id"], of: request["volume"])
      return .noContent
    }
    routes.on(.POST, "/bulkhead/v1/backups/{volume}/{id}/verify", verify)
  }

  // MARK: - Out

  /// `format=backup` (with checksums, packed, sealed where there is a passphrase) or `format=tar`.
  static func archive(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let (name, mode) = (request["name"], try mode(request))
    let passphrase = try passphrase(request)
    let isBackup = try isBackup(request)
    guard isBackup || passphrase == nil else {
      throw PlatformError(.invalidArgument, "a plain tar archive cannot be encrypted: use a backup")
    }
    let permit = try await context.engine.transfers.enter()
    let file = try await permit.run {
      isBackup
        ? try await context.engine.archiveVolume(name, mode, passphrase: passphrase)
        : try await context.engine.exportVolume(name, mode)
    }
    return try send(file)
  }

  static func download(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    try send(try context.engine.openVolumeBackup(request["id"], of: request["volume"]).file)
  }

  private static func send(_ file: Descriptor) throws -> HTTPResponse {
    HTTPResponse(
      headers: ["Content-Type": archiveType],
      body: .file(FileBody(descriptor: file, count: try file.status().sizeBytes)))
  }

  static func backUp(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let (name, mode) = (request["name"], try mode(request))
    let keep = try request.integer("keep", in: 1...VolumeSchedule.keepLimit)
    let passphrase = try passphrase(request)
    let permit = try await context.engine.transfers.enter()
    let backup = try await permit.run {
      try await context.engine.backUpVolume(name, mode, passphrase: passphrase, keep: keep)
    }
    return .json(JSONWriter.object { write(backup, into: &$0) }, status: .created)
  }

  static func snapshot(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    guard let copy = request.text("as") else { throw PlatformError(.invalidArgument, "as: expected a volume's name") }
    let (name, mode) = (request["name"], try mode(request))
    let permit = try await context.engine.transfers.enter()
    let volume = try await permit.run { try await context.engine.snapshotVolume(name, as: copy, mode) }
    return made(volume)
  }

  // MARK: - In

  static func bringIn(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let (name, force) = (request["name"], request.flag("force"))
    let passphrase = try passphrase(request)
    let isBackup = try isBackup(request)
    let engine = context.engine
    let permit = try await engine.transfers.enter()
    let volume = try await permit.run {
      try await BytePipe.receive(request.http.body) { archive in
        isBackup
          ? try await engine.restoreVolume(name, from: archive, passphrase: passphrase, force: force)
          : try await engine.importVolume(name, from: archive, force: force)
      }
    }
    return made(volume)
  }

  /// `backup=ID` of the volume itself, or of `volume=NAME`.
  static func restore(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    guard let id = request.text("backup") else {
      throw PlatformError(.invalidArgument, "backup: expected the id of a backup")
    }
    let (name, force) = (request["name"], request.flag("force"))
    let volume = request.text("volume") ?? name
    let passphrase = try passphrase(request)
    let permit = try await context.engine.transfers.enter()
    let view = try await permit.run {
      try await context.engine.restoreVolume(name, backup: id, of: volume, passphrase: passphrase, force: force)
    }
    return made(view)
  }

  private static func made(_ volume: VolumeView) -> HTTPResponse {
    var writer = JSONWriter()
    VolumeResponse.write(volume, into: &writer)
    return .json(writer.bytes, status: .created)
  }

  // MARK: - Kept backups

  static func list(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let backups = try context.engine.volumeBackups(of: request.text("volume"))
    return .json { writer in
      writer.list("Backups", backups) { writer, backup in writer.object { write(backup, into: &$0) } }
    }
  }

  static func verify(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let (volume, id) = (request["volume"], request["id"])
    let passphrase = try passphrase(request)
    let permit = try await context.engine.transfers.enter()
    let entries = try await permit.run {
      try context.engine.verifyVolumeBackup(id, of: volume, passphrase: passphrase)
    }
    return .json { $0.field("Entries", entries) }
  }

  private static func write(_ backup: VolumeBackup, into writer: inout JSONWriter) {
    writer.field("Id", backup.id)
    writer.field("Volume", backup.volume)
    writer.field("CreatedAt", Timestamps.rfc3339(backup.createdAt))
    writer.field("Size", backup.sizeBytes)
    writer.field("Consistency", backup.consistency)
    writer.field("Encrypted", backup.isEncrypted)
    writer.field("Scheduled", backup.isScheduled)
    if let seconds = backup.stillSeconds { writer.field("StillMilliseconds", Int64(seconds * 1_000)) }
  }

  // MARK: - Time-tables

  /// `{"Schedule": "0 3 * * *", "Keep": 7, "Live": false}`.
  static func schedule(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let fields = try await request.fields()
    guard let table = try fields.text("Schedule") else { throw fields.failure("Schedule", "is missing") }
    let schedule = try VolumeSchedule(
      table: table, keep: try fields.integer("Keep", in: 1...VolumeSchedule.keepLimit) ?? 7,
      live: try fields.bool("Live") ?? false, now: Int64(Clock.realTimeNanoseconds()))
    try fields.finish()
    return .json(scheduleJSON(try context.engine.scheduleVolume(request["name"], schedule)))
  }

  private static func scheduleJSON(_ volume: VolumeView) -> [UInt8] {
    JSONWriter.object { write(volume, into: &$0) }
  }

  private static func write(_ volume: VolumeView, into writer: inout JSONWriter) {
    writer.field("Volume", volume.record.name)
    guard let schedule = volume.record.schedule else { return }
    writer.field("Schedule", schedule.table.description)
    writer.field("Keep", schedule.keep)
    writer.field("Live", schedule.live)
    if let next = schedule.nextAt { writer.field("Next", Timestamps.rfc3339(next * 1_000_000_000)) }
    if let time = schedule.lastSuccessAt { writer.field("LastSuccess", Timestamps.rfc3339(time)) }
    if let time = schedule.lastFailureAt { writer.field("LastFailure", Timestamps.rfc3339(time)) }
    writer.field("Failures", schedule.failures ?? 0)
    if let error = schedule.lastError { writer.field("LastError", error) }
  }

  // MARK: - Parameters

  /// `live`, or `still=SECONDS`: how long containers may stand still.
  private static func mode(_ request: DockerRequest) throws -> CopyMode {
    let seconds = try request.integer("still", in: CopyMode.stillSeconds)
    guard request.flag("live") else { return seconds.map { .still(seconds: Double($0)) } ?? .standard }
    guard seconds == nil else { throw PlatformError(.invalidArgument, "still and live exclude each other") }
    return .live
  }

  private static func isBackup(_ request: DockerRequest) throws -> Bool {
    switch request.text("format") ?? "backup" {
    case "backup": return true
    case "tar": return false
    case let other:
      throw PlatformError(.invalidArgument, "format: expected backup or tar, not '\(other.prefix(32))'")
    }
  }

  /// No error quotes the value.
  private static func passphrase(_ request: DockerRequest) throws -> [UInt8]? {
    guard let text = request.http.headers[passphraseField].first else { return nil }
    guard let data = Data(base64Encoded: text) else {
      throw PlatformError(.invalidArgument, "\(passphraseField): expected base64")
    }
    return [UInt8](data)
  }
}
