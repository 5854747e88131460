import Glibc
import Testing

@testable import LinuxSystem

@Suite struct ProcessSpawnerTests {
  private let spawner = LinuxProcessSpawner()

  private func shell(_ script: String) -> ProcessRequest {
    ProcessRequest(executable: "/bin/sh", arguments: ["sh", "-c", script], environment: ["PATH=/usr/bin:/bin"])
  }

  @Test(arguments: [
    ("exit 0", LinuxSystem.ExitStatus.exited(0)), ("exit 7", .exited(7)), ("kill -TERM $$", .signaled(SIGTERM)),
  ])
  func reportsHowAProgramEnded(script: String, expected: LinuxSystem.ExitStatus) throws {
    let process = try spawner.spawn(shell(script))
    #expect(try process.waitExit() == expected)
    #expect(try errorNumber { _ = try process.waitExit() } == ECHILD)
  }

  @Test(arguments: [
    ("/nowhere/program", ENOENT, "execve"), ("/etc/passwd", EACCES, "execve"), ("/etc", EACCES, "execve"),
    ("/bin/\0sh", EINVAL, "execve"),
  ])
  func reportsWhyAProgramDidNotStart(executable: String, code: Int32, operation: String) throws {
    #expect(throws: SystemError(errno: code, operation: operation, subject: executable)) {
      try spawner.spawn(ProcessRequest(executable: executable, arguments: ["x"]))
    }
  }

  @Test func reportsAMissingWorkingDirectory() throws {
    var request = shell("true")
    request.workingDirectory = "/nowhere"
    #expect(throws: SystemError(errno: ENOENT, operation: "chdir", subject: "/nowhere")) { try spawner.spawn(request) }
  }

  @Test func refusesMappingsThatContradict() throws {
    var request = shell("true")
    request.descriptors = [.init(child: 5, source: 0), .init(child: 5, source: 1)]
    #expect(try errorNumber { _ = try spawner.spawn(request) } == EINVAL)
    request.descriptors = [.init(child: 5, source: 9999)]
    #expect(try errorNumber { _ = try spawner.spawn(request) } == EBADF)
  }

  @Test func collectsOutputAndFeedsInput() throws {
    let result = try spawner.run(shell("cat; echo problem >&2; exit 3"), input: Array("hello".utf8))
    #expect(text(result.stdout) == "hello")
    #expect(text(result.stderr) == "problem\n")
    #expect(result.status == .exited(3))
    #expect(!result.isTruncated && !result.isTimedOut)
  }

  @Test func boundsOutput() throws {
    let result = try spawner.run(shell("head -c 1000000 /dev/zero"), maxOutputBytes: 1000)
    #expect(result.stdout.count == 1000)
    #expect(result.isTruncated)
    #expect(result.status.isSuccess)
  }

  @Test func stopsAtTheDeadline() throws {
    let result = try spawner.run(shell("exec sleep 100"), deadlineSeconds: 0.05)
    #expect(result.isTimedOut)
    #expect(result.status == .signaled(SIGTERM))
  }

  @Test func doesNotWaitForDescendants() throws {
    let result = try spawner.run(shell("sleep 3 & echo $!"), deadlineSeconds: 2)
    #expect(!result.isTimedOut)
    if let pid = Int32(text(result.stdout).dropLast()) { kill(pid, SIGKILL) }
  }

  @Test func givesOnlyTheMappedDescriptors() throws {
    let (read, write) = try Descriptor.pipe()
    var request = shell("ls /proc/self/fd | tr '\\n' ' '")
    // Source and target numbers cross on purpose.
    request.descriptors = [.init(child: write.raw, source: read.raw), .init(child: read.raw, source: write.raw)]
    let result = try spawner.run(request)
    let open = Set(text(result.stdout).split(separator: " ").compactMap { Int32($0) })
    // The shell's ls has its own directory descriptor, the lowest free one.
    #expect(open.isSuperset(of: [0, 1, 2, read.raw, write.raw]))
    #expect(open.count == 6)
  }

  @Test func startsWithDefaultSignals() throws {
    var mask = sigset_t()
    sigemptyset(&mask)
    sigaddset(&mask, SIGUSR1)
    pthread_sigmask(SIG_BLOCK, &mask, nil)
    let before = signal(SIGPIPE, SIG_IGN)
    defer {
      signal(SIGPIPE, before)
      pthread_sigmask(SIG_UNBLOCK, &mask, nil)
    }
    let request = ProcessRequest(
      executable: "/bin/grep", arguments: ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"])
    let result = try spawner.run(request)
    #expect(text(result.stdout) == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n")
  }

  @Test func tellsReusedProcessIdentifiersApart() throws {
    let process = try spawner.spawn(shell("exec sleep 100"))
    let identity = try ProcessIdentity(of: process.pid)
    #expect(try identity.open() != nil)
    #expect(try ProcessIdentity(pid: process.pid, startTime: identity.startTime + 1).open() == nil)
    try process.signal(SIGKILL)
    #expect(try process.waitExit() == .signaled(SIGKILL))
    #expect(try identity.open() == nil)
    #expect(try errorNumber { try process.signal(0) } == ESRCH)
  }
}
