import Glibc
import LinuxSystem
import Logging
import Model

/// Creates containers under conmon and calls the OCI runtime for everything else.
///
/// Each container gets a conmon of its own, started in a fresh mount namespace in which the container's root is put
/// together; nothing of it is mounted where the host can see it, so nothing can be left behind. On hosts with both cgroup
/// hierarchies the v2 one is unmounted there, because crun refuses it. Sources: conmon(8), crun(1), OCI runtime
/// specification, runtime.md.
public struct ContainerMonitor: Sendable {
  /// Bytes of a message that conmon sends about a start.
  private static let messageLimitBytes = 64 << 10
  private static let runtimeOutputLimitBytes = 64 << 10
  private static let unifiedMount = "/sys/fs/cgroup/unified"

  let conmonPath: String
  /// Where the runtimes keep their state, one folder for each runtime.
  let stateDirectory: String
  let hidesUnified: Bool
  private let programs: SealedPrograms
  let spawner: any ProcessSpawner
  let logger: Logger

  public init(
    conmonPath: String, stateDirectory: String, cgroupMode: CgroupMode,
    spawner: any ProcessSpawner = LinuxProcessSpawner(), logger: Logger
  ) {
    self.conmonPath = conmonPath
    self.stateDirectory = stateDirectory
    self.hidesUnified = cgroupMode == .hybrid
    programs = SealedPrograms(directory: "\(stateDirectory)/.programs")
    self.spawner = spawner
    self.logger = logger
  }

  /// Creates the container: afterwards its init process exists and waits for `start`. Blocks for some milliseconds.
  ///
  /// - Parameter prepareRoot: puts the root file system together; runs in the container's new mount namespace.
  /// - Throws: `PlatformError` with the runtime's own words when it refuses.
  public func create(_ request: MonitorRequest, prepareRoot: @Sendable () throws -> Void) throws -> MonitoredProcess {
    let started = try startMonitor(request, prepareRoot: prepareRoot)
    return try awaitCreated(request, started)
  }

  private struct StartedMonitor: Sendable {
    let process: SpawnedProcess
    /// What conmon tells about the creation.
    let messages: Descriptor
    /// What conmon and the runtime write to stderr.
    let complaints: Descriptor
  }

  /// A function of its own, so that our copy of the messages' writing end is closed when it returns: the end of a conmon
  /// that fails is then seen at once.
  private func startMonitor(_ request: MonitorRequest, prepareRoot: @Sendable () throws -> Void) throws
    -> StartedMonitor
  {
    let (messages, messagesChild) = try Descriptor.pipe()
    let complaints = try MemoryFile.make([])
    let hides = hidesUnified && request.runtime.isCrun
    let program = try executable(request.runtime)
    let process = try NamespaceThread.run(unsharing: .mount, propagation: .slave) {
      if hides { try MountAPI.unmount(Self.unifiedMount, detach: true) }
      try prepareRoot()
      let null = try Self.protectedNullDevice()
      return try spawner.spawn(
        ProcessRequest(
          executable: conmonPath, arguments: conmonArguments(request, program: program),
          environment: ["_OCI_SYNCPIPE=3", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"], workingDirectory: "/",
          descriptors: [
            DescriptorMapping(child: 0, source: null.raw), DescriptorMapping(child: 1, source: null.raw),
            DescriptorMapping(child: 2, source: complaints.raw), DescriptorMapping(child: 3, source: messagesChild.raw),
          ], newSession: true))
    }
    withExtendedLifetime(messagesChild) {}
    return StartedMonitor(process: process, messages: messages, complaints: complaints)
  }

  /// crun gives the standard streams of a container to the container's root (fchown(2)). Where one of them is /dev/null,
  /// that would be the host's own node; opened through a read-only mount it cannot be given away.
  ///
  /// Runs in a mount namespace that is not the host's.
  static func protectedNullDevice() throws -> Descriptor {
    let path = "/dev/null"
    try MountAPI.mount(source: path, target: path, flags: .bind)
    try MountAPI.mount(source: path, target: path, flags: [.bind, .remount, .readOnly, .noSetUID, .noExecution])
    return try Descriptor.open(path, flags: O_RDWR)
  }

  /// Lets the created container's program run.
  public func start(_ id: ContainerID, process: MonitoredProcess, runtime: RuntimeProgram) throws {
    if runtime.isCrun {
      try state(id, runtime).release(process)
    } else {
      try call(runtime, ["start", id.hex], what: "start container \(id.short)")
    }
  }

  /// Removes what the runtime keeps of a container whose first process, and with it every other, has ended. Its control
  /// groups stay.
  public func forget(_ id: ContainerID, runtime: RuntimeProgram) throws {
    if runtime.isCrun { try state(id, runtime).remove() } else { try delete(id, runtime: runtime, force: true) }
  }

  private func state(_ id: ContainerID, _ runtime: RuntimeProgram) -> CrunState {
    CrunState(folder: "\(stateDirectory)/\(runtime.name)/\(id.hex)")
  }

  /// What is executed for a runtime.
  func executable(_ runtime: RuntimeProgram) throws -> String {
    runtime.isCrun ? try programs.path(of: runtime.path) : runtime.path
  }

  /// Removes what the runtime keeps of a container, its control groups too. Kills it when `force`.
  public func delete(_ id: ContainerID, runtime: RuntimeProgram, force: Bool) throws {
    try call(
      runtime, force ? ["delete", "--force", id.hex] : ["delete", id.hex], what: "delete container \(id.short)")
  }

  /// Changes limits; `resources` is the JSON of the runtime specification's `linux.resources`.
  public func update(_ id: ContainerID, runtime: RuntimeProgram, resources: [UInt8]) throws {
    try call(runtime, ["update", "--resources", "-", id.hex], input: resources, what: "update container \(id.short)")
  }

  /// Arguments up to the command: the program's own, and where it keeps its state.
  func globalArguments(_ runtime: RuntimeProgram) -> [String] {
    runtime.arguments + ["--root", "\(stateDirectory)/\(runtime.name)"]
  }

  private func call(_ runtime: RuntimeProgram, _ arguments: [String], input: [UInt8]? = nil, what: String) throws {
    let output = try spawner.run(
      ProcessRequest(
        executable: try executable(runtime), arguments: [runtime.path] + globalArguments(runtime) + arguments,
        environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], workingDirectory: "/"),
      input: input, maxOutputBytes: Self.runtimeOutputLimitBytes, deadlineSeconds: 30)
    guard output.status.isSuccess else {
      let words = String(decoding: output.stderr, as: UTF8.self).trimmedLine
      throw PlatformError(
        .internal, "failed to \(what): \(runtime.name): \(words.isEmpty ? "exit code \(output.status.code)" : words)",
        context: ["timedOut": "\(output.isTimedOut)"])
    }
  }

  private func conmonArguments(_ request: MonitorRequest, program: String) -> [String] {
    var arguments = [
      conmonPath, "--api-version", "1", "--sync", "--cid", request.id.hex, "--cuuid", request.id.hex,
      "--name", request.name, "--runtime", program, "--bundle", request.bundle,
      "--container-pidfile", "\(request.bundle)/init.pid", "--exit-dir", request.exitDirectory,
      "--full-attach", "--no-sync-log", "--log-level", "error",
      "--log-path", request.logPath.map { "k8s-file:\($0)" } ?? "off",
    ]
    if request.logPath != nil { arguments += ["--log-size-max", "\(request.logLimitBytes)"] }
    if request.terminal { arguments.append("--terminal") }
    if request.openStdin { arguments.append("--stdin") }
    if request.keepStdinOpen { arguments.append("--leave-stdin-open") }
    for argument in globalArguments(request.runtime) { arguments += ["--runtime-arg", argument] }
    return arguments
  }

  private func awaitCreated(_ request: MonitorRequest, _ started: StartedMonitor) throws -> MonitoredProcess {
    let monitor = started.process
    do {
      let line = try Self.readLine(started.messages, deadlineSeconds: request.createDeadlineSeconds)
      let message = try MonitorMessage(parsing: line)
      guard message.data > 0 else { throw PlatformError(.internal, message.text) }
      return MonitoredProcess(
        initial: try ProcessIdentity(of: message.data), initialDescriptor: try PidFD.open(message.data),
        monitor: try ProcessIdentity(of: monitor.pid), monitorDescriptor: monitor.pidfd)
    } catch {
      try? monitor.signal(SIGKILL)
      _ = try? monitor.waitExit()
      try? delete(request.id, runtime: request.runtime, force: true)
      throw refusal(request, error, complaints: started.complaints)
    }
  }

  /// The error of a creation that failed, in the runtime's own words where it had any.
  private func refusal(_ request: MonitorRequest, _ error: any Error, complaints: Descriptor) -> PlatformError {
    let written = String(decoding: (try? complaints.contents(limitBytes: Self.messageLimitBytes)) ?? [], as: UTF8.self)
    let said = (error as? PlatformError)?.message.trimmedLine ?? ""
    let words = [said, written.trimmedLine, "the monitor ended without a word"].first { !$0.isEmpty } ?? ""
    return PlatformError(
      .internal, "failed to create container: \(request.runtime.name): \(words)", context: ["conmon": written],
      cause: error)
  }

  private static func readLine(_ pipe: Descriptor, deadlineSeconds: Double) throws -> [UInt8] {
    let end = Clock.monotonicNanoseconds() + UInt64(deadlineSeconds * 1e9)
    var line: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !line.contains(UInt8(ascii: "\n")), line.count < messageLimitBytes {
      guard try pipe.waitReadable(until: end) else {
        throw PlatformError(.unavailable, "no answer within \(Int(deadlineSeconds)) s")
      }
      let count = try buffer.withUnsafeMutableBytes { try pipe.read(into: $0) }
      if count == 0 { break }
      line += buffer[..<count]
    }
    return line
  }
}

extension String {
  /// The text without leading and trailing white space, line ends made spaces.
  var trimmedLine: String {
    split(whereSeparator: \.isNewline).joined(separator: " ")
      .drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed().map(String.init).joined()
  }
}
