import LinuxSystem
import Model

/// What a process that was run to its end has left.
public struct ExecOutcome: Sendable {
  public var exitCode: Int32
  /// As far as it was within the bound.
  public var stdout: [UInt8]
  public var stderr: [UInt8]
}

extension Engine {
  /// Runs a process in a container to its end. What it writes beyond `limitBytes` on one of its outputs is dropped. It is killed
  /// when the time is over, and when the caller's task is cancelled.
  /// - Returns: nil where the time was over.
  public func runExec(
    _ reference: String, arguments: [String], timeoutSeconds: Double?, limitBytes: Int
  ) async throws -> ExecOutcome? {
    var settings = ExecSettings(arguments: arguments)
    settings.attachStdout = true
    settings.attachStderr = true
    let id = try await createExec(reference, settings)
    guard
      let streams = try await startExec(id.hex, detach: false, terminal: nil, height: nil, width: nil)
    else { throw PlatformError(.internal, "the exec \(id) has no streams") }
    let session = try execs.find(id.hex)
    defer { streams.close() }
    let collector = Task {
      var outcome = ExecOutcome(exitCode: 0, stdout: [], stderr: [])
      while let chunk = try await streams.next() {
        switch chunk.stream {
        case .stdout: outcome.stdout += chunk.bytes.prefix(limitBytes - outcome.stdout.count)
        case .stderr: outcome.stderr += chunk.bytes.prefix(limitBytes - outcome.stderr.count)
        }
      }
      return outcome
    }
    do {
      let code =
        if let timeoutSeconds { try await session.ended.wait(seconds: timeoutSeconds) } else {
          Optional(try await session.ended.wait())
        }
      guard let code else {
        end(session)
        collector.cancel()
        return nil
      }
      var outcome = try await collector.value
      outcome.exitCode = code
      return outcome
    } catch {
      end(session)
      collector.cancel()
      throw error
    }
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
