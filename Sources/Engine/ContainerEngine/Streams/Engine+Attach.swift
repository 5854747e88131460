import LinuxSystem
import Model
import OCIRuntime

extension Engine {
  /// Clients that may wait for one container's start.
  private static let pendingAttachLimit = 128

  /// Connects a client to a container's standard streams; one that has not been started yet is connected at its start.
  public func attach(_ reference: String, _ options: AttachOptions) async throws -> AttachSession {
    let container = try registry.find(reference)
    let record = container.record
    if record.run.status == .paused {
      throw PlatformError(.conflict, "container \(container.id) is paused, unpause the container before attach")
    }
    var options = options
    options.stdin = options.stdin && record.settings.openStdin
    let history = options.logs ? logReader(container, query: Self.historyQuery(options)) : nil
    let session = AttachSession(
      terminal: record.settings.terminal, options: options, history: history,
      onDetach: { [self] in emit("detach", container.record) },
      // One that waits for a start is not waited with any more.
      onClose: { container.forgetPendingAttach() })
    emit("attach", record)
    guard options.stream else {
      session.connect(nil)
      return session
    }
    let isRunning = try container.change { state -> Bool in
      if state.process == nil, state.record.run.status == .created || state.record.run.status == .exited {
        guard state.pendingAttach.count < Self.pendingAttachLimit else {
          throw PlatformError(
            .resourceExhausted,
            "\(Self.pendingAttachLimit) clients wait for the start of container \(container.id.short) already, the limit"
          )
        }
        state.pendingAttach.append(session)
        return false
      }
      return true
    }
    if isRunning {
      let files = MonitorFiles(bundle: paths.bundle(container.id), exitDirectory: paths.exits, id: container.id)
      do {
        session.connect(.monitor(try AsyncDescriptor(try files.connectStreams(), poller: poller)))
      } catch is SystemError {
        session.connect(nil)  // It ended a moment ago.
      }
    }
    return session
  }

  private static func historyQuery(_ options: AttachOptions) -> LogQuery {
    var query = LogQuery()
    query.stdout = options.stdout
    query.stderr = options.stderr
    return query
  }

  /// Sets the size of a container's terminal.
  public func resizeContainer(_ reference: String, height: Int, width: Int) async throws {
    let container = try registry.find(reference)
    guard container.process != nil else {
      throw PlatformError(.conflict, "cannot resize a stopped container: \(container.id)")
    }
    try MonitorFiles(bundle: paths.bundle(container.id), exitDirectory: paths.exits, id: container.id)
      .resize(height: height, width: width)
    emit("resize", container.record, ["height": String(height), "width": String(width)])
  }

  /// Reads a container's log.
  public func logs(_ reference: String, _ query: LogQuery) throws -> LogReader {
    let container = try registry.find(reference)
    guard try logOptions(container.record).driver != .none else {
      throw PlatformError(.notImplemented, "configured logging driver does not support reading")
    }
    return logReader(container, query: query)
  }

  func logReader(_ container: Container, query: LogQuery) -> LogReader {
    LogReader(files: LogFiles(path: logPath(of: container.record)), query: query, poller: poller) {
      container.process == nil && container.status != .restarting
    }
  }
}
