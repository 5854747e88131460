import ContentStore
import Layers
import LinuxSystem
import Model

/// Volumes copied as a whole: backups, exports, snapshots; and brought back.
///
/// Containers that write to a volume stand still while it is read, and not longer: what is made goes to a file of the engine's
/// first, so that no client decides for how long.
extension Engine {
  /// How long containers may stand still for one copy.
  static let maximumStillSeconds = 900.0

  // MARK: - Out

  /// Makes a backup that the engine keeps.
  /// - Parameters:
  ///   - live: containers work on meanwhile; files may not fit together.
  ///   - keep: remove older backups of the same kind until so many are left.
  public func backUpVolume(
    _ name: String, live: Bool, passphrase: [UInt8]?, keep: Int? = nil, isScheduled: Bool = false
  ) async throws -> VolumeBackup {
    let key = try passphrase.map { try ArchiveKey(passphrase: $0) }
    let backup = try await backups.add(name) { file in
      try await writeArchive(of: name, live: live, key: key, isScheduled: isScheduled, to: file)
    }
    if let keep { _ = try backups.retain(name, keep: keep, scheduled: isScheduled) }
    events.emit(.volume, "backup", id: name, attributes: ["driver": "local", "backup": backup.id])
    return backup
  }

  /// An archive for the client to keep, whole, in a file without a name.
  public func archiveVolume(_ name: String, live: Bool, passphrase: [UInt8]?) async throws -> Descriptor {
    let key = try passphrase.map { try ArchiveKey(passphrase: $0) }
    let file = try spoolFile()
    _ = try await writeArchive(of: name, live: live, key: key, isScheduled: false, to: file)
    events.emit(.volume, "export", id: name, attributes: ["driver": "local"])
    return file
  }

  /// A volume's files as a plain tar archive, in a file without a name.
  public func exportVolume(_ name: String, live: Bool) async throws -> Descriptor {
    let file = try spoolFile()
    try await withStill(name, live: live) { _, seconds in
      try VolumeTree.read(
        RootedDirectory(path: paths.volumeData(name)), ids: idRanges.volumeRange, withinSeconds: seconds
      ) { try file.write(all: $0) }
    }
    events.emit(.volume, "export", id: name, attributes: ["driver": "local"])
    return file
  }

  private func writeArchive(
    of name: String, live: Bool, key: ArchiveKey?, isScheduled: Bool, to file: Descriptor
  ) async throws -> VolumeManifest {
    let record = try volumeStore.record(name)
    return try await withStill(name, live: live) { consistency, seconds in
      let manifest = VolumeManifest(
        volume: name, createdAt: Int64(Clock.realTimeNanoseconds()), labels: record.labels, options: record.options,
        consistency: consistency, isScheduled: isScheduled, encryption: key?.parameters)
      try translatingSystemErrors("write an archive of volume \(name)") {
        let writer = try VolumeArchiveWriter(manifest, key: key, to: file)
        try VolumeTree.read(
          RootedDirectory(path: paths.volumeData(name)), ids: idRanges.volumeRange, withinSeconds: seconds
        ) { try writer.write($0) }
        try writer.finish()
      }
      return manifest
    }
  }

  // MARK: - In

  /// Makes a volume from an archive, or gives one its files. Nothing of the volume is touched before the archive has come to its
  /// end and was right.
  /// - Parameter force: what a volume of that name has is replaced.
  /// - Throws: `conflict` where there is one, and without `force`, or a running container has it; `invalidArgument` for a
  ///   damaged archive, `forbidden` for the wrong passphrase.
  public func restoreVolume(
    _ name: String, from archive: Descriptor, passphrase: [UInt8]?, force: Bool
  ) async throws -> VolumeView {
    try await bringIn(name, force: force, action: "restore") { root, ids in
      let reader = try VolumeArchiveReader(BufferedSource(DescriptorSource(archive)), passphrase: passphrase)
      let unpacked = try DecompressingSource(reader, format: .zstd, limits: VolumeArchiveReader.limits)
      try VolumeTree.write(BufferedSource(unpacked), to: root, ids: ids)
      return reader.manifest.labels
    }
  }

  public func restoreVolume(
    _ name: String, backup id: String, of volume: String, passphrase: [UInt8]?, force: Bool
  ) async throws -> VolumeView {
    let given = try passphrase ?? ownPassphrase(for: volume, id)
    return try await restoreVolume(name, from: try backups.open(volume, id).file, passphrase: given, force: force)
  }

  /// The same from a plain tar archive, packed or not.
  public func importVolume(_ name: String, from archive: Descriptor, force: Bool) async throws -> VolumeView {
    try await bringIn(name, force: force, action: "import") { root, ids in
      try VolumeTree.write(foreign: archive, to: root, ids: ids)
      return [:]
    }
  }

  /// Copies a volume into a new one.
  public func snapshotVolume(_ name: String, as copy: String, live: Bool) async throws -> VolumeView {
    try VolumeStore.check(copy)
    guard !volumeStore.contains(copy) else { throw Self.exists(copy, "choose another name") }
    let source = try volumeStore.record(name)
    let staged = try volumeStore.stage()
    try await withStill(name, live: live) { _, seconds in
      try VolumeTree.copy(
        RootedDirectory(path: paths.volumeData(name)), ids: idRanges.volumeRange,
        to: RootedDirectory(path: staged.data),
        as: idRanges.volumeRange, withinSeconds: seconds)
    }
    var labels = Self.kept(source.labels)
    labels["bulkhead.snapshot.of"] = name
    let record = try volumeStore.install(staged, as: copy, labels: labels)
    events.emit(.volume, "snapshot", id: name, attributes: ["driver": "local", "snapshot": copy])
    return view(of: record)
  }

  private func bringIn(
    _ name: String, force: Bool, action: String, _ unpack: (RootedDirectory, IDRange) throws -> [String: String]
  ) async throws -> VolumeView {
    try VolumeStore.check(name)
    guard force || !volumeStore.contains(name) else { throw Self.exists(name, "--force replaces what it has") }
    let staged = try volumeStore.stage()
    let labels = try unpack(RootedDirectory(path: staged.data), idRanges.volumeRange)
    let record: VolumeRecord
    if volumeStore.contains(name) {
      guard force else { throw Self.exists(name, "--force replaces what it has") }
      let hold = try volumeStore.gate.hold(name)
      try await withUsers(of: name) { users in
        let running = users.filter { $0.process != nil }.map(\.record.name)
        guard running.isEmpty else {
          throw PlatformError(
            .conflict,
            "volume \(name) is used by running containers (\(running.prefix(10).joined(separator: ", "))): stop them first"
          )
        }
        try volumeStore.replace(name, by: staged)
      }
      withExtendedLifetime(hold) {}
      record = try volumeStore.record(name)
    } else {
      record = try volumeStore.install(staged, as: name, labels: Self.kept(labels))
    }
    events.emit(.volume, action, id: name, attributes: ["driver": "local"])
    return view(of: record)
  }

  private static func exists(_ name: String, _ advice: String) -> PlatformError {
    PlatformError(.conflict, "there is a volume \(name) already: \(advice)")
  }

  /// A volume that has a name is not anonymous, whatever it was copied from.
  private static func kept(_ labels: [String: String]) -> [String: String] {
    labels.filter { $0.key != "com.docker.volume.anonymous" }
  }

  // MARK: - Kept backups

  /// - Parameter volume: nil for those of all volumes, also of volumes that are gone.
  public func volumeBackups(of volume: String?) throws -> [VolumeBackup] { try backups.list(volume) }

  public func openVolumeBackup(_ id: String, of volume: String) throws -> (file: Descriptor, sizeBytes: Int64) {
    try backups.open(volume, id)
  }

  public func removeVolumeBackup(_ id: String, of volume: String) throws { try backups.remove(volume, id) }

  /// Reads a backup to its end.
  /// - Throws: what `restoreVolume` would.
  public func verifyVolumeBackup(_ id: String, of volume: String, passphrase: [UInt8]?) throws -> Int64 {
    let given = try passphrase ?? ownPassphrase(for: volume, id)
    let source = BufferedSource(DescriptorSource(try backups.open(volume, id).file))
    let reader = try VolumeArchiveReader(source, passphrase: given)
    let unpacked = BufferedSource(
      try DecompressingSource(reader, format: .zstd, limits: VolumeArchiveReader.limits))
    let tar = TarReader(unpacked, limits: VolumeArchiveReader.limits)
    var entries: Int64 = 0
    while try tar.nextEntry() != nil { entries += 1 }
    try tar.drain()
    return entries
  }

  // MARK: - Standing still

  /// Runs `body` while nothing that this engine runs writes to the volume, unless `live`.
  /// - Parameter body: gets how long it may take.
  private func withStill<Result: Sendable>(
    _ name: String, live: Bool, _ body: (VolumeManifest.Consistency, _ withinSeconds: Double?) throws -> Result
  ) async throws -> Result {
    _ = try volumeStore.record(name)
    if live {
      let hold = try volumeStore.gate.share(name)
      defer { withExtendedLifetime(hold) {} }
      let isUsed = registry.all.contains { $0.process != nil && Self.writes($0.record, name) }
      return try body(isUsed ? .live : .idle, nil)
    }
    let hold = try volumeStore.gate.hold(name)
    defer { withExtendedLifetime(hold) {} }
    return try await withUsers(of: name) { users in
      let running = users.filter { $0.process != nil && Self.writes($0.record, name) }
      // Those that their user has paused stand still already, and go on doing so.
      let moving = running.filter { $0.status != .paused }
      var frozen: [Container] = []
      defer { for container in frozen { thawAfterCopy(container) } }
      for container in moving {
        // Before it stands: a failure half-way must leave nobody standing.
        frozen.append(container)
        try translatingSystemErrors("let container \(container.record.name) stand still") {
          try cgroups.freeze(try cgroupPath(container.record))
        }
      }
      return try body(running.isEmpty ? .idle : .frozen, moving.isEmpty ? nil : Self.maximumStillSeconds)
    }
  }

  private func thawAfterCopy(_ container: Container) {
    do {
      try cgroups.thaw(try cgroupPath(container.record))
    } catch {
      // A container that was killed meanwhile is gone, and so is its control group.
      if container.process != nil {
        logger.error("container \(container.id.short) could not be let go on after a copy: \(error)")
      }
    }
  }

  private static func writes(_ record: ContainerRecord, _ volume: String) -> Bool {
    record.mounts.contains { $0.volumeName == volume && !$0.readOnly }
  }

  /// Runs `body` with the locks of all containers that have the volume. The volume is held: none is started meanwhile.
  private func withUsers<Result: Sendable>(
    of volume: String, _ body: ([Container]) throws -> Result
  ) async throws -> Result {
    let users = registry.all.filter { $0.record.mounts.contains { $0.volumeName == volume } }
      .sorted { $0.id.hex < $1.id.hex }
    return try await withLocks(users[...]) { try body(users) }
  }

  private func withLocks<Result: Sendable>(
    _ rest: ArraySlice<Container>, _ body: () throws -> Result
  ) async throws -> Result {
    guard let first = rest.first else { return try body() }
    return try await first.lock.withLock { _ in try await withLocks(rest.dropFirst(), body) }
  }
}
