import ContentStore
import Glibc
import LinuxSystem
import Model

/// The volumes: folders below the engine's root, owned by the engine's volume id range so that any container can take them.
final class VolumeStore: Sendable {
  static let nameLimit = 255
  private let paths: EnginePaths
  private let store: EngineStore
  private let ids: IDRange
  private let limit: Int
  private let syncDirectory: @Sendable (String) throws -> Void
  private let records: Locked<[String: VolumeRecord]>
  private let names = NameLocks()
  let gate = VolumeGate()
  /// Bounds of the volumes that have one.
  let limits: VolumeLimits
  /// What was wrong with volumes at the start.
  let troubles: [String]
  /// How many are being made.
  private let making = Locked(0)
  /// Held while a container goes with those of its anonymous volumes that no other container uses.
  let removal = Locked(())

  /// - Parameters:
  ///   - limit: of volumes, the policy's.
  ///   - syncDirectory: puts a directory's entries on disk.
  init(
    paths: EnginePaths, store: EngineStore, ids: IDRange, records: [VolumeRecord], limit: Int,
    quotas: any ProjectQuotas = KernelProjectQuotas(),
    syncDirectory: @escaping @Sendable (String) throws -> Void = { try FileSystem.syncDirectory($0) }
  ) throws {
    self.limit = limit
    self.syncDirectory = syncDirectory
    self.paths = paths
    self.store = store
    self.ids = ids
    // Containers get their volumes by descriptor. Nobody else passes here: a volume's files have the modes that containers
    // gave them, and its programs set their user id to the one that owns all volumes.
    try FileSystem.makeDirectories(paths.volumes, mode: 0o700)
    try Descriptor.open(paths.volumes, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW).chmod(0o700)
    limits = try VolumeLimits(path: paths.volumes, quotas: quotas)
    var known = Dictionary(records.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    troubles = Self.renew(&known, limits, paths: paths, store: store)
    try Self.removeLeftovers(known: Set(known.keys), limits, paths: paths)
    self.records = Locked(known)
  }

  var all: [VolumeRecord] { records.withLock { $0.values.sorted { $0.name < $1.name } } }

  func record(_ name: String) throws -> VolumeRecord {
    guard let record = records.withLock({ $0[name] }) else {
      throw PlatformError(.notFound, "get \(name.prefix(Self.nameLimit)): no such volume")
    }
    return record
  }

  func contains(_ name: String) -> Bool { records.withLock { $0[name] != nil } }

  /// Makes a volume, or returns the one there is. nil makes a name of 64 hexadecimal digits.
  /// - Throws: `resourceExhausted` at the policy's limit, whoever wants the volume.
  func create(
    name: String?, labels: [String: String] = [:], options: [String: String] = [:], anonymous: Bool = false
  ) throws -> VolumeRecord {
    let name = name.flatMap { $0.isEmpty ? nil : $0 } ?? ContainerID.random().hex
    try Self.check(name)
    let parsed = try VolumeOptions(options)
    if let existing = records.withLock({ $0[name] }) { return existing }
    try reservePlace()
    defer { making.withLock { $0 -= 1 } }
    return try names.withLock(name) {
      if let existing = records.withLock({ $0[name] }) { return existing }
      var record = VolumeRecord(
        name: name, createdAt: Int64(Clock.realTimeNanoseconds()), labels: labels, options: options,
        anonymous: anonymous, populated: false)
      if anonymous { record.labels["com.docker.volume.anonymous"] = "" }
      let data = paths.volumeData(name)
      do {
        try FileSystem.makeDirectories(data, mode: 0o755)
        try FileOwnership.set(data, user: ids.first, group: ids.first)
        if let limitBytes = parsed.limitBytes { record.project = try limits.bound(data, to: limitBytes) }
        try store.save([record])
      } catch {
        removeAside(setAside(name), project: record.project)
        throw error
      }
      records.withLock { $0[name] = record }
      return record
    }
  }

  private func reservePlace() throws {
    try making.withLock { making in
      guard records.withLock({ $0.count }) + making < limit else {
        throw PlatformError(
          .resourceExhausted, "this engine has \(limit) volumes, the limit of its policy (limits.volumes)")
      }
      making += 1
    }
  }

  /// Remembers that the image's content was copied in.
  func markPopulated(_ name: String) throws {
    guard
      let record = records.withLock({ records -> VolumeRecord? in
        guard records[name]?.populated == false else { return nil }
        records[name]?.populated = true
        return records[name]
      })
    else { return }
    try store.save([record])
  }

  /// Removes a volume and its data.
  /// - Throws: `notFound`, `conflict` while it is copied or replaced.
  func remove(_ name: String) throws {
    _ = try record(name)
    let hold = try gate.hold(name)
    defer { withExtendedLifetime(hold) {} }
    try store.deleteVolume(name)
    forget([name])
  }

  /// Changes a volume's record, durably or not at all.
  func change(_ name: String, _ body: (inout VolumeRecord) -> Void) throws {
    _ = try record(name)
    let change = records.withLock { records -> (before: VolumeRecord, after: VolumeRecord)? in
      guard let before = records[name] else { return nil }
      var after = before
      body(&after)
      records[name] = after
      return (before, after)
    }
    guard let change else { return }
    do {
      try store.save([change.after])
    } catch {
      records.withLock { if $0[name] == change.after { $0[name] = change.before } }
      throw error
    }
  }

  // MARK: - Files that are brought in as a whole

  /// An empty folder for a volume's files, which nobody knows yet. At the next start it is gone.
  /// - Parameter limitBytes: the bound that its files are to have; nil for none.
  func stage(limitBytes: Int64? = nil) throws -> StagedVolume {
    let name = ".new-\(ContainerID.random().short)"
    let data = "\(paths.volumes)/\(name)/_data"
    try translatingSystemErrors("make a folder for a volume's files") {
      try FileSystem.makeDirectories(data, mode: 0o755)
      try FileOwnership.set(data, user: ids.first, group: ids.first)
    }
    let staged = StagedVolume(name: name, data: data, path: "\(paths.volumes)/\(name)", limits: limits)
    if let limitBytes { staged.take(project: try limits.bound(data, to: limitBytes)) }
    return staged
  }

  /// Makes a volume of staged files, durably.
  /// - Throws: `conflict` where there is one of that name by now.
  func install(
    _ staged: StagedVolume, as name: String, labels: [String: String], options: [String: String] = [:]
  ) throws -> VolumeRecord {
    try Self.check(name)
    try reservePlace()
    defer { making.withLock { $0 -= 1 } }
    return try names.withLock(name) { try place(staged, as: name, labels: labels, options: options) }
  }

  private func place(
    _ staged: StagedVolume, as name: String, labels: [String: String], options: [String: String]
  ) throws -> VolumeRecord {
    guard !contains(name) else { throw PlatformError(.conflict, "there is a volume \(name) by now") }
    var record = VolumeRecord(
      name: name, createdAt: Int64(Clock.realTimeNanoseconds()), labels: labels, options: options, anonymous: false,
      populated: true)
    record.project = staged.project
    try translatingSystemErrors("put the files of volume \(name) in their place") {
      try FileSystem.syncFileSystem(of: staged.data)
      do {
        try RootedDirectory(path: paths.volumes).rename(from: staged.name, to: name, noReplace: true)
      } catch let error as SystemError where error.errno == EEXIST {
        throw PlatformError(.conflict, "there is a volume \(name) by now")
      }
    }
    do {
      try translatingSystemErrors("put the files of volume \(name) in their place") { try syncDirectory(paths.volumes) }
      try store.save([record])
    } catch {
      removeAside(setAside(name), project: nil)
      throw error
    }
    staged.take(project: nil)
    records.withLock { $0[name] = record }
    return record
  }

  /// Puts staged files in the place of a volume's, in one step and durably; what was there goes. Where the disk or the records
  /// do not take it, everything is as before. The caller holds the volume.
  func replace(_ name: String, by staged: StagedVolume) throws {
    let before = try record(name)
    try translatingSystemErrors("put the files of volume \(name) in their place") {
      try FileSystem.syncFileSystem(of: staged.data)
      let folder = try RootedDirectory(path: paths.volumes)
      try folder.rename(from: staged.name, to: name, exchange: true)
      do {
        try syncDirectory(paths.volumes)
        try change(name) {
          $0.populated = true
          $0.project = staged.project
        }
      } catch {
        try folder.rename(from: staged.name, to: name, exchange: true)
        throw error
      }
    }
    // The old files lie in the staged folder now, and their bound goes with them.
    staged.take(project: before.project)
  }

  /// Removes the data of volumes whose records are gone already.
  func forget(_ names: [String]) {
    for name in names {
      let (project, aside) = self.names.withLock(name) {
        (records.withLock { $0.removeValue(forKey: name) }?.project, setAside(name))
      }
      removeAside(aside, project: project)
    }
  }

  /// Frees a name at once, whatever is in its folder. The caller holds the name.
  /// - Returns: where the folder is now; nil where there was none.
  private func setAside(_ name: String) -> String? {
    let aside = ".gone-\(ContainerID.random().short)"
    let folder = try? RootedDirectory(path: paths.volumes)
    return (try? folder?.rename(from: name, to: aside)) == nil ? nil : "\(paths.volumes)/\(aside)"
  }

  /// What cannot be removed goes at the next start.
  private func removeAside(_ path: String?, project: UInt32?) {
    if let path { try? FileSystem.removeTree(path) }
    if let project { limits.release(project) }
  }

  /// docker's grammar of volume names.
  static func check(_ name: String) throws {
    let bytes = Array(name.utf8)
    let valid =
      bytes.count >= 2 && bytes.count <= nameLimit && isAlphanumeric(bytes[0])
      && bytes.dropFirst().allSatisfy { isAlphanumeric($0) || $0 == 95 || $0 == 46 || $0 == 45 }
    guard valid else {
      throw PlatformError(
        .invalidArgument,
        "create \(name.prefix(nameLimit)): \"\(name.prefix(nameLimit))\" includes invalid characters for a local volume name, "
          + "only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path"
      )
    }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
  }

  // MARK: - At the start

  /// Sets bounds anew, and notes which project a volume is where a crash came between its files and its record.
  private static func renew(
    _ records: inout [String: VolumeRecord], _ limits: VolumeLimits, paths: EnginePaths, store: EngineStore
  ) -> [String] {
    var troubles: [String] = []
    for project in records.values.compactMap(\.project) { limits.adopt(project) }
    for (name, record) in records {
      guard let limitBytes = record.limitBytes else { continue }
      do {
        try limits.requireSupport()
        let project = try limits.renew(paths.volumeData(name), limitBytes: limitBytes)
        guard project != record.project else { continue }
        records[name]?.project = project
        if let changed = records[name] { try store.save([changed]) }
        if let old = record.project { limits.release(old) }
      } catch {
        troubles.append("the bound of volume \(name) does not hold: \(error)")
      }
    }
    return troubles
  }

  private static func removeLeftovers(known: Set<String>, _ limits: VolumeLimits, paths: EnginePaths) throws {
    for name in try FileSystem.list(paths.volumes) where !known.contains(name) {
      let project = limits.project(of: "\(paths.volumes)/\(name)/_data")
      try FileSystem.removeTree("\(paths.volumes)/\(name)")
      if let project { limits.release(project) }
    }
  }
}

/// Files on their way into a volume; what is left of them goes with this.
final class StagedVolume: Sendable {
  let name: String
  let data: String
  private let path: String
  private let limits: VolumeLimits
  private let owned = Locked<UInt32?>(nil)

  init(name: String, data: String, path: String, limits: VolumeLimits) {
    self.name = name
    self.data = data
    self.path = path
    self.limits = limits
  }

  /// The project of the files in the staged folder.
  var project: UInt32? { owned.withLock { $0 } }

  /// Says which project the files there are now; nil where there are none any more.
  func take(project: UInt32?) { owned.withLock { $0 = project } }

  /// After an exchange the old files lie here.
  deinit {
    try? FileSystem.removeTree(path)
    if let project { limits.release(project) }
  }
}

/// Locks for names, so that nobody makes or removes what another one is making. Held across calls of the disk, by one thread.
private final class NameLocks: Sendable {
  private let locks = (0..<64).map { _ in Locked(()) }

  func withLock<Result: Sendable, Failure>(
    _ name: String, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let index = name.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 63 }
    return try locks[index].withLock { (_) throws(Failure) in try body() }
  }
}
