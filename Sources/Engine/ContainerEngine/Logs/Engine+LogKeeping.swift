import LinuxSystem
import Model
import OCIRuntime

extension Engine {
  private static let checkSeconds = 2.0
  private static let ageCheckRounds = 300

  /// Looks after the size of running containers' logs, and now and then after the age of all.
  func keepLogs() {
    lifetime.run(on: executor) { [self] in
      var round = 0
      while !Task.isCancelled {
        do {
          try await Task.sleep(for: .seconds(Self.checkSeconds))
        } catch { return }
        for container in registry.all where container.process != nil { rotateIfNeeded(container) }
        if round % Self.ageCheckRounds == 0 { for container in registry.all { removeAged(container) } }
        round += 1
      }
    }
  }

  private func rotateIfNeeded(_ container: Container) {
    let record = container.record
    let files = LogFiles(path: paths.log(record.id))
    guard record.logDriver != "none", let retention = try? retention(of: record) else { return }
    guard files.currentSizeBytes > retention.maxSizeBytes else { return }
    do {
      try files.rotate(maxFiles: retention.maxFiles)
      try MonitorFiles(bundle: paths.bundle(record.id), exitDirectory: paths.exits, id: record.id).reopenLog()
    } catch {
      logger.warning("the log of container \(record.id.short) could not be rotated: \(error)")
    }
  }

  private func removeAged(_ container: Container) {
    let record = container.record
    guard let retention = try? retention(of: record) else { return }
    let limit = Int64(Clock.realTimeNanoseconds() / 1_000_000_000) - retention.maxAgeSeconds
    try? LogFiles(path: paths.log(record.id)).removeOlder(than: limit)
  }

  func retention(of record: ContainerRecord) throws -> LogRetention {
    try LogRetention(options: record.settings.host.log.options, defaults: defaultRetention)
  }
}
