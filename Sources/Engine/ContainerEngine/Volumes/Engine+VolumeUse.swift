import LinuxSystem
import Model

extension Engine {
  /// Makes a volume ready for a run of a container.
  /// - Throws: `invalidArgument` where it has a size that nothing holds to, or options that the kernel refuses.
  func prepareVolume(_ name: String, for container: ContainerID) throws {
    let record = try volumeStore.record(name)
    let options = try VolumeOptions(record.options)
    if options.limitBytes != nil {
      do {
        try volumeStore.limits.requireSupport()
      } catch let error as PlatformError {
        throw PlatformError(error.code, "volume \(name): \(error.message)", cause: error)
      }
      guard let project = record.project, volumeStore.limits.project(of: paths.volumeData(name)) == project else {
        throw PlatformError(
          .unavailable, "volume \(name) has lost its size: back it up, and bring it back by 'volume restore --force'")
      }
    }
    if let memory = options.memory { try memoryVolumes.use(name, memory, by: container) }
  }

  func isInMemory(_ name: String) -> Bool {
    (try? VolumeOptions(volumeStore.record(name).options))?.memory != nil
  }

  /// Whether the image's content is to be copied into a volume: at its first use, and never where it would be gone at the next.
  func takesImageContent(_ name: String) throws -> Bool {
    try !volumeStore.record(name).populated && !isInMemory(name)
  }

  func endMemoryVolumes(of record: ContainerRecord) {
    do {
      try memoryVolumes.end(record.mounts.compactMap(\.volumeName), by: record.id)
    } catch {
      logger.error("a volume in memory of container \(record.id.short) could not be taken away: \(error)")
    }
  }

  /// What runs keeps its volumes in memory; what an earlier engine has left of others goes.
  func adoptMemoryVolumes(of running: [ContainerRecord]) {
    let names = volumeStore.all.map(\.name).filter { isInMemory($0) }
    guard !names.isEmpty else { return }
    for record in running {
      for name in record.mounts.compactMap(\.volumeName) where names.contains(name) {
        memoryVolumes.adopt(name, by: record.id)
      }
    }
    do {
      try memoryVolumes.endUnused(names)
    } catch {
      logger.error("volumes in memory could not be taken away: \(error)")
    }
  }
}
