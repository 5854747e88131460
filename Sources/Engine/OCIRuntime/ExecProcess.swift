import LinuxSystem
import Model

/// A process that joins a running container, with our ends of its streams.
public struct ExecProcess: Sendable {
  /// The runtime's process, which ends with the exec's exit code.
  public var runtime: SpawnedProcess
  public var stdin: Descriptor?
  public var stdout: Descriptor?
  public var stderr: Descriptor?
  /// The terminal's master side, in place of the three others.
  public var terminal: Descriptor?
  /// Where the runtime writes the process's pid.
  public var pidFile: String
}

/// What to run and which streams to hold.
public struct ExecRequest: Sendable {
  public var id: ContainerID
  public var exec: ExecID
  public var runtime: RuntimeProgram
  public var bundle: String
  /// JSON of the runtime specification's `process`.
  public var process: [UInt8]
  public var terminal: Bool
  public var stdin: Bool
  public var stdout: Bool
  public var stderr: Bool

  public init(
    id: ContainerID, exec: ExecID, runtime: RuntimeProgram, bundle: String, process: [UInt8], terminal: Bool,
    stdin: Bool, stdout: Bool, stderr: Bool
  ) {
    self.id = id
    self.exec = exec
    self.runtime = runtime
    self.bundle = bundle
    self.process = process
    self.terminal = terminal
    self.stdin = stdin
    self.stdout = stdout
    self.stderr = stderr
  }
}

extension ContainerMonitor {
  private static let terminalDeadlineSeconds = 30.0

  /// Starts a process in a running container. The runtime's process stays as its parent and is ours to reap.
  public func exec(_ request: ExecRequest) throws -> ExecProcess {
    let pidFile = "\(request.bundle)/exec-\(request.exec.short).pid"
    let specification = try MemoryFile.make(request.process)
    var arguments =
      [request.runtime.path] + globalArguments(request.runtime) + [
        "exec", "--process", "/proc/self/fd/3", "--pid-file", pidFile,
      ]
    var descriptors = [DescriptorMapping(child: 3, source: specification.raw)]
    let result: ExecProcess
    if request.terminal {
      result = try execInTerminal(request, arguments: &arguments, descriptors: descriptors, pidFile: pidFile)
    } else {
      let stdin = request.stdin ? try Descriptor.pipe() : nil
      let stdout = request.stdout ? try Descriptor.pipe() : nil
      let stderr = request.stderr ? try Descriptor.pipe() : nil
      if let stdin { descriptors.append(DescriptorMapping(child: 0, source: stdin.read.raw)) }
      if let stdout { descriptors.append(DescriptorMapping(child: 1, source: stdout.write.raw)) }
      if let stderr { descriptors.append(DescriptorMapping(child: 2, source: stderr.write.raw)) }
      let process = try spawnExec(request, arguments: arguments + [request.id.hex], descriptors: descriptors)
      withExtendedLifetime((stdin, stdout, stderr)) {}
      result = ExecProcess(
        runtime: process, stdin: stdin?.write, stdout: stdout?.read, stderr: stderr?.read, pidFile: pidFile)
    }
    withExtendedLifetime(specification) {}
    return result
  }

  private func spawnExec(_ request: ExecRequest, arguments: [String], descriptors: [DescriptorMapping]) throws
    -> SpawnedProcess
  {
    // In a mount namespace of its own for the sake of /dev/null, see `protectedNullDevice`.
    try NamespaceThread.run(unsharing: .mount, propagation: .slave) {
      let null = try Self.protectedNullDevice()
      var descriptors = descriptors
      for child in Int32(0)...2 where !descriptors.contains(where: { $0.child == child }) {
        descriptors.append(DescriptorMapping(child: child, source: null.raw))
      }
      return try spawnRuntime(request, arguments: arguments, descriptors: descriptors)
    }
  }

  private func spawnRuntime(_ request: ExecRequest, arguments: [String], descriptors: [DescriptorMapping]) throws
    -> SpawnedProcess
  {
    try spawner.spawn(
      ProcessRequest(
        executable: try executable(request.runtime), arguments: arguments,
        environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
        workingDirectory: "/", descriptors: descriptors, newSession: true))
  }

  private func execInTerminal(
    _ request: ExecRequest, arguments: inout [String], descriptors: [DescriptorMapping], pidFile: String
  ) throws -> ExecProcess {
    let socketPath = "\(request.bundle)/exec-\(request.exec.short).sock"
    let listener = try UnixSocket.listen(socketPath, mode: 0o600, backlog: 1)
    defer { try? FileSystem.removeFile(socketPath) }
    arguments += ["--tty", "--console-socket", socketPath, request.id.hex]
    let process = try spawnExec(request, arguments: arguments, descriptors: descriptors)
    do {
      let end = Clock.monotonicNanoseconds() + UInt64(Self.terminalDeadlineSeconds * 1e9)
      guard try Descriptor.firstReadable([listener, process.pidfd], until: end) === listener else {
        throw PlatformError(.internal, "failed to start the process: the runtime gave no terminal")
      }
      let connection = try UnixSocket.accept(listener)
      let terminal = try UnixSocket.receiveDescriptor(connection)
      return ExecProcess(runtime: process, terminal: terminal, pidFile: pidFile)
    } catch {
      try? process.signal(9)
      _ = try? process.waitExit()
      throw error
    }
  }
}
