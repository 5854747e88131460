import LinuxSystem
import Model

extension Engine {
  /// How long output is still read when the command has ended: its children may go on writing for ever.
  private static let outputGrace = Duration.seconds(2)
  /// As much as it takes to read what is in the pipes.
  private static let minimumGrace = Duration.milliseconds(200)

  /// Runs a process in a container to its end. What it writes beyond the bounds of `output` is dropped. It is killed when the time
  /// is over, and when the caller's task is cancelled.
  /// - Returns: its exit code; nil where the time was over.
  public func runExec(
    _ reference: String, arguments: [String], timeoutSeconds: Double?, into output: ExecOutput
  ) async throws -> Int32? {
    var settings = ExecSettings(arguments: arguments)
    settings.attachStdout = true
    settings.attachStderr = true
    let id = try await createExec(reference, settings)
    guard
      let streams = try await startExec(id.hex, detach: false, terminal: nil, height: nil, width: nil)
    else { throw PlatformError(.internal, "the exec \(id) has no streams") }
    let session = try execs.find(id.hex)
    defer { streams.close() }
    // Ends with this call.
    let collector = Task {
      while let chunk = try await streams.next() {
        try Task.checkCancellation()
        output.append(chunk)
      }
    }
    do {
      let start = ContinuousClock.now
      let code =
        if let timeoutSeconds { try await session.ended.wait(seconds: timeoutSeconds) } else {
          Optional(try await session.ended.wait())
        }
      guard let code else {
        end(session)
        collector.cancel()
        return nil
      }
      let left = timeoutSeconds.map { Duration.seconds($0) - (ContinuousClock.now - start) } ?? Self.outputGrace
      if try await !Self.hasEnded(collector, within: min(max(left, Self.minimumGrace), Self.outputGrace)) {
        output.cut()
      }
      return code
    } catch {
      end(session)
      collector.cancel()
      throw error
    }
  }

  /// Waits for a task; it is cancelled where it goes on for longer. Throws what it does.
  static func hasEnded(_ work: Task<Void, any Error>, within limit: Duration) async throws -> Bool {
    try await Deadline.run(within: limit) {
      try await withTaskCancellationHandler {
        try await work.value
      } onCancel: {
        work.cancel()
      }
    } != nil
  }

  private func end(_ session: ExecSession) {
    if let process = session.process { try? process.runtime.signal(9) }
    if let container = try? registry.find(session.container.hex) { kill(session, of: container) }
  }
}

extension Engine {
  /// The exit code of an exec, as soon as it has ended; nil where it goes on for longer than is waited.
  public func exitCode(ofExec id: String, waitSeconds: Double) async throws -> Int32? {
    try await execs.find(id).ended.wait(seconds: waitSeconds)
  }
}
