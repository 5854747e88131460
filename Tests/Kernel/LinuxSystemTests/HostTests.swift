import Glibc
import Testing

@testable import LinuxSystem

@Suite struct HostTests {
  @Test(
    arguments: [
      ("6.1.0-18-amd64", KernelVersion(6, 1)), ("5.19.17", KernelVersion(5, 19)), ("6.18-rc1", KernelVersion(6, 18)),
      ("6", nil), ("x.y", nil), ("", nil),
    ] as [(String, KernelVersion?)])
  func parsesReleases(release: String, version: KernelVersion?) {
    #expect(KernelVersion(release: release) == version)
  }

  @Test func comparesVersions() throws {
    #expect(KernelVersion(5, 19) < KernelVersion(6, 0))
    #expect(KernelVersion(6, 2) < KernelVersion(6, 10))
    #expect(try KernelInfo.version() > KernelVersion(5, 0))
  }

  @Test func knowsTheKernel() throws {
    #expect(try KernelInfo.bootID().count == 36)
    #expect(KernelInfo.pageBytes >= 4096)
    #expect(Clock.monotonicNanoseconds() <= Clock.monotonicNanoseconds())
    #expect(Clock.bootTimeNanoseconds() >= Clock.monotonicNanoseconds() / 2)
  }

  @Test(arguments: [
    ("net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"), ("net/ipv4/ip_forward", "/proc/sys/net/ipv4/ip_forward"),
    ("net/ipv4/conf/eth0.1/forwarding", "/proc/sys/net/ipv4/conf/eth0.1/forwarding"),
    ("net.ipv4.conf.eth0/1.forwarding", "/proc/sys/net/ipv4/conf/eth0.1/forwarding"),
  ])
  func namesParameters(name: String, path: String) throws {
    #expect(try Sysctl.path(of: name) == path)
  }

  @Test(arguments: ["../etc/passwd", "net/../../../etc/passwd", "", "/etc/passwd", "net..ipv4", "net/./ipv4"])
  func refusesNamesThatLeave(name: String) throws {
    #expect(try errorNumber { _ = try Sysctl.read(name) } == EINVAL)
  }

  @Test(.enabled(if: isRoot)) func parametersOfTheNetworkAreItsOwn() throws {
    let namespace = try NetworkNamespace.create()
    let before = try Sysctl.read("net.ipv4.ip_forward")
    let inside = try NamespaceThread.run(entering: [namespace]) {
      try Sysctl.write("net.ipv4.ip_forward", before == "0" ? "1" : "0")
      return try Sysctl.read("net.ipv4.ip_forward")
    }
    #expect(inside != before)
    #expect(try Sysctl.read("net.ipv4.ip_forward") == before)
  }

  @Test func oneLocks() throws {
    let scratch = try Scratch()
    var lock: FileLock? = try FileLock(path: scratch.at("lock"))
    #expect(try errorNumber { _ = try FileLock(path: scratch.at("lock")) } == EWOULDBLOCK)
    #expect(lock != nil)
    lock = nil
    _ = try FileLock(path: scratch.at("lock"))
  }

  @Test func inotifyTellsWhatHappened() throws {
    let scratch = try Scratch()
    let inotify = try Inotify()
    let watch = try inotify.add(scratch.path, [.create, .delete, .onlyDirectory])
    #expect(try inotify.read() == [])
    try FileSystem.makeDirectory(scratch.at("new"))
    try FileSystem.removeTree(scratch.at("new"))
    let events = try inotify.read()
    #expect(events.map(\.name) == ["new", "new"])
    #expect(events.map(\.kinds) == [[.create, .isDirectory], [.delete, .isDirectory]])
    #expect(events.allSatisfy { $0.watch == watch })
    #expect(try errorNumber { _ = try inotify.add(scratch.at("none"), .create) } == ENOENT)
  }

  @Test(arguments: [[1], [UInt8](repeating: 0, count: 12) + [9, 0, 0, 0]] as [[UInt8]])
  func cutEventsAreErrors(bytes: [UInt8]) throws {
    #expect(try errorNumber { _ = try Inotify.parse(bytes) } == EIO)
  }

  @Test func parsesMounts() throws {
    let lines = """
      36 35 98:0 /a /mnt\\0402 rw,noatime master:1 shared:3 - ext3 /dev/root rw,errors=continue
      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 none

      """
    let mounts = try MountTable.parse(Array(lines.utf8))
    #expect(mounts.map(\.mountPoint) == ["/mnt 2", "/sys/fs/cgroup/unified"])
    #expect(mounts[0].propagation == ["master:1", "shared:3"])
    #expect(mounts[0].superOptions == ["rw", "errors=continue"])
    #expect(mounts[0].device == DeviceNumber(major: 98, minor: 0))
    #expect(mounts[1].superOptions == [])
    #expect(try MountTable.read().contains { $0.mountPoint == "/proc" })
  }

  @Test(arguments: ["36 35 98:0 / /mnt rw", "a 35 98:0 / /mnt rw - ext3 a b", "1 2 3 / /mnt rw - ext3 a b"])
  func refusesWhatIsNoMount(line: String) throws {
    #expect(try errorNumber { _ = try MountTable.parse(Array(line.utf8)) } == EINVAL)
  }

  @Test(arguments: [
    ("5645dba02000-5645ddeea000 r-xp 00000000 fe:00 5475766                    /usr/bin/x", true),
    ("5645ddeea000-5645ddfe3000 r--p 024e7000 fe:00 5475766                    /usr/bin/x", false),
    ("5645ddfe3000-5645e04ce000 rw-p 025e0000 fe:00 5475766                    /usr/bin/x", false),
    ("7f0000000000-7f0000001000 r-xp 00000000 fe:00 1                          /usr/lib/libc.so.6", false),
    ("7f0000000000-7f0000001000 r-xp 00000000 00:00 0", false), ("7ffd-7ffc r-xp 0 0:0 0 /usr/bin/x", false),
    ("", false),
  ])
  func ownCodeIsToldFromTheRest(line: String, isOwn: Bool) {
    let range = ProgramText.range(ofCodeIn: line, program: "/usr/bin/x")
    #expect(range == (isOwn ? 0x5645_dba0_2000..<0x5645_ddee_a000 : nil))
  }

  @Test func codeThatWasUnmappedStillRuns() throws {
    try ProgramText.unmapUnused()
    #expect(
      try Int32(String(decoding: FileSystem.read("/proc/self/stat", maxBytes: 4096).prefix { $0 != 32 }, as: UTF8.self))
        == getpid())
  }
}
