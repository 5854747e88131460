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

  /// Begins to send a container's output on, where its log driver says so.
  func forwardLog(_ container: Container) {
    let record = container.record
    guard ["journald", "syslog"].contains(record.logDriver) else { return }
    lifetime.run(on: executor) { [self] in
      do {
        let forwarder = LogForwarder(
          record: record, reader: { [self] query in logReader(container, query: query) },
          markPath: "\(paths.container(record.id))/forwarded", destination: try logDestination(record), logger: logger)
        await forwarder.run()
      } catch {
        logger.error("the log of container \(record.id.short) cannot be sent on: \(error)")
      }
    }
  }

  /// Where a container's output goes beside its files; nil for drivers that only write files.
  /// - Throws: what is wrong with the driver's options, or `unavailable` when the receiver is not there.
  func logDestination(_ record: ContainerRecord) throws -> any LogDestination {
    let options = record.settings.host.log.options
    let tag = LogTag.render(options["tag"] ?? "", record: record)
    return record.logDriver == "journald"
      ? try JournalDestination(record: record, tag: tag) : try SyslogDestination(options: options, tag: tag)
  }

  func retention(of record: ContainerRecord) throws -> LogRetention {
    try LogRetention(options: record.settings.host.log.options, defaults: defaultRetention)
  }
}

/// docker's `tag` log option: `{{.ID}}`, `{{.FullID}}`, `{{.Name}}`, `{{.ImageName}}`, `{{.ImageFullID}}`; the short id by default.
enum LogTag {
  static func render(_ template: String, record: ContainerRecord) -> String {
    guard !template.isEmpty else { return record.id.short }
    let values = [
      "{{.ID}}": record.id.short, "{{.FullID}}": record.id.hex, "{{.Name}}": record.name,
      "{{.ImageName}}": record.settings.image, "{{.ImageFullID}}": record.imageID.description,
      "{{.ImageID}}": record.imageID.short, "{{.DaemonName}}": "bulkhead",
    ]
    return values.reduce(template) { text, value in replace(value.key, in: text, by: value.value) }
  }

  private static func replace(_ pattern: String, in text: String, by value: String) -> String {
    text.split(separator: pattern, omittingEmptySubsequences: false).joined(separator: value)
  }
}
