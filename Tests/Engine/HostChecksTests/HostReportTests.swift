import FoundationEssentials
import Glibc
import LinuxSystem
import Model
import Testing

@testable import HostChecks

@Suite struct HostReportTests {
  /// A host that has everything.
  static let good: HostFacts = {
    var facts = HostFacts()
    facts.kernelRelease = "6.1.0-18-amd64"
    facts.machine = "x86_64"
    facts.maximumUserNamespaces = 96_365
    facts.cgroupMode = "v2"
    facts.controllers = ["cpu", "cpuset", "io", "memory", "pids"]
    facts.seccompActions = ["kill_process", "errno", "allow"]
    facts.securityModules = ["capability", "landlock", "apparmor"]
    facts.ipForward = true
    facts.ipv6Forward = true
    facts.programs = [
      "crun": HostFacts.Program(path: "/usr/bin/crun", version: "1.8.1"),
      "runsc": HostFacts.Program(path: "/usr/bin/runsc"),
      "conmon": HostFacts.Program(path: "/usr/bin/conmon"), "catatonit": HostFacts.Program(path: "/usr/bin/catatonit"),
      "mmdebstrap": HostFacts.Program(path: "/usr/bin/mmdebstrap"),
      "git": HostFacts.Program(path: "/usr/bin/git"),
    ]
    facts.memoryBytes = 8 << 30
    facts.openFilesSoft = 1 << 20
    facts.openFilesHard = 1 << 20
    facts.rootPath = "/var/lib/bulkhead/engine"
    facts.rootFileSystem = "ext4"
    facts.rootFreeBytes = 100 << 30
    facts.rootFreeInodes = 1_000_000
    facts.isClockSynchronised = true
    facts.hasSystemd = true
    facts.foreignRanges = [HostFacts.ForeignRange(owner: "alice (/etc/subuid)", first: 100_000, count: 65_536)]
    return facts
  }()

  @Test func aGoodHostIsGood() {
    let report = HostReport.evaluate(Self.good)
    #expect(report.checks.filter { $0.status != .ok } == [])
    #expect(report.status == .ok)
    #expect(Set(report.checks.map(\.id)).count == report.checks.count)
  }

  typealias Change = @Sendable (inout HostFacts) -> Void

  static let cases: [(id: String, status: HostCheck.Status, found: String, change: Change)] = [
    ("kernel", .fail, "too old", { $0.kernelRelease = "5.10.0-28-amd64" }),
    (
      "exposure", .info, "22/tcp (sshd), 80/tcp (a container)",
      { $0.reachablePorts = ["22/tcp (sshd)", "80/tcp (a container)"] }
    ),
    ("exposure", .info, "12/tcp (x) and 3 more", { $0.reachablePorts = (1...15).map { "\($0)/tcp (x)" } }),
    ("exposure", .info, "not looked at", { $0.reachablePorts = nil }),
    ("kernel", .ok, "Linux 5.19.0", { $0.kernelRelease = "5.19.0" }),
    ("kernel", .warn, "unknown version", { $0.kernelRelease = "" }),
    ("privileges", .fail, "not run as root", { $0.isRoot = false }),
    ("privileges", .fail, "without CAP_SYS_ADMIN", { $0.missingCapabilities = ["CAP_SYS_ADMIN", "CAP_SYS_RESOURCE"] }),
    ("privileges", .warn, "without CAP_SYS_RESOURCE", { $0.missingCapabilities = ["CAP_SYS_RESOURCE"] }),
    ("privileges", .ok, "root with", { $0.missingCapabilities = ["CAP_WAKE_ALARM"] }),
    ("user-namespaces", .fail, "does not work: EPERM", { $0.userNamespaces = .fails("EPERM") }),
    ("user-namespace-count", .fail, "0", { $0.maximumUserNamespaces = 0 }),
    ("user-namespace-count", .warn, "100", { $0.maximumUserNamespaces = 100 }),
    ("overlay", .fail, "does not work: ENODEV", { $0.overlay = .fails("ENODEV") }),
    ("id-mapped-mounts", .fail, "EINVAL", { $0.idMappedMounts = .fails("EINVAL") }),
    ("overlay-id-mapped", .fail, "EINVAL", { $0.overlayOnIDMapped = .fails("EINVAL") }),
    ("cgroups", .fail, "none mounted", { $0.cgroupMode = nil }),
    (
      "cgroups", .info, "which crun refuses",
      {
        $0.cgroupMode = "hybrid"; $0.unifiedControllers = ["hugetlb"]
      }
    ),
    ("cgroups", .info, "hybrid (version 1 with an empty version 2)", { $0.cgroupMode = "hybrid" }),
    ("cgroups", .info, "version 1", { $0.cgroupMode = "v1" }),
    ("controllers", .fail, "without memory (--memory)", { $0.controllers = ["cpu", "cpuset", "io", "pids"] }),
    ("controllers", .warn, "without io (--blkio-weight)", { $0.controllers = ["cpu", "cpuset", "memory", "pids"] }),
    ("controllers", .ok, "blkio", { $0.controllers = ["cpu", "cpuset", "memory", "pids", "blkio"] }),
    ("seccomp", .fail, "the kernel has none", { $0.seccompActions = [] }),
    ("landlock", .info, "not there", { $0.securityModules = ["apparmor"] }),
    ("landlock", .info, "unknown", { $0.securityModules = nil }),
    ("lsm", .info, "none", { $0.securityModules = [] }),
    ("lsm", .info, "unknown", { $0.securityModules = nil }),
    ("lsm", .warn, "selinux", { $0.securityModules = ["selinux", "landlock"] }),
    (
      "id-range", .fail, "overlap with ids of bob (/etc/subuid)",
      { $0.foreignRanges = [HostFacts.ForeignRange(owner: "bob (/etc/subuid)", first: 1_879_000_000, count: 65_536)] }
    ),
    (
      "id-range", .ok, "1879048192 to 4026531839",
      {
        $0.foreignRanges = [
          HostFacts.ForeignRange(owner: "x", first: 1_879_048_191, count: 1),
          HostFacts.ForeignRange(owner: "y", first: 4_026_531_840, count: 5),
        ]
      }
    ),
    ("nftables", .fail, "not installed", { $0.nftables = .fails("the program nft is not installed") }),
    ("ip-forward", .info, "off", { $0.ipForward = false }),
    ("ip-forward", .ok, "IPv4", { $0.ipv6Forward = nil }),
    ("ip-forward", .warn, "cannot be read", { $0.ipForward = nil }),
    (
      "firewall", .warn, "forwarded packets are dropped by ip filter FORWARD",
      {
        $0.activeFirewalls = ["ufw"]; $0.droppingChains = ["ip filter FORWARD"]
      }
    ),
    ("firewall", .info, "firewalld is active", { $0.activeFirewalls = ["firewalld"] }),
    ("br-netfilter", .info, "on", { $0.bridgeNetfilter = true }),
    (
      "runtime", .warn, "runc at /usr/sbin/runc (1.1.5)",
      {
        $0.programs["crun"] = nil; $0.programs["runc"] = HostFacts.Program(path: "/usr/sbin/runc", version: "1.1.5")
      }
    ),
    ("runtime", .fail, "no container can be started", { $0.programs["crun"] = nil }),
    ("runsc", .info, "not installed", { $0.programs["runsc"] = nil }),
    ("conmon", .fail, "not installed", { $0.programs["conmon"] = nil }),
    ("init", .warn, "none installed", { $0.programs["catatonit"] = nil }),
    ("mmdebstrap", .info, "not installed", { $0.programs["mmdebstrap"] = nil }),
    ("git", .info, "ADD of git repositories needs it", { $0.programs["git"] = nil }),
    ("other-engines", .info, "docker (/run/docker.sock)", { $0.otherEngines = ["docker (/run/docker.sock)"] }),
    ("memory", .warn, "256.0 MiB", { $0.memoryBytes = 256 << 20 }),
    (
      "open-files", .warn, "1024, at most 4096",
      {
        $0.openFilesSoft = 1024; $0.openFilesHard = 4096
      }
    ),
    ("file-system", .warn, "tmpfs", { $0.rootFileSystem = "tmpfs" }),
    ("file-system", .fail, "nfs4 cannot hold", { $0.rootFileSystem = "nfs4" }),
    ("file-system", .info, "zfs", { $0.rootFileSystem = "zfs" }),
    ("space", .fail, "512.0 MiB free", { $0.rootFreeBytes = 512 << 20 }),
    ("space", .warn, "5.0 GiB free", { $0.rootFreeBytes = 5 << 30 }),
    ("space", .warn, "only 10 inodes", { $0.rootFreeInodes = 10 }),
    ("space", .ok, "100.0 GiB free", { $0.rootFreeInodes = nil }),
    ("clock", .warn, "not synchronised", { $0.isClockSynchronised = false }),
    ("clock", .info, "unknown", { $0.isClockSynchronised = nil }),
    ("service", .info, "no systemd", { $0.hasSystemd = false }),
    ("group", .warn, "only root", { $0.hasGroup = false }),
  ]

  @Test(arguments: cases.indices) func eachLackIsSeen(index: Int) throws {
    let (id, status, found, change) = Self.cases[index]
    var facts = Self.good
    change(&facts)
    let report = HostReport.evaluate(facts)
    let check = try #require(report.checks.first { $0.id == id })
    #expect(check.status == status)
    #expect(check.found.contains(found), "\(check.found)")
    if status >= .warn && id != "kernel" || status == .fail {
      #expect(!check.advice.isEmpty || facts.ipForward == nil || facts.maximumUserNamespaces == nil)
    }
    #expect(report.status >= status)
  }

  @Test func reportIsJSONBothWays() throws {
    let report = HostReport.evaluate(Self.good)
    let bytes = try JSONEncoder().encode(report)
    #expect(try JSONDecoder().decode(HostReport.self, from: bytes) == report)
    #expect(String(decoding: bytes, as: UTF8.self).contains(#""status":"ok""#))
  }

  @Test func textsOfTheHostAreRead() {
    #expect(
      HostTexts.subordinateRanges("alice:100000:65536\nbad\nb:x:1\nc:1:0\n", file: "f")
        == [HostFacts.ForeignRange(owner: "alice (f)", first: 100_000, count: 65_536)])
    #expect(
      HostTexts.identities("root:x:0:0\nx:y\n", file: "f") == [
        HostFacts.ForeignRange(owner: "root (f)", first: 0, count: 1)
      ])
    #expect(
      HostTexts.hasGroup("bulkhead", in: "x:x:1:\nbulkhead:x:999:a\n")
        && !HostTexts.hasGroup("bulk", in: "bulkhead:x:9:\n"))
    let chains = """
      table ip filter {
      \tchain INPUT {
      \t\ttype filter hook input priority filter; policy drop;
      \t}
      \tchain FORWARD {
      \t\ttype filter hook forward priority filter; policy drop;
      \t}
      }
      table inet bulkhead-1 {
      \tchain forward {
      \t\ttype filter hook forward priority filter; policy drop;
      \t}
      }
      table inet other {
      \tchain forward {
      \t\ttype filter hook forward priority filter; policy accept;
      \t}
      }
      """
    #expect(HostTexts.droppingChains(chains) == ["ip filter FORWARD"])
    #expect(HostTexts.missingCapabilities(status: "CapBnd:\t000001fffeffffff\n") == ["CAP_SYS_RESOURCE"])
    #expect(HostTexts.missingCapabilities(status: "") == [])
    #expect(HostTexts.memoryBytes("MemTotal:       1024 kB\n") == 1 << 20)
    #expect(HostTexts.version("crun version 1.8.1\ncommit: x", program: "crun") == "1.8.1")
    #expect(HostTexts.version("tini version 0.1.7_catatonit", program: "catatonit") == "tini version 0.1.7_catatonit")
    #expect(HostTexts.version("usage: x", program: "x") == nil)
    #expect(HostReport.size(0) == "0 bytes" && HostReport.size(1536) == "1.5 KiB")
  }

  /// This machine runs the other tests' containers, so that the report may not say that it cannot.
  @Test(.enabled(if: getuid() == 0)) func thisMachine() throws {
    let root = "/tmp/hostchecks-" + ContainerID.random().short
    try FileSystem.makeDirectory(root)
    defer { try? FileSystem.removeTree(root) }
    let report = HostReport.collect(HostProbeRequest(rootPath: root + "/engine/not/there"))
    for id in ["kernel", "user-namespaces", "overlay", "id-mapped-mounts", "overlay-id-mapped", "seccomp", "id-range"] {
      let check = try #require(report.checks.first { $0.id == id })
      #expect(check.status == .ok, "\(check)")
    }
    // Nothing of the trials stays behind.
    #expect(try FileSystem.list(root).isEmpty)
    #expect(try !MountTable.read().contains { $0.mountPoint.contains("bulkhead-doctor") })
  }
}
