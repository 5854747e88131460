import LinuxSystem
import Model

extension Engine {
  public func volumes() -> [VolumeView] { volumeStore.all.map { view(of: $0) } }

  public func volume(_ name: String) throws -> VolumeView { view(of: try volumeStore.record(name)) }

  func view(of record: VolumeRecord) -> VolumeView {
    let users = registry.all.filter { $0.record.mounts.contains { $0.volumeName == record.name } }.map(\.id)
    var view = VolumeView(record: record, mountpoint: paths.volumeData(record.name), references: users, sizeBytes: nil)
    view.usage = record.project.flatMap { try? volumeStore.limits.usage($0) }
    return view
  }

  /// Makes a volume, or returns the one of that name.
  public func createVolume(name: String?, driver: String?, labels: [String: String], options: [String: String])
    async throws -> VolumeView
  {
    if let driver, !driver.isEmpty, driver != "local" {
      throw PlatformError(
        .notFound,
        "error looking up volume plugin \(driver.prefix(64)): plugin \"\(driver.prefix(64))\" not found: only 'local' is supported"
      )
    }
    let isNew = name.map { !volumeStore.contains($0) } ?? true
    let record = try volumeStore.create(name: name, labels: labels, options: options, anonymous: name?.isEmpty ?? true)
    if isNew { events.emit(.volume, "create", id: record.name, attributes: ["driver": "local"]) }
    return view(of: record)
  }

  /// Tells that a run of a container uses its volumes, or has ended its use.
  func tellVolumes(_ action: String, _ record: ContainerRecord) {
    for mount in record.mounts {
      guard let name = mount.volumeName else { continue }
      var attributes = ["container": record.id.hex, "driver": "local"]
      if action == "mount" {
        attributes["destination"] = mount.destination
        attributes["propagation"] = mount.propagation
        attributes["read/write"] = String(!mount.readOnly)
      }
      events.emit(.volume, action, id: name, attributes: attributes)
    }
  }

  /// Removes a volume that no container refers to.
  public func removeVolume(_ name: String, force: Bool) async throws {
    let view: VolumeView
    do {
      view = try volume(name)
    } catch let error as PlatformError where error.code == .notFound && force { return }
    guard view.references.isEmpty else {
      let users = view.references.map(\.hex).joined(separator: ", ")
      throw PlatformError(.conflict, "remove \(name): volume is in use - [\(users)]")
    }
    try volumeStore.remove(name)
    events.emit(.volume, "destroy", id: name, attributes: ["driver": "local"])
  }

  /// Bytes of a volume's files: counted by the file system where it does so, else walked.
  func sizeBytes(of view: VolumeView) -> Int64 {
    view.usage?.bytes ?? (try? snapshots.sizeBytes(upper: paths.volumeData(view.record.name))) ?? 0
  }

  /// Bytes that a volume's files take on the disk, holes left out; 0 where it cannot be walked.
  func allocatedBytes(of view: VolumeView) -> Int64 {
    if let usage = view.usage { return usage.bytes }
    var bytes: Int64 = 0
    try? RootedDirectory(path: paths.volumeData(view.record.name)).walk { entry in
      // A file with several names is met by each of them.
      let names = entry.status.type == .directory ? 1 : Int64(clamping: max(1, entry.status.linkCount))
      bytes = bytes.clampedAdding(entry.status.blocks.clampedMultiplied(by: 512) / names)
      return .enter
    }
    return bytes
  }

  /// Removes volumes that no container refers to: anonymous ones, with `all` the others too.
  public func pruneVolumes(_ filter: PruneFilter) async throws -> PruneReport {
    var report = PruneReport(removed: [], reclaimedBytes: 0)
    for record in volumeStore.all
    where (filter.all || record.anonymous) && filter.takes(labels: record.labels, createdAt: record.createdAt) {
      guard view(of: record).references.isEmpty else { continue }
      let size = sizeBytes(of: view(of: record))
      do {
        try volumeStore.remove(record.name)
      } catch let error as PlatformError where error.code == .conflict || error.code == .notFound {
        // It is being copied, or somebody else was faster.
        continue
      }
      report.removed.append(record.name)
      report.reclaimedBytes = report.reclaimedBytes.clampedAdding(size)
    }
    events.emit(.volume, "prune", id: "", attributes: ["reclaimed": String(report.reclaimedBytes)])
    return report
  }
}
