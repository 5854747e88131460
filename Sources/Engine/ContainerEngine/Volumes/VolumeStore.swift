import ContentStore
import Glibc
import LinuxSystem
import Model
import Synchronization

/// The volumes: folders below the engine's root, owned by the engine's volume id range so that any container can take them.
final class VolumeStore: Sendable {
  static let nameLimit = 255
  private let paths: EnginePaths
  private let store: EngineStore
  private let ids: IDRange
  private let limit: Int
  private let records: Mutex<[String: VolumeRecord]>
  let gate = VolumeGate()
  /// How many are being made.
  private let making = Mutex(0)
  /// Held while a container goes with those of its anonymous volumes that no other container uses.
  let removal = Mutex(())

  /// - Parameter limit: of volumes, the policy's.
  init(paths: EnginePaths, store: EngineStore, ids: IDRange, records: [VolumeRecord], limit: Int) throws {
    self.limit = limit
    self.paths = paths
    self.store = store
    self.ids = ids
    self.records = Mutex(Dictionary(records.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first }))
    // Containers get their volumes by descriptor. Nobody else passes here: a volume's files have the modes that containers
    // gave them, and its programs set their user id to the one that owns all volumes.
    try FileSystem.makeDirectories(paths.volumes, mode: 0o700)
    try Descriptor.open(paths.volumes, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW).chmod(0o700)
    try removeLeftovers()
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
    if let existing = records.withLock({ $0[name] }) { return existing }
    try reservePlace()
    defer { making.withLock { $0 -= 1 } }
    var record = VolumeRecord(
      name: name, createdAt: Int64(Clock.realTimeNanoseconds()), labels: labels, options: options, anonymous: anonymous,
      populated: false)
    let data = paths.volumeData(name)
    try FileSystem.makeDirectories(data, mode: 0o755)
    try FileOwnership.set(data, user: ids.first, group: ids.first)
    if anonymous { record.labels["com.docker.volume.anonymous"] = "" }
    try store.save([record])
    return records.withLock { records in
      if let existing = records[name] { return existing }
      records[name] = record
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

  /// Changes a volume's record.
  func change(_ name: String, _ body: (inout VolumeRecord) -> Void) throws {
    _ = try record(name)
    let changed = records.withLock { records -> VolumeRecord? in
      guard var record = records[name] else { return nil }
      body(&record)
      records[name] = record
      return record
    }
    if let changed { try store.save([changed]) }
  }

  // MARK: - Files that are brought in as a whole

  /// An empty folder for a volume's files, which nobody knows yet. At the next start it is gone.
  func stage() throws -> StagedVolume {
    let name = ".new-\(ContainerID.random().short)"
    let data = "\(paths.volumes)/\(name)/_data"
    try translatingSystemErrors("make a folder for a volume's files") {
      try FileSystem.makeDirectories(data, mode: 0o755)
      try FileOwnership.set(data, user: ids.first, group: ids.first)
    }
    return StagedVolume(name: name, data: data, path: "\(paths.volumes)/\(name)")
  }

  /// Makes a volume of staged files, durably.
  /// - Throws: `conflict` where there is one of that name by now.
  func install(_ staged: StagedVolume, as name: String, labels: [String: String]) throws -> VolumeRecord {
    try Self.check(name)
    try reservePlace()
    defer { making.withLock { $0 -= 1 } }
    let record = VolumeRecord(
      name: name, createdAt: Int64(Clock.realTimeNanoseconds()), labels: labels, options: [:], anonymous: false,
      populated: true)
    try translatingSystemErrors("put the files of volume \(name) in their place") {
      try FileSystem.syncFileSystem(of: staged.data)
      do {
        try RootedDirectory(path: paths.volumes).rename(from: staged.name, to: name, noReplace: true)
      } catch let error as SystemError where error.errno == EEXIST {
        throw PlatformError(.conflict, "there is a volume \(name) by now")
      }
      try FileSystem.syncDirectory(paths.volumes)
    }
    do {
      try store.save([record])
    } catch {
      try? FileSystem.removeTree("\(paths.volumes)/\(name)")
      throw error
    }
    records.withLock { $0[name] = record }
    return record
  }

  /// Puts staged files in the place of a volume's, in one step and durably; what was there goes. The caller holds the volume.
  func replace(_ name: String, by staged: StagedVolume) throws {
    _ = try record(name)
    try translatingSystemErrors("put the files of volume \(name) in their place") {
      try FileSystem.syncFileSystem(of: staged.data)
      try RootedDirectory(path: paths.volumes).rename(from: staged.name, to: name, exchange: true)
      try FileSystem.syncDirectory(paths.volumes)
    }
    try change(name) { $0.populated = true }
  }

  /// Removes the data of volumes whose records are gone already.
  func forget(_ names: [String]) {
    for name in names {
      records.withLock { $0[name] = nil }
      try? FileSystem.removeTree("\(paths.volumes)/\(name)")
    }
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

  private func removeLeftovers() throws {
    let known = records.withLock { Set($0.keys) }
    for name in try FileSystem.list(paths.volumes) where !known.contains(name) {
      try FileSystem.removeTree("\(paths.volumes)/\(name)")
    }
  }
}

/// Files on their way into a volume; what is left of them goes with this.
final class StagedVolume: Sendable {
  let name: String
  let data: String
  private let path: String

  init(name: String, data: String, path: String) {
    self.name = name
    self.data = data
    self.path = path
  }

  /// After an exchange the old files lie here.
  deinit { try? FileSystem.removeTree(path) }
}
