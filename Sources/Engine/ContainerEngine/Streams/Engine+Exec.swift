import FoundationEssentials
import Glibc
import Isolation
import LinuxSystem
import Model
import OCIRuntime
import OCITypes

extension Engine {
  /// Ended exec sessions that stay to be inspected, for each container.
  private static let keptExecs = 32

  /// Prepares a process to be run in a running container.
  public func createExec(_ reference: String, _ settings: ExecSettings) async throws -> ExecID {
    let container = try enterable(reference)
    guard !settings.arguments.isEmpty, settings.arguments[0] != "" else {
      throw PlatformError(.invalidArgument, "No exec command specified")
    }
    guard container.process != nil else {
      throw PlatformError(.conflict, "container \(container.id) is not running")
    }
    if container.status == .paused {
      throw PlatformError(.conflict, "Container \(container.id) is paused, unpause the container before exec")
    }
    if settings.privileged {
      try PolicyCheck(policy: policy).requirePrivileged()
    }
    if let folder = settings.workingDirectory { try SettingsValidator.checkWorkingDirectory(folder) }
    execs.trim(of: container.id, keep: Self.keptExecs)
    let session = ExecSession(id: .random(), container: container.id, settings: settings)
    for expired in try execs.insert(session, limit: policy.limits.execsPerContainer) { forget(expired) }
    container.change { $0.execs[session.id] = session }
    emit("exec_create: \(settings.arguments.joined(separator: " "))", container.record, ["execID": session.id.hex])
    return session.id
  }

  /// Starts a prepared process. nil when it runs detached.
  public func startExec(_ id: String, detach: Bool, terminal: Bool?, height: Int?, width: Int?) async throws
    -> AttachSession?
  {
    let session = try execs.find(id)
    guard let container = try? registry.find(session.container.hex), container.process != nil else {
      throw PlatformError(.conflict, "container \(session.container) is not running")
    }
    guard session.begin() else {
      throw PlatformError(.conflict, "exec command \(session.id) has already run")
    }
    do {
      let process = try launch(session, in: container, detach: detach)
      session.run(process)
      emit(
        "exec_start: \(session.settings.arguments.joined(separator: " "))", container.record, ["execID": session.id.hex]
      )
      let attached = try attachment(of: session, process: process, detach: detach)
      if let terminal = process.terminal, let height = height ?? session.settings.consoleHeight,
        let width = width ?? session.settings.consoleWidth
      {
        try? Pty.setSize(terminal, TerminalSize(columns: UInt16(clamping: width), rows: UInt16(clamping: height)))
      }
      watch(session, runtime: process.runtime, attached: attached)
      return detach ? nil : attached
    } catch {
      session.end(code: (error as? StartFailure)?.exitCode ?? 126)
      forget(session)
      throw (error as? StartFailure)?.platformError ?? error
    }
  }

  private func launch(_ session: ExecSession, in container: Container, detach: Bool) throws -> ExecProcess {
    guard let process = container.process else {
      throw PlatformError(.conflict, "container \(container.id) is not running")
    }
    let record = container.record
    let settings = session.settings
    let root = try RootedDirectory(process.root())
    let user = try ContainerAccounts.resolve(
      settings.user.flatMap { $0.isEmpty ? nil : $0 } ?? record.user, groups: record.settings.host.additionalGroups,
      in: root, idCount: record.ids.count)
    var environment = record.environment
    if settings.terminal, !record.settings.terminal { environment.append("TERM=xterm") }
    environment += settings.environment
    let directory = settings.workingDirectory.flatMap { $0.isEmpty ? nil : $0 } ?? record.workingDirectory
    let specification = try SpecBuilder.execProcess(
      ExecInput(
        arguments: settings.arguments, environment: environment, workingDirectory: directory, user: user,
        terminal: settings.terminal, privileged: settings.privileged, consoleHeight: settings.consoleHeight ?? 0,
        consoleWidth: settings.consoleWidth ?? 0),
      container: try processSpec(of: container), policy: policy)
    let lookup = ProgramLookup.find(settings.arguments[0], environment: environment, cwd: directory, in: root)
    if lookup != .found {
      throw StartFailure(
        PlatformError(.invalidArgument, "the program was not found"), lookup: lookup, program: settings.arguments[0],
        of: .exec)
    }
    return try monitor.exec(
      ExecRequest(
        id: record.id, exec: session.id, runtime: try runtime(record.runtime), bundle: paths.bundle(record.id),
        process: try specification.json(), terminal: settings.terminal, stdin: settings.attachStdin && !detach,
        stdout: settings.attachStdout && !detach, stderr: settings.attachStderr && !detach))
  }

  /// The rights of the container's own process, which an exec never exceeds; kept in memory after the first exec.
  private func processSpec(of container: Container) throws -> ProcessSpec {
    if let known = container.read({ $0.processSpec }) { return known }
    if let process = container.process { Self.awaitProgram(process.initial.pid) }
    let bytes = try FileSystem.read("\(paths.bundle(container.id))/process.json", maxBytes: 4 << 20)
    let specification = try JSONDecoder().decode(ProcessSpec.self, from: Data(bytes))
    container.change { $0.processSpec = specification }
    return specification
  }

  /// Longest wait for a container's program to take the place of the runtime in the first process.
  private static let programDeadlineSeconds = 1.0

  /// A start answers when the runtime lets the program run; for the blink of an eye the first process is still the
  /// runtime's own code, whose memory belongs to the host's user namespace, and nothing can join it (EPERM, setns(2)).
  private static func awaitProgram(_ pid: Int32) {
    let end = Clock.monotonicNanoseconds() + UInt64(programDeadlineSeconds * 1e9)
    while Clock.monotonicNanoseconds() < end {
      guard let link = try? Descriptor.open("/proc/\(pid)/exe", flags: O_PATH | O_NOFOLLOW),
        let program = try? link.readLink()
      else { return }
      let isRuntime = program.hasPrefix("/memfd:") || program.hasSuffix("/crun") || program.hasSuffix("/runc")
      guard isRuntime else { return }
      usleep(500)
    }
  }

  private func attachment(of session: ExecSession, process: ExecProcess, detach: Bool) throws -> AttachSession {
    let settings = session.settings
    let options = AttachOptions(
      stream: true, logs: false, stdin: settings.attachStdin, stdout: settings.attachStdout || settings.terminal,
      stderr: settings.attachStderr, detachKeys: settings.detachKeys)
    let attached = AttachSession(terminal: settings.terminal, options: options) { [self] in
      guard let container = try? registry.find(session.container.hex) else { return }
      emit("exec_detach", container.record, ["execID": session.id.hex])
    }
    func open(_ descriptor: Descriptor?) throws -> AsyncDescriptor? {
      try descriptor.map { try AsyncDescriptor($0, poller: poller) }
    }
    if let terminal = try open(process.terminal) {
      attached.connect(.terminal(terminal))
    } else {
      attached.connect(
        .pipes(
          stdin: PipeInput(try open(process.stdin)),
          outputs: PipeOutputs(stdout: try open(process.stdout), stderr: try open(process.stderr))))
    }
    return attached
  }

  /// Keeps nothing of the process but its runtime: whoever held its streams would keep them open.
  private func watch(_ session: ExecSession, runtime: SpawnedProcess, attached: AttachSession) {
    lifetime.run(on: executor) { [self] in
      let status = try? await poller.waitExit(runtime)
      session.end(code: status?.code ?? 137)
      attached.processEnd.resolve(())
      forget(session)
      if let container = try? registry.find(session.container.hex) {
        emit("exec_die", container.record, ["execID": session.id.hex, "exitCode": String(status?.code ?? 137)])
      }
    }
  }

  /// An ended session is no longer listed with its container; it can be inspected for a while.
  private func forget(_ session: ExecSession) {
    guard let container = try? registry.find(session.container.hex) else { return }
    container.change { $0.execs[session.id] = nil }
  }

  public func execView(_ id: String) throws -> ExecView { try execs.find(id).view }

  /// Sets the size of an exec's terminal.
  public func resizeExec(_ id: String, height: Int, width: Int) async throws {
    let session = try execs.find(id)
    guard let terminal = session.process?.terminal else {
      throw PlatformError(.conflict, "cannot resize a stopped or non-terminal exec: \(session.id)")
    }
    try Pty.setSize(terminal, TerminalSize(columns: UInt16(clamping: width), rows: UInt16(clamping: height)))
  }
}
