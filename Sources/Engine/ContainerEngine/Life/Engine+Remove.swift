import LinuxSystem
import Model

extension Engine {
  /// Removes a container; with `volumes` its anonymous volumes too.
  /// - Throws: `conflict` for one that runs, unless `force`.
  public func removeContainer(_ reference: String, force: Bool, volumes: Bool) async throws {
    let container = try registry.find(reference)
    try await container.lock.withLock { token in
      if container.removal.current != nil {
        throw PlatformError(.notFound, "No such container: \(reference.prefix(256))")
      }
      cancelRestart(container)
      if container.process != nil {
        guard force else {
          let state = container.status == .paused ? "paused" : "running"
          let advice =
            state == "paused"
            ? "unpause and then stop the container before removing or force remove"
            : "stop the container before removing or force remove"
          throw PlatformError(
            .conflict, "cannot remove container \"/\(container.name)\": container is \(state): \(advice)")
        }
        try await stop(container, signal: nil, timeoutSeconds: 0, token)
      }
      try remove(container, volumes: volumes)
    }
  }

  private func remove(_ container: Container, volumes: Bool) throws {
    let record = container.record
    let mine = volumes ? anonymousVolumes(of: record) : []
    // Two containers that share a volume and are removed at once must not each leave it to the other.
    let anonymous =
      try mine.isEmpty
      ? forget(container, volumes: []) : volumeStore.removal.withLock { _ in try forget(container, volumes: mine) }
    lifetime.run(on: executor, finishes: true) { [self] in
      await container.settle()
      removeFiles(of: record)
    }
    volumeStore.forget(anonymous)
    removeEmptyCgroupParents(record)
    execs.removeAll(of: record.id)
    for name in anonymous { events.emit(.volume, "destroy", id: name, attributes: ["driver": "local"]) }
    emit("destroy", record)
    container.removal.resolve(ContainerExit(code: record.run.exitCode, error: nil))
  }

  /// Removes what a container had on disk, and lets others have its ids.
  private func removeFiles(of record: ContainerRecord) {
    do {
      try FileSystem.removeTree(paths.container(record.id))
      try snapshots.removeWritable(record.id)
    } catch {
      logger.warning("the files of container \(record.id.short) could not all be removed: \(error)")
    }
    if !record.ids.isHost { idRanges.release(record.ids) }
  }

  private func anonymousVolumes(of record: ContainerRecord) -> [String] {
    record.mounts.compactMap(\.volumeName).filter { (try? volumeStore.record($0).anonymous) == true }
  }

  /// Removes the record, with those of the volumes that no other container uses. Returns these.
  private func forget(_ container: Container, volumes: [String]) throws -> [String] {
    var unused = volumes
    if !volumes.isEmpty {
      let others = registry.all.filter { $0.id != container.id }.flatMap { $0.record.mounts.compactMap(\.volumeName) }
      unused.removeAll(where: Set(others).contains)
    }
    // Once the record is gone the container is gone; what a crash leaves of its files, start-up removes.
    try store.delete(container.id, volumes: unused)
    container.change { $0.record.run.status = .removing }
    registry.remove(container)
    return unused
  }

  /// Gives a container another name.
  public func renameContainer(_ reference: String, to name: String) async throws {
    let container = try registry.find(reference)
    let name = name.hasPrefix("/") ? String(name.dropFirst()) : name
    guard !name.isEmpty else { throw PlatformError(.invalidArgument, "Neither old nor new names may be empty") }
    try ContainerName.check(name)
    try await container.lock.withLock { _ in
      let old = container.name
      guard old != name else {
        throw PlatformError(.invalidArgument, "Renaming a container with the same name as its current name")
      }
      try registry.reserve(name: name, for: container.id)
      do {
        var record = container.record
        record.name = name
        try store.save(record)
      } catch {
        registry.release(name: name, of: container.id)
        throw error
      }
      container.change { state in
        state.record.name = name
        state.record.endpoints = state.record.endpoints.mapValues { endpoint in
          var endpoint = endpoint
          endpoint.dnsNames = endpoint.dnsNames.map { $0 == old ? name : $0 }
          return endpoint
        }
      }
      registry.release(name: old, of: container.id)
      updateNames(container)
      emit("rename", container.record, ["oldName": "/\(old)"])
    }
  }

  /// Removes containers that do not run.
  public func pruneContainers(_ filter: PruneFilter) async throws -> PruneReport {
    var report = PruneReport(removed: [], reclaimedBytes: 0)
    for container in registry.all {
      let record = container.record
      guard [.created, .exited, .dead].contains(record.run.status), container.process == nil, record.pod == nil,
        filter.takes(labels: record.labels, createdAt: record.createdAt)
      else { continue }
      let size = (try? snapshots.writableSizeBytes(record.id)) ?? 0
      do {
        try await removeContainer(record.id.hex, force: false, volumes: false)
        report.removed.append(record.id.hex)
        report.reclaimedBytes = report.reclaimedBytes.clampedAdding(size)
      } catch let error as PlatformError where error.code == .conflict || error.code == .notFound {
        continue  // Started or removed by someone else meanwhile.
      }
    }
    events.emit(.container, "prune", id: "", attributes: ["reclaimed": String(report.reclaimedBytes)])
    return report
  }
}

extension PruneFilter {
  /// Whether something with these labels, made at this time, is to go.
  func takes(labels: [String: String], createdAt: Int64) -> Bool {
    if let until, createdAt >= until { return false }
    return self.labels.allSatisfy { Self.matches($0, labels) } && !labelsNot.contains { Self.matches($0, labels) }
  }

  private static func matches(_ text: String, _ labels: [String: String]) -> Bool {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let value = labels[parts[0]] else { return false }
    return parts.count < 2 || parts[1] == value
  }
}
