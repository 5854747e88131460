import Glibc
import LinuxSystem
import Logging
import Model
import Testing

@testable import OCIRuntime

/// Stand-ins for conmon and a runtime: scripts that note their arguments and do what a test says.
private struct Programs {
  let folder: String
  let id = ContainerID.random()

  init(conmon: String = "exit 1", runtime: String = "exit 0") throws {
    folder = "/tmp/ociruntime-test-\(UInt64.random(in: .min ... .max))"
    try FileSystem.makeDirectory(folder, mode: 0o700)
    for (name, body) in [("conmon", conmon), ("runtime", runtime)] {
      let script = "#!/bin/sh\nprintf '%s\\n' \"$@\" >\(folder)/\(name).args\n\(body)\n"
      try FileSystem.atomicWrite("\(folder)/\(name)", Array(script.utf8), mode: 0o700, durable: false)
    }
  }

  func remove() { try? FileSystem.removeTree(folder) }

  var monitor: ContainerMonitor {
    ContainerMonitor(
      conmonPath: "\(folder)/conmon", stateDirectory: "\(folder)/state", cgroupMode: .v2,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  var runtime: RuntimeProgram { RuntimeProgram(name: "own", path: "\(folder)/runtime", arguments: ["--debug"]) }

  func request(log: String? = nil, terminal: Bool = false) -> MonitorRequest {
    MonitorRequest(
      id: id, name: "web", runtime: runtime, bundle: folder, terminal: terminal, openStdin: terminal,
      keepStdinOpen: terminal, logPath: log, logLimitBytes: 4_096, exitDirectory: "\(folder)/exits",
      createDeadlineSeconds: 10)
  }

  /// This process stands for the container's and for conmon.
  func process() throws -> MonitoredProcess {
    let own = try ProcessIdentity(of: getpid())
    let descriptor = try PidFD.open(getpid())
    return MonitoredProcess(initial: own, initialDescriptor: descriptor, monitor: own, monitorDescriptor: descriptor)
  }

  func arguments(_ program: String) throws -> [String] {
    String(decoding: try FileSystem.read("\(folder)/\(program).args", maxBytes: 1 << 16), as: UTF8.self)
      .split(separator: "\n").map(String.init)
  }
}

@Suite(.enabled(if: geteuid() == 0), .timeLimit(.minutes(1))) struct ContainerMonitorTests {
  @Test func creationTellsTheProcessesAndPassesTheRequestOn() throws {
    let programs = try Programs(conmon: "echo \"{\\\"data\\\": $$}\" >&3; exec sleep 100")
    defer { programs.remove() }
    let process = try programs.monitor.create(programs.request(log: "/log", terminal: true)) {}
    defer {
      try? PidFD.signal(process.monitorDescriptor, SIGKILL)
      _ = try? PidFD.waitExit(process.monitorDescriptor)
    }
    #expect(process.initial.pid == process.monitor.pid && process.initial.pid > 0)
    let arguments = try programs.arguments("conmon")
    #expect(arguments.contains("k8s-file:/log") && arguments.contains("--terminal"))
    #expect(arguments.contains("--stdin") && arguments.contains("--leave-stdin-open"))
    #expect(arguments.firstIndex(of: "--log-size-max").map { arguments[$0 + 1] } == "4096")
    #expect(arguments.firstIndex(of: "--cid").map { arguments[$0 + 1] } == programs.id.hex)
    let passed = arguments.indices.filter { arguments[$0] == "--runtime-arg" }.map { arguments[$0 + 1] }
    #expect(passed == ["--debug", "--root", "\(programs.folder)/state/own"])
  }

  @Test(arguments: [
    ("printf '%s\\n' '{\"data\": -1, \"message\": \"no such program\\nhere\"}' >&3", "no such program here"),
    ("echo 'out of luck' >&2; exit 1", "out of luck"), ("exit 1", "the monitor ended without a word"),
    ("echo 'why' >&2; echo 'no json' >&3", "why"),
  ])
  func aRefusalIsToldInTheRuntimesOwnWords(script: String, words: String) throws {
    let programs = try Programs(conmon: script)
    defer { programs.remove() }
    let error = #expect(throws: PlatformError.self) { _ = try programs.monitor.create(programs.request()) {} }
    #expect(error?.message == "failed to create container: own: \(words)")
    // What the runtime may have made is taken back.
    #expect(try programs.arguments("runtime").suffix(3) == ["delete", "--force", programs.id.hex])
  }

  @Test func aRootThatCannotBeMadeStartsNothing() throws {
    struct Broken: Error {}
    let programs = try Programs()
    defer { programs.remove() }
    #expect(throws: (any Error).self) { _ = try programs.monitor.create(programs.request()) { throw Broken() } }
    #expect(!FileSystem.exists("\(programs.folder)/conmon.args"))
  }

  @Test func anExecGetsItsSpecificationAndItsStreams() throws {
    let programs = try Programs(runtime: "cat <&3; echo complaint >&2; exit 7")
    defer { programs.remove() }
    let exec = ExecID.random()
    let process = try programs.monitor.exec(
      ExecRequest(
        id: programs.id, exec: exec, runtime: programs.runtime, bundle: programs.folder, process: Array("{}".utf8),
        terminal: false, stdin: false, stdout: true, stderr: true))
    #expect(try process.stdout?.readAll(maxBytes: 100) == Array("{}".utf8))
    #expect(try process.stderr?.readAll(maxBytes: 100) == Array("complaint\n".utf8))
    #expect(process.stdin == nil)
    #expect(try PidFD.waitExit(process.runtime.pidfd) == .exited(7))
    #expect(
      try programs.arguments("runtime") == [
        "--debug", "--root", "\(programs.folder)/state/own", "exec", "--process", "/proc/self/fd/3", "--pid-file",
        "\(programs.folder)/exec-\(exec.short).pid", programs.id.hex,
      ])
  }

  @Test func theRuntimesFailureIsNamed() throws {
    let programs = try Programs(runtime: "echo 'no  such\ncontainer' >&2; exit 3")
    defer { programs.remove() }
    let error = #expect(throws: PlatformError.self) {
      try programs.monitor.start(programs.id, process: try programs.process(), runtime: programs.runtime)
    }
    #expect(error?.message == "failed to start container \(programs.id.short): own: no  such container")
    let silent = try Programs(runtime: "exit 3")
    defer { silent.remove() }
    let second = #expect(throws: PlatformError.self) {
      try silent.monitor.delete(silent.id, runtime: silent.runtime, force: false)
    }
    #expect(second?.message.hasSuffix("own: exit code 3") == true)
  }

  @Test func crunsFirstProcessIsReleasedThroughItsFifo() throws {
    let programs = try Programs()
    defer { programs.remove() }
    let crun = RuntimeProgram(name: "crun", path: "/nowhere/crun")
    let folder = "\(programs.folder)/state/crun/\(programs.id.hex)"
    try FileSystem.makeDirectories(folder, mode: 0o700)
    try systemCall("mkfifo") { mkfifo("\(folder)/exec.fifo", 0o600) }
    let listener = try Descriptor.open("\(folder)/exec.fifo", flags: O_RDONLY | O_NONBLOCK)
    try programs.monitor.start(programs.id, process: try programs.process(), runtime: crun)
    #expect(try listener.readAll(maxBytes: 10) == [0])
    #expect(!FileSystem.exists("\(folder)/exec.fifo"))
    try programs.monitor.forget(programs.id, runtime: crun)
    #expect(!FileSystem.exists(folder))
  }

  @Test func crunsFirstProcessThatHasEndedIsNotWaitedFor() throws {
    let programs = try Programs()
    defer { programs.remove() }
    let folder = "\(programs.folder)/state/crun/\(programs.id.hex)"
    try FileSystem.makeDirectories(folder, mode: 0o700)
    try systemCall("mkfifo") { mkfifo("\(folder)/exec.fifo", 0o600) }
    let ended = try LinuxProcessSpawner().spawn(
      ProcessRequest(executable: "/bin/true", arguments: ["true"], environment: [], workingDirectory: "/"))
    let identity = ProcessIdentity(pid: ended.pid, startTime: 0)
    let process = MonitoredProcess(
      initial: identity, initialDescriptor: ended.pidfd, monitor: identity, monitorDescriptor: ended.pidfd)
    let error = #expect(throws: SystemError.self) {
      try programs.monitor.start(
        programs.id, process: process, runtime: RuntimeProgram(name: "crun", path: "/nowhere/crun"))
    }
    #expect(error?.errno == ESRCH)
    _ = try ended.waitExit()
  }

  @Test func limitsGoInByStandardInput() throws {
    let programs = try Programs(runtime: "cat >$(dirname $0)/input")
    defer { programs.remove() }
    try programs.monitor.update(programs.id, runtime: programs.runtime, resources: Array("{\"cpu\":{}}".utf8))
    #expect(try programs.arguments("runtime").suffix(4) == ["update", "--resources", "-", programs.id.hex])
    #expect(try FileSystem.read("\(programs.folder)/input", maxBytes: 100) == Array("{\"cpu\":{}}".utf8))
  }
}

@Suite struct MonitorMessageTests {
  @Test(arguments: [
    ("{\"data\": 42}\n", 42, ""), ("{\"data\":-1,\"message\":\"why\"}", -1, "why"), ("{\"data\":0,\"x\":[]}", 0, ""),
  ])
  func reads(text: String, data: Int32, message: String) throws {
    let read = try MonitorMessage(parsing: Array(text.utf8))
    #expect(read.data == data && read.text == message)
  }

  @Test(arguments: ["", "{}", "[1]", "{\"data\":\"1\"}", "{\"data\":4294967296}", "{\"data\":1e99}", "\u{0}", "x"])
  func refuses(text: String) {
    let error = #expect(throws: PlatformError.self) { try MonitorMessage(parsing: Array(text.utf8)) }
    #expect(error?.code == .internal)
  }
}

@Suite struct StrayProcessTests {
  private let id = ContainerID.random()
  private let monitor = ContainerMonitor(
    conmonPath: "/c", stateDirectory: "/run/b/runtime", cgroupMode: .v2,
    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })

  private func container(_ arguments: String...) -> ContainerID? {
    monitor.container(inCommandLine: Array(arguments.joined(separator: "\0").utf8) + [0])
  }

  @Test func findsWhoWorksForWhichContainer() {
    #expect(container("/c", "--cid", id.hex, "--runtime-arg", "/run/b/runtime/runtime") == id)
    #expect(container("runtime", "--root", "/run/b/runtime/runtime", "create", id.hex) == id)
  }

  @Test func leavesEveryoneElseAlone() {
    #expect(container("runtime", "--root", "/run/other/runtime/runtime", "create", id.hex) == nil)
    #expect(container("runtime", "--root", "/run/b/runtimes", "create", id.hex) == nil)
    #expect(container("ls", "/run/b/runtime/runtime") == nil)
    #expect(container("runtime", "--root", "/run/b/runtime/runtime", id.hex.uppercased()) == nil)
    #expect(monitor.container(inCommandLine: []) == nil)
  }
}

@Suite struct MonitorFilesTests {
  @Test(arguments: [("0", 0), ("137\n", 137), (" 1 ", 1), ("", nil), ("x", nil), ("99999999999", nil)])
  func readsExitCodes(text: String, code: Int32?) throws {
    let folder = "/tmp/ociruntime-files-\(UInt64.random(in: .min ... .max))"
    try FileSystem.makeDirectory(folder, mode: 0o700)
    defer { try? FileSystem.removeTree(folder) }
    let files = MonitorFiles(bundle: folder, exitDirectory: folder, id: .random())
    #expect(try files.exitCode() == nil)
    try FileSystem.atomicWrite(files.exitFile, Array(text.utf8), durable: false)
    #expect(try files.exitCode() == code)
    #expect(!files.sawOutOfMemory)
    try FileSystem.atomicWrite("\(folder)/oom", [], durable: false)
    #expect(files.sawOutOfMemory)
  }

  @Test(arguments: [("a\nb", "a b"), ("  a \r\n", "a"), ("\n\n", ""), ("é\u{2028}x", "é x")])
  func linesAreTrimmed(text: String, trimmed: String) { #expect(text.trimmedLine == trimmed) }
}
