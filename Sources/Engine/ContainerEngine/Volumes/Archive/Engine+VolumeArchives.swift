import ContentStore
import Layers
import LinuxSystem
import Model

/// Volumes copied as a whole: backups, exports, snapshots; and brought back.
///
/// Containers that write to a volume stand still while it is read, and not longer: what is made goes to a file of the engine's
/// first, so that no client decides for how long.
extension Engine {
  // MARK: - Out

  /// Makes a backup that the engine keeps.
  /// - Parameters:
  ///   - mode: whether containers stand still meanwhile.
  ///   - keep: remove older backups of the same kind until so many are left.
  public func backUpVolume(
    _ name: String, _ mode: CopyMode, passphrase: [UInt8]?, keep: Int? = nil, isScheduled: Bool = false
  ) async throws -> VolumeBackup {
    let key = try passphrase.map { try ArchiveKey(passphrase: $0) }
    let still = Locked<Double?>(nil)
    var backup = try await backups.add(name) { file in
      let archive = try await writeArchive(
        of: name, mode, key: key, isScheduled: isScheduled, to: file, disk: backups.folder)
      still.withLock { $0 = archive.stillSeconds }
      return archive.value
    }
    backup.stillSeconds = still.withLock { $0 }
    if let keep { _ = try backups.retain(name, keep: keep, scheduled: isScheduled) }
    events.emit(.volume, "backup", id: name, attributes: ["driver": "local", "backup": backup.id])
    return backup
  }

  /// An archive for the client to keep, whole, in a file without a name.
  public func archiveVolume(_ name: String, _ mode: CopyMode, passphrase: [UInt8]?) async throws -> Descriptor {
    let key = try passphrase.map { try ArchiveKey(passphrase: $0) }
    let file = try spoolFile()
    _ = try await writeArchive(of: name, mode, key: key, isScheduled: false, to: file, disk: paths.trash)
    events.emit(.volume, "export", id: name, attributes: ["driver": "local"])
    return file
  }

  /// A volume's files as a plain tar archive, in a file without a name.
  public func exportVolume(_ name: String, _ mode: CopyMode) async throws -> Descriptor {
    let file = try spoolFile()
    let room = try VolumeRoom(disk: paths.trash, what: "the archive of volume \(name)")
    _ = try await withStill(name, mode) { _, time in
      try readTree(of: name, time, room) { try file.write(all: $0) }
    }
    events.emit(.volume, "export", id: name, attributes: ["driver": "local"])
    return file
  }

  private func writeArchive(
    of name: String, _ mode: CopyMode, key: ArchiveKey?, isScheduled: Bool, to file: Descriptor, disk: String
  ) async throws -> CopyOutcome<VolumeManifest> {
    let record = try volumeStore.record(name)
    let room = try VolumeRoom(disk: disk, what: "the archive of volume \(name)")
    // Before anybody stands still: it is only about.
    let size = allocatedBytes(of: view(of: record))
    return try await withStill(name, mode) { consistency, time in
      let manifest = VolumeManifest(
        volume: name, createdAt: Int64(Clock.realTimeNanoseconds()), labels: record.labels, options: record.options,
        consistency: consistency, isScheduled: isScheduled, encryption: key?.parameters, sizeBytes: size)
      try translatingSystemErrors("write an archive of volume \(name)") {
        let writer = try VolumeArchiveWriter(manifest, key: key, to: file)
        try readTree(of: name, time, room) { try writer.write($0) }
        try writer.finish()
      }
      return manifest
    }
  }

  private func readTree(
    of name: String, _ time: CopyTime, _ room: VolumeRoom, _ sink: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    var taken: Int64 = 0
    do {
      try VolumeTree.read(
        RootedDirectory(path: paths.volumeData(name)), ids: idRanges.volumeRange, time: time
      ) { piece in
        try sink(piece)
        taken += Int64(piece.count)
        try room.taken(taken)
      }
    } catch let error as PlatformError where error.code == .resourceExhausted {
      throw PlatformError(
        error.code, "volume \(name) cannot be copied: \(error.message)", cause: error, isDiskFull: error.isDiskFull)
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
    let reader = try VolumeArchiveReader(BufferedSource(DescriptorSource(archive)), passphrase: passphrase)
    let coming = Coming(
      action: "restore", what: "the archive of volume \(reader.manifest.volume)", labels: reader.manifest.labels,
      options: reader.manifest.options.filter { $0.key == "size" }, sizeBytes: max(0, reader.manifest.sizeBytes ?? 0))
    return try await bringIn(name, force: force, coming) { root, ids, room in
      let unpacked = try DecompressingSource(reader, format: .zstd, limits: VolumeArchiveReader.limits)
      try VolumeTree.write(BufferedSource(unpacked), to: root, ids: ids, room: room)
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
    let coming = Coming(action: "import", what: "the archive")
    return try await bringIn(name, force: force, coming) { root, ids, room in
      try VolumeTree.write(foreign: archive, to: root, ids: ids, room: room)
      // Whose files are the pieces of a backup and not what was backed up.
      guard let backup = VolumeManifest(unpackedIn: root) else { return }
      throw PlatformError(
        .invalidArgument,
        "the archive is a backup of volume \(backup.volume), not its files: bring it back by 'volume restore --input FILE'"
      )
    }
  }

  /// Copies a volume into a new one, which has the same size.
  public func snapshotVolume(_ name: String, as copy: String, _ mode: CopyMode) async throws -> VolumeView {
    try VolumeStore.check(copy)
    guard !volumeStore.contains(copy) else { throw Self.exists(copy, "choose another name") }
    let source = try volumeStore.record(name)
    let options = source.options.filter { $0.key == "size" }
    let staged = try volumeStore.stage(limitBytes: source.limitBytes)
    let room = try room(
      for: staged, limitBytes: source.limitBytes, what: "the copy of volume \(name)",
      expected: allocatedBytes(of: view(of: source)))
    _ = try await withStill(name, mode) { _, time in
      try VolumeTree.copy(
        RootedDirectory(path: paths.volumeData(name)), ids: idRanges.volumeRange,
        to: RootedDirectory(path: staged.data), as: idRanges.volumeRange, time: time, room: room)
    }
    var labels = Self.kept(source.labels)
    labels["bulkhead.snapshot.of"] = name
    let record = try volumeStore.install(staged, as: copy, labels: labels, options: options)
    events.emit(.volume, "snapshot", id: name, attributes: ["driver": "local", "snapshot": copy])
    return view(of: record)
  }

  /// What is said of files that are on their way in.
  private struct Coming {
    var action: String
    var what: String
    var labels: [String: String] = [:]
    /// Of a volume that is made for them.
    var options: [String: String] = [:]
    var sizeBytes: Int64 = 0
  }

  private func bringIn(
    _ name: String, force: Bool, _ coming: Coming,
    _ unpack: (RootedDirectory, IDRange, VolumeRoom) throws -> Void
  ) async throws -> VolumeView {
    try VolumeStore.check(name)
    guard force || !volumeStore.contains(name) else { throw Self.exists(name, "--force replaces what it has") }
    let existing = try? volumeStore.record(name)
    // A volume that is there keeps its own size; a new one gets the archive's.
    let kept = existing?.options ?? coming.options
    let options = try VolumeOptions(kept)
    guard options.memory == nil else {
      throw PlatformError(.conflict, "volume \(name) is in memory, where nothing can be brought in as a whole")
    }
    let staged: StagedVolume
    do {
      staged = try volumeStore.stage(limitBytes: options.limitBytes)
    } catch let error as PlatformError where existing == nil && options.limitBytes != nil {
      throw PlatformError(
        error.code,
        "\(coming.what) has a size of \(coming.options["size"] ?? ""): \(error.message). Without it: 'volume create \(name)', then "
          + "'volume restore --force'", cause: error)
    }
    let room = try room(for: staged, limitBytes: options.limitBytes, what: coming.what, expected: coming.sizeBytes)
    do {
      try unpack(RootedDirectory(path: staged.data), idRanges.volumeRange, room)
    } catch let error as PlatformError {
      throw room.explained(error)
    }
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
        guard try volumeStore.record(name).options == kept else {
          throw PlatformError(.conflict, "volume \(name) was made anew meanwhile: try again")
        }
        try volumeStore.replace(name, by: staged)
      }
      withExtendedLifetime(hold) {}
      record = try volumeStore.record(name)
    } else {
      record = try volumeStore.install(staged, as: name, labels: Self.kept(coming.labels), options: kept)
    }
    events.emit(.volume, coming.action, id: name, attributes: ["driver": "local"])
    return view(of: record)
  }

  /// The room that files have on their way into a staged folder.
  private func room(
    for staged: StagedVolume, limitBytes: Int64?, what: String, expected: Int64
  ) throws -> VolumeRoom {
    // A folder that has a bound shows it as its disk's size (quota of ext4 and xfs); the one around it has none.
    let disk = paths.volumes
    guard let limitBytes, let project = staged.project else {
      return try VolumeRoom(disk: disk, expected: expected, what: what)
    }
    let limits = volumeStore.limits
    return try VolumeRoom(disk: disk, expected: expected, what: what, limitBytes: limitBytes) {
      try limits.usage(project)
    }
  }

  /// The room that files of an image have in a volume; nil where that is the disk's.
  func room(for record: VolumeRecord, what: String) throws -> VolumeRoom? {
    guard let limitBytes = record.limitBytes, let project = record.project else { return nil }
    let limits = volumeStore.limits
    return try VolumeRoom(disk: nil, expected: 0, what: what, limitBytes: limitBytes) { try limits.usage(project) }
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
    return try VolumeTree.verify(unpacked, ids: idRanges.volumeRange)
  }
}
