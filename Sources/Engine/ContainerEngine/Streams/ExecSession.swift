import LinuxSystem
import Model
import OCIRuntime

/// A process that was asked for by `exec create`, from then until its container goes.
final class ExecSession: Sendable {
  enum Phase: Sendable {
    case created
    case running(ExecProcess)
    case ended(code: Int32)
  }

  let id: ExecID
  let container: ContainerID
  let settings: ExecSettings
  /// On the monotonic clock, in nanoseconds.
  let createdAt: UInt64
  let ended = OneShot<Int32>()
  private let phase = Locked(Phase.created)
  private let pid = Locked<Int32>(0)

  init(
    id: ExecID, container: ContainerID, settings: ExecSettings, createdAt: UInt64 = Clock.monotonicNanoseconds()
  ) {
    self.createdAt = createdAt
    self.id = id
    self.container = container
    self.settings = settings
  }

  /// Takes the right to start; false when it was started before.
  func begin() -> Bool {
    claimed.withLock { claimed in
      defer { claimed = true }
      return !claimed
    }
  }

  private let claimed = Locked(false)

  /// Keeps the process, but not its streams: whoever is attached closes them.
  func run(_ process: ExecProcess) {
    var kept = process
    kept.stdin = nil
    kept.stdout = nil
    kept.stderr = nil
    let held = kept
    phase.withLock { $0 = .running(held) }
  }

  func end(code: Int32) {
    phase.withLock { $0 = .ended(code: code) }
    ended.resolve(code)
  }

  /// Nobody has begun to start it.
  var isWaiting: Bool { !claimed.withLock { $0 } }

  /// Bytes that it keeps in memory, about.
  var sizeBytes: Int { (settings.arguments + settings.environment).reduce(0) { $0 + $1.utf8.count } }

  /// Started, and not over.
  var isRunning: Bool { phase.withLock { if case .running = $0 { true } else { false } } }

  var process: ExecProcess? { phase.withLock { if case .running(let process) = $0 { process } else { nil } } }

  var view: ExecView {
    let (running, code, process) = phase.withLock { phase -> (Bool, Int32?, ExecProcess?) in
      switch phase {
      case .created: (false, nil, nil)
      case .running(let process): (true, nil, process)
      case .ended(let code): (false, code, nil)
      }
    }
    if let process, let text = try? FileSystem.read(process.pidFile, maxBytes: 32) {
      pid.withLock { $0 = Int32(String(decoding: text.filter { $0 != 10 }, as: UTF8.self)) ?? 0 }
    }
    return ExecView(
      id: id, container: container, settings: settings, running: running, exitCode: code, pid: pid.withLock { $0 })
  }
}
