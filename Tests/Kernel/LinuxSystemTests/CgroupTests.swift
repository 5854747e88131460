import Glibc
import Testing

@testable import LinuxSystem

@Suite struct CgroupTests {
  private static let v1 =
    "1 0 0:1 / /c/cpu rw - cgroup cgroup rw,cpu,cpuacct\n2 0 0:2 / /c/sd rw - cgroup c rw,name=x\n"
  private static let v2 = "3 0 0:3 / /c/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
  private static let part = "4 0 0:1 /docker/x /other rw - cgroup cgroup rw,cpu,cpuacct\n"

  @Test(arguments: [
    (v1, CgroupMode.v1, ["/c/cpu", "/c/sd"]), (part + v1 + v2, .hybrid, ["/c/cpu", "/c/sd", "/c/unified"]),
    (v2, .v2, ["/c/unified"]),
  ])
  func detectsLayouts(table: String, mode: CgroupMode, hierarchies: [String]) throws {
    let layout = try CgroupLayout(mounts: MountTable.parse(Array(table.utf8)))
    #expect(layout.mode == mode)
    #expect(layout.hierarchies == hierarchies)
    #expect(layout.directory("cpuacct", try CgroupPath("/a/b")) == "\(hierarchies[0])/a/b")
  }

  @Test func aHostWithoutCgroupsIsAnError() throws {
    #expect(try errorNumber { _ = try CgroupLayout(mounts: []) } == ENOENT)
  }

  @Test(arguments: ["", "/", "a", "/a/", "/a//b", "/../a", "/a/..", "/a/.", "/a\n", "/a\0"])
  func refusesPaths(text: String) throws {
    #expect(try errorNumber { _ = try CgroupPath(text) } == EINVAL)
  }

  @Test func parsesBlockCounters() {
    let disk = DeviceNumber(major: 8, minor: 0)
    #expect(
      Cgroups.blockV1(Array("8:0 Read 10\n8:0 Write 20\nTotal 30\nx y z\n".utf8)) == [
        .init(device: disk, operation: "Read", value: 10), .init(device: disk, operation: "Write", value: 20),
      ])
    let new = Cgroups.blockV2(Array("8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n8:16\n".utf8))
    #expect(new.bytes.map(\.value) == [1, 2, 5])
    #expect(new.operations.map(\.operation) == ["Read", "Write", "Discard"])
  }

  @Test(.enabled(if: isRoot)) func livesThroughItsDays() throws {
    let cgroups = try Cgroups.detect()
    let top = try CgroupPath("/bulkhead-kerneltest-\(getpid())-\(UInt32.random(in: 0 ... .max))")
    let path = try CgroupPath(top.text + "/inner")
    defer {
      try? cgroups.killAll(top)
      try? cgroups.remove(top)
    }
    let control = cgroups.layout.mode == .hybrid ? "\(cgroups.layout.unified ?? "")/cgroup.subtree_control" : nil
    let before = try control.map { try FileSystem.read($0, maxBytes: 4096) }
    try cgroups.create(path)
    try cgroups.create(path)
    #expect(try control.map { try FileSystem.read($0, maxBytes: 4096) } == before)
    let spawner = LinuxProcessSpawner()
    let processes = try (0..<3).map { _ in
      let process = try spawner.spawn(ProcessRequest(executable: "/bin/sleep", arguments: ["sleep", "100"]))
      try cgroups.attach(process.pid, to: path)
      return process
    }
    #expect(try cgroups.listProcesses(top) == processes.map(\.pid).sorted())
    #expect(try errorNumber { try cgroups.remove(top) } == EBUSY)
    try cgroups.freeze(path)
    #expect(try cgroups.isFrozen(path))
    try cgroups.thaw(path)
    #expect(try !cgroups.isFrozen(path))
    let stats = try cgroups.readStats(path)
    #expect(stats.processes?.current == 3)
    #expect(stats.processes?.limit == nil)
    #expect(stats.memory?.limitBytes == nil)
    #expect(stats.memory?.statistics["inactive_file"] != nil)
    #expect(stats.memory?.oomKills == 0)
    #expect(stats.cpu != nil)
    try cgroups.killAll(top)
    for process in processes { #expect(try process.waitExit() == .signaled(SIGKILL)) }
    #expect(try cgroups.listProcesses(top) == [])
    try cgroups.remove(top)
    try cgroups.remove(top)
    #expect(!cgroups.exists(top))
    #expect(try errorNumber { _ = try cgroups.readStats(path) } == ENOENT)
  }

  @Test(.enabled(if: isRoot), .timeLimit(.minutes(1))) func removalEndsWhatIsInside() throws {
    let cgroups = try Cgroups.detect()
    let path = try CgroupPath("/bulkhead-kerneltest-\(getpid())-\(UInt32.random(in: 0 ... .max))")
    try cgroups.create(path)
    let process = try LinuxProcessSpawner().spawn(
      ProcessRequest(executable: "/bin/sleep", arguments: ["sleep", "100"]))
    try cgroups.attach(process.pid, to: path)
    #expect(try errorNumber { try cgroups.remove(path) } == EBUSY)
    try cgroups.removeKilling(path)
    #expect(!cgroups.exists(path))
    #expect(try process.waitExit() == .signaled(SIGKILL))
    try cgroups.removeKilling(path)
  }

  @Test(.enabled(if: isRoot)) func anticipatingMovesMovesNothing() throws {
    let before = try FileSystem.read("/proc/self/cgroup", maxBytes: 1 << 16)
    try Cgroups.detect().anticipateMoves()
    #expect(try FileSystem.read("/proc/self/cgroup", maxBytes: 1 << 16) == before)
  }

  @Test(.enabled(if: isRoot), .timeLimit(.minutes(1))) func outOfMemoryIsHeard() async throws {
    let cgroups = try Cgroups.detect()
    let path = try CgroupPath("/bulkhead-kerneltest-oom-\(getpid())-\(UInt32.random(in: 0 ... .max))")
    defer { try? cgroups.remove(path) }
    try cgroups.create(path)
    let limit = cgroups.layout.controllers["memory"] == nil ? "memory.max" : "memory.limit_in_bytes"
    try cgroups.write(path, controller: "memory", file: limit, value: "8388608")
    let events = try cgroups.oomEvents(path)
    let poller = try Poller()
    #expect(try cgroups.oomKills(path) == 0)
    let (gateRead, gateWrite) = try Descriptor.pipe()
    let process = try LinuxProcessSpawner().spawn(
      ProcessRequest(
        executable: "/bin/sh", arguments: ["sh", "-c", "read x; exec tail /dev/zero"],
        environment: ["PATH=/usr/bin:/bin"], descriptors: [.init(child: 0, source: gateRead.raw)]))
    defer { try? process.signal(SIGKILL) }
    try cgroups.attach(process.pid, to: path)
    try gateWrite.write(all: [UInt8(ascii: "\n")])
    try await poller.waitReadable(events.raw)
    #expect(try await poller.waitExit(process) == .signaled(SIGKILL))
    try Cgroups.drain(events)
    #expect(try cgroups.oomKills(path) == 1)
    #expect(try cgroups.readStats(path).memory?.limitBytes == 8_388_608)
    poller.shutdown()
    withExtendedLifetime(events) {}
  }
}
