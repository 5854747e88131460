import Isolation
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
        // Who has a pod's log looks after it.
        for container in registry.all where container.process != nil && container.record.pod == nil {
          rotateIfNeeded(container)
        }
        if round % Self.ageCheckRounds == 0 { for container in registry.all { removeAged(container) } }
        round += 1
      }
    }
  }

  private func rotateIfNeeded(_ container: Container) {
    let record = container.record
    let files = LogFiles(path: paths.log(record.id))
    guard let retention = try? retention(of: record), files.currentSizeBytes > retention.maxSizeBytes else { return }
    do {
      try files.rotate(maxFiles: retention.maxFiles)
      try MonitorFiles(bundle: paths.bundle(record.id), exitDirectory: paths.exits, id: record.id).reopenLog()
    } catch {
      logger.warning("the log of container \(record.id.short) could not be rotated: \(error)")
    }
  }

  private func removeAged(_ container: Container) {
    let record = container.record
    let now = Int64(Clock.realTimeNanoseconds() / 1_000_000_000)
    guard let retention = try? retention(of: record), let oldest = retention.oldestSeconds(now: now) else { return }
    try? LogFiles(path: paths.log(record.id)).removeOlder(than: oldest)
  }

  /// A container's log driver and options, as they were asked for.
  func logOptions(_ record: ContainerRecord) throws -> LogOptions {
    var settings = record.settings.host.log
    settings.driver = record.logDriver
    return try LogOptions(settings, defaultDriver: record.logDriver)
  }

  /// How much of a container's output is kept; nil where nothing is.
  func retention(of record: ContainerRecord) throws -> LogRetention? {
    let options = try logOptions(record)
    return options.driver == .none ? nil : LogRetention(options, defaults: policy.defaults)
  }

  /// Begins to send a container's output on, where its log driver says so.
  func forwardLog(_ container: Container) {
    let record = container.record
    guard let options = try? logOptions(record), options.driver.sendsOn else { return }
    let task = lifetime.run(on: executor) { [self] in
      let forwarder = LogForwarder(
        name: record.id.short, reader: { [self] query in logReader(container, query: query) },
        markPath: "\(paths.container(record.id))/forwarded",
        connect: { [self] in try await logDestination(record, options) }, logger: logger)
      await forwarder.run()
    }
    // One of an earlier run, whose receiver is still away, would send the same lines.
    container.change { state in
      state.forwardTask?.cancel()
      state.forwardTask = task
    }
  }

  /// Connects to where a container's output is to go, so that a start fails whose log would go nowhere.
  /// - Throws: what is wrong with the options, or `unavailable` when the receiver is not there.
  func requireLogReceiver(_ record: ContainerRecord) async throws {
    let options = try logOptions(record)
    if options.driver.sendsOn { _ = try await logDestination(record, options) }
  }

  private func logDestination(_ record: ContainerRecord, _ options: LogOptions) async throws -> any LogDestination {
    let tag = LogTag.render(options.tag, record: record)
    if options.driver == .journald {
      return try JournalDestination(record: record, tag: tag, attributes: record.logAttributes, poller: poller)
    }
    // The policy may have become stricter since the container was made.
    var log = record.settings.host.log
    log.driver = record.logDriver
    try policyCheck.checkLog(log)
    let socket = try await LogSocket.open(options.syslogAddress, poller: poller, lookups: lookups)
    return SyslogDestination(options: options, tag: tag, socket: socket)
  }
}

extension ContainerRecord {
  /// What the log options add to each line: the labels and variables that they name, and the tag where one is given.
  public var logAttributes: [String: String] {
    var log = settings.host.log
    log.driver = logDriver
    guard let options = try? LogOptions(log, defaultDriver: logDriver) else { return [:] }
    var attributes: [String: String] = [:]
    for name in options.labels { attributes[name] = labels[name] }
    for name in options.environment {
      guard let item = environment.first(where: { $0.hasPrefix("\(name)=") }) else { continue }
      attributes[name] = String(item.dropFirst(name.count + 1))
    }
    if !options.tag.isEmpty { attributes["tag"] = LogTag.render(options.tag, record: self) }
    return attributes
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
