import Glibc
import LinuxSystem
import Model
import Testing

@testable import Isolation

@Suite struct PolicyCheckTests {
  static let refused: [(rule: String, change: @Sendable (inout HostSettings) -> Void)] = [
    ("privileged", { $0.privileged = true }),
    ("hostNamespaces.pid", { $0.pidMode = .host }),
    ("hostNamespaces.ipc", { $0.ipcMode = .host }),
    ("hostNamespaces.uts", { $0.utsMode = .host }),
    ("hostNamespaces.user", { $0.userMode = .host }),
    ("hostNamespaces.cgroup", { $0.cgroupNamespaceMode = .host }),
    ("capabilities.addable", { $0.capabilitiesAdded = ["SYS_MODULE"] }),
    ("devices.cgroupRules", { $0.deviceCgroupRules = ["c 1:3 rwm"] }),
    ("sysctls.allowed", { $0.sysctls = ["kernel.core_pattern": "|/x"] }),
    ("cgroupParents.allowed", { $0.cgroupParent = "/system.slice/foo" }),
    ("cgroupParents.allowed", { $0.cgroupParent = "/bulkhead-of-another" }),
    ("cgroupParents.allowed", { $0.cgroupParent = "/bulkhead/../init.scope" }),
    ("cgroupParents.allowed", { $0.cgroupParent = "/" }),
    ("syslog.allowed", { $0.log.set("syslog", "udp://192.0.2.1") }),
    ("syslog.allowed", { $0.log.set("syslog", "tcp://127.0.0.1:22") }),
    ("syslog.allowed", { $0.log.set("syslog", "unix:///run/docker.sock") }),
    ("syslog.allowed", { $0.log.set("syslog", "unixgram:///dev/../home/x/log") }),
    ("privileged", { $0.maskedPaths = [] }),
    ("privileged", { $0.readOnlyPaths = [] }),
    ("privileged", { $0.securityOptions = ["writable-cgroups=true"] }),
    ("annotations", { $0.annotations = ["run.oci.hooks.stdout": "/x"] }),
    ("annotations", { $0.annotations = ["Run.OCI.seccomp_bpf_data": ""] }),
  ]

  @Test(arguments: refused.indices) func defaultRefusesAndNamesTheRule(index: Int) {
    let (rule, change) = Self.refused[index]
    let asked = settings { change(&$0.host) }
    let failed = failure { try PolicyCheck(policy: EnginePolicy()).check(asked) }
    #expect(failed.code == .forbidden)
    #expect(failed.message.contains("(rule \(rule)"), "\(failed.message)")
  }

  @Test(
    "who gets an engine socket",
    arguments: [
      (EnginePolicy.EngineSocket.refused, [:] as [String: String], "set 'engineSocket: labelled'" as String?),
      (.refused, ["bulkhead.engine-socket": "project"], "set 'engineSocket: labelled'"),
      (.labelled, [:], "add the label bulkhead.engine-socket=project"),
      (.labelled, ["bulkhead.engine-socket": "all"], "add the label bulkhead.engine-socket=project"),
      (.labelled, ["bulkhead.engine-socket": "project"], nil), (.bound, [:], nil),
    ])
  func engineSocket(rule: EnginePolicy.EngineSocket, labels: [String: String], told: String?) throws {
    var policy = EnginePolicy()
    policy.engineSocket = rule
    let check = PolicyCheck(policy: policy)
    guard let told else { return try check.checkEngineSocket(labels: labels) }
    let failed = failure { try check.checkEngineSocket(labels: labels) }
    #expect(failed.code == .forbidden)
    #expect(failed.message.contains("(rule engineSocket)") && failed.message.contains(told), "\(failed.message)")
  }

  @Test func privilegedMessageSaysHowToAllowIt() {
    let asked = settings { $0.host.privileged = true }
    let failed = failure { try PolicyCheck(policy: EnginePolicy()).check(asked) }
    #expect(
      failed.message
        == "privileged containers are not allowed by the engine's policy (rule privileged): set 'privileged: true' in "
        + "/etc/bulkhead/engine.yaml to allow it")
  }

  static let allowed: [@Sendable (inout HostSettings) -> Void] = [
    { _ in }, { $0.networkMode = .host }, { $0.capabilitiesAdded = ["ALL"] }, { $0.capabilitiesAdded = ["SYS_ADMIN"] },
    { $0.securityOptions = ["seccomp=unconfined", "apparmor=unconfined", "no-new-privileges=false"] },
    { $0.sysctls = ["net.core.somaxconn": "1024", "kernel.shmmax": "1"] }, { $0.cgroupParent = "/bulkhead/batch" },
    { $0.log.set("syslog", "unix:///dev/./log") }, { $0.log.driver = "syslog" }, { $0.log.driver = "journald" },
    { $0.annotations = ["team": "a"] }, { $0.maskedPaths = KernelPaths.masked }, { $0.runtime = "runc" },
  ]

  @Test(arguments: allowed.indices) func defaultAllowsWhatDockerUsersExpect(index: Int) throws {
    try PolicyCheck(policy: EnginePolicy()).check(settings { Self.allowed[index](&$0.host) })
  }

  @Test func cgroupParentsLieBelowTheEnginesOwn() throws {
    var policy = EnginePolicy()
    policy.cgroupParents.allowed = ["/batch.slice"]
    let check = PolicyCheck(policy: policy, cgroupParent: "/own")
    for (asked, parent) in [
      (nil, "/own"), ("", "/own"), ("a/b", "/own/a/b"), ("../../system.slice", "/own/system.slice"), ("..", "/own"),
      ("/own/x", "/own/x"), ("/batch.slice/y", "/batch.slice/y"),
    ] {
      #expect(check.cgroupParent(asked) == parent)
      try check.check(settings { $0.host.cgroupParent = asked })
    }
    #expect(failure { try check.check(settings { $0.host.cgroupParent = "/batch" }) }.code == .forbidden)
  }

  @Test(arguments: [
    ("udp://192.0.2.1:514", "udp://192.0.2.1", true), ("udp://192.0.2.1:514", "tcp://192.0.2.1", false),
    ("tcp://log.example.org:*", "tcp://LOG.example.org:6514", true), ("udp://[::1]:514", "udp://[::1]", true),
    ("udp://*", "udp://192.0.2.1:1", true), ("udp://192.0.2.1:514", "unixgram:///dev/log", false),
  ])
  func policyListsWhereLogsMayGo(pattern: String, address: String, isAllowed: Bool) throws {
    var policy = EnginePolicy()
    policy.syslog.allowed = [pattern]
    let asked = settings { $0.host.log.set("syslog", address) }
    if isAllowed { return try PolicyCheck(policy: policy).check(asked) }
    #expect(failure { try PolicyCheck(policy: policy).check(asked) }.code == .forbidden)
    // The engine's own default is a wish like any other.
    policy.defaults.logDriver = "syslog"
    let byDefault = settings { $0.host.log.set("", address) }
    let failed = failure { try PolicyCheck(policy: policy).check(byDefault) }
    #expect(failed.message.contains("to 'syslog.allowed' in /etc/bulkhead/engine.yaml"))
  }

  @Test func strictPolicyRefuses() {
    var policy = EnginePolicy()
    policy.noNewPrivileges = true
    policy.seccomp.unconfined = false
    policy.seccomp.custom = false
    policy.appArmor.unconfined = false
    policy.appArmor.allowed = ["site-*"]
    policy.hostNamespaces.network = false
    let cases: [(String, (inout HostSettings) -> Void)] = [
      ("noNewPrivileges", { $0.securityOptions = ["no-new-privileges:false"] }),
      ("seccomp.unconfined", { $0.securityOptions = ["seccomp=unconfined"] }),
      ("seccomp.custom", { $0.securityOptions = ["seccomp={}"] }),
      ("appArmor.unconfined", { $0.securityOptions = ["apparmor=unconfined"] }),
      ("appArmor.allowed", { $0.securityOptions = ["apparmor=other"] }),
      ("hostNamespaces.network", { $0.networkMode = .host }),
    ]
    for (rule, change) in cases {
      let failed = failure { try PolicyCheck(policy: policy).check(settings { change(&$0.host) }) }
      #expect(failed.code == .forbidden && failed.message.contains("(rule \(rule))"), "\(failed.message)")
    }
    #expect(throws: Never.self) {
      try PolicyCheck(policy: policy).check(settings { $0.host.securityOptions = ["apparmor=site-web"] })
    }
  }

  @Test(arguments: [
    ("/home/alice", false, true), ("/srv", false, true), ("/tmp/x", false, true), ("/var/www", false, true),
    ("/", false, false), ("/etc", true, false), ("/etc/passwd", true, false), ("/var", false, false),
    ("/var/lib/docker", true, false), ("/usr/bin", true, false), ("/proc/1/root", true, false),
    ("/run/docker.sock", true, false), ("/etcetera", false, true), ("/etc/localtime", true, true),
    ("/etc/localtime", false, false), ("/usr/share/zoneinfo/Europe/Berlin", true, true), ("/usr/share", true, false),
    ("/data/engine", true, false), ("/data/engine/x", true, false), ("/data", true, false),
  ])
  func hostPaths(path: String, readOnly: Bool, isAllowed: Bool) throws {
    let check = PolicyCheck(policy: EnginePolicy(), enginePaths: ["/data/engine", "/run/bulkhead"])
    if isAllowed {
      #expect(try check.checkHostPath(path, readOnly: readOnly) == HostPathTerms(ownership: .mapped))
    } else {
      let failed = failure { _ = try check.checkHostPath(path, readOnly: readOnly) }
      #expect(failed.code == .forbidden && failed.message.contains("(rule hostPaths"), "\(failed.message)")
    }
  }

  @Test func deeperEntriesWin() throws {
    var policy = EnginePolicy()
    policy.hostPaths.denied = ["/srv/secret", "/etc"]
    policy.hostPaths.allowed = [
      HostPathRule(path: "/srv", ownership: .host),
      HostPathRule(path: "/etc/app", readOnly: true, ownership: HostPathOwnership.none),
      HostPathRule(path: "/var"),
    ]
    let check = PolicyCheck(policy: policy, enginePaths: ["/var/lib/bulkhead"])
    #expect(try check.checkHostPath("/srv", readOnly: false).ownership == .host)
    #expect(try check.checkHostPath("/srv/a", readOnly: false).ownership == .host)
    #expect(try check.checkHostPath("/etc/app/x", readOnly: true).ownership == .none)
    // Only an entry of the path's own names its ownership, not what holds for all.
    #expect(try check.checkHostPath("/srv/a", readOnly: false).namesOwnership)
    #expect(try !check.checkHostPath("/tmp", readOnly: false).namesOwnership)
    for (path, readOnly) in [("/srv/secret/x", false), ("/etc/app", false), ("/etc/other", true), ("/var", true)] {
      #expect(failure { _ = try check.checkHostPath(path, readOnly: readOnly) }.code == .forbidden, "\(path)")
    }
  }

  @Test(arguments: [
    ("/dev/net/tun", true), ("/dev/fuse", true), ("/dev/kvm", false), ("/dev/sda", false), ("/dev/null/x", false),
  ])
  func devices(path: String, isAllowed: Bool) {
    let check = PolicyCheck(policy: EnginePolicy())
    if isAllowed {
      #expect(throws: Never.self) { try check.checkDevice(path) }
    } else {
      #expect(failure { try check.checkDevice(path) }.code == .forbidden)
    }
  }

  @Test(arguments: [
    ("a*c", "abbc", true), ("a*c", "ab/c", false), ("*", "x", true), ("*", "", true), ("", "", true), ("", "x", false),
    ("/dev/tty?", "/dev/ttyS", true), ("/dev/tty?", "/dev/tty/", false), ("*a*b", "xaxxb", true),
    ("*a*b", "xaxx", false),
    ("ab", "abc", false), ("abc", "ab", false), ("a**", "a", true),
  ])
  func patterns(pattern: String, text: String, matches: Bool) {
    #expect(PathPattern.matches(pattern, text) == matches)
  }

  @Test func patternsTakeBoundedTime() {
    let start = Clock.monotonicNanoseconds()
    let pattern = String(repeating: "a*", count: 2000) + "b"
    #expect(!PathPattern.matches(pattern, String(repeating: "a", count: 4000)))
    #expect(Clock.monotonicNanoseconds() - start < 2_000_000_000)
  }

  @Test func linksAreFollowedBeforeTheCheck() throws {
    let root = "/tmp/isolation-links-" + ContainerID.random().short
    try FileSystem.makeDirectory(root)
    defer { try? FileSystem.removeTree(root) }
    symlink("/etc", root + "/innocent")
    let resolved = try PolicyCheck.resolveHostPath(root + "/innocent/passwd")
    #expect(resolved.path == "/etc/passwd" && resolved.status.type == .regular)
    #expect(
      failure { _ = try PolicyCheck(policy: EnginePolicy()).checkHostPath(resolved.path, readOnly: true) }.code
        == .forbidden)
    #expect(
      failure { _ = try PolicyCheck.resolveHostPath(root + "/missing") }.message.contains(
        "bind source path does not exist"))
    #expect(failure { _ = try PolicyCheck.resolveHostPath("relative") }.code == .invalidArgument)
  }

  @Test func podsGetWhatIsAllowedByNameAlone() throws {
    var policy = EnginePolicy()
    policy.hostPaths.allowed.append(HostPathRule(path: "/srv/shared"))
    let check = PolicyCheck(policy: policy, enginePaths: ["/data/agent"])
    #expect(try !check.checkHostPath("/srv/shared/a", readOnly: false, isForPod: true).namesOwnership)
    #expect(throws: Never.self) { try check.checkHostPath("/etc/localtime", readOnly: true, isForPod: true) }
    for path in ["/home/alice", "/srv", "/tmp", "/data/agent/pods/1", "/data", "/etc/shadow"] {
      let failed = failure { _ = try check.checkHostPath(path, readOnly: true, isForPod: true) }
      #expect(failed.code == .forbidden && failed.message.contains("(rule hostPaths"), "\(failed.message)")
    }
  }

  @Test func whatMayNotBeBoundIsRefusedWhetherItIsThereOrNot() throws {
    let root = "/tmp/isolation-oracle-" + ContainerID.random().short
    try FileSystem.makeDirectory(root)
    defer { try? FileSystem.removeTree(root) }
    symlink("/etc", root + "/innocent")
    symlink("/etc/missing-file", root + "/dangling")
    var policy = EnginePolicy()
    policy.hostPaths.allowed.append(HostPathRule(path: root))
    let check = PolicyCheck(policy: policy)
    func asked(_ path: String) -> (code: PlatformError.Code?, message: String) {
      failure { _ = try check.resolveAllowed(path, readOnly: true, isForPod: true) }
    }
    for path in [
      "/etc/shadow", "/etc/missing-file", "/etc/shadow/x", root + "/innocent/shadow", root + "/innocent/missing-file",
      root + "/dangling",
    ] { #expect(asked(path).code == .forbidden, "\(path)") }
    #expect(asked(root + "/missing").message.contains("bind source path does not exist"))
    #expect(try check.resolveAllowed(root, readOnly: true, isForPod: true).path.path == root)
  }

  @Suite struct MissingFolders {
    private let root = "/tmp/isolation-missing-" + ContainerID.random().short
    private let check = PolicyCheck(policy: EnginePolicy(), enginePaths: [])
    private let alice = ClientIdentity(user: 64_001, group: 64_001)

    private func make(_ path: String, by creator: ClientIdentity? = ClientIdentity(user: 0, group: 0)) throws {
      try check.makeHostDirectory(path, readOnly: false, owner: 64_100, creator: creator)
    }

    @Test func areMadeForTheOwner() throws {
      try FileSystem.makeDirectory(root)
      defer { try? FileSystem.removeTree(root) }
      symlink(root, root + "/self")
      try make(root + "/./self//a/b", by: alice)
      try make(root + "/a/b", by: alice)
      #expect(try Descriptor.open(root + "/a/b", flags: O_PATH).status().uid == 64_100)
      #expect(try Descriptor.open(root + "/a", flags: O_PATH).status().uid == 0)
    }

    @Test func areNotMadeThroughLinksToWhatIsDenied() throws {
      try FileSystem.makeDirectory(root)
      defer { try? FileSystem.removeTree(root) }
      symlink("/etc", root + "/link")
      symlink("/etc/isolation-test-dangling", root + "/dangling")
      #expect(failure { try make(root + "/link/isolation-test/x") }.code == .forbidden)
      #expect(!FileSystem.exists("/etc/isolation-test"))
      #expect(failure { try make(root + "/dangling/x") }.code == .invalidArgument)
      #expect(!FileSystem.exists("/etc/isolation-test-dangling"))
      #expect(failure { try make(root + "/new/../../etc/x") }.code == .invalidArgument)
      #expect(failure { try make(root + "/new/..") }.code == .invalidArgument)
      #expect(!FileSystem.exists(root + "/new"))
    }

    @Test func areNotMadeInOtherUsersFolders() throws {
      try FileSystem.makeDirectory(root)
      defer { try? FileSystem.removeTree(root) }
      chown(root, 64_002, 64_002)
      for creator in [alice, nil] { #expect(failure { try make(root + "/x", by: creator) }.code == .forbidden) }
      #expect(!FileSystem.exists(root + "/x"))
      try make(root + "/x", by: ClientIdentity(user: 64_002, group: 1))
      try make(root + "/y")
    }
  }
}

extension LogSettings {
  fileprivate mutating func set(_ driver: String, _ address: String) {
    self.driver = driver
    options = ["syslog-address": address]
  }
}
