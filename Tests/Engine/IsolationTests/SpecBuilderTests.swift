import FoundationEssentials
import LinuxSystem
import Model
import OCITypes
import Testing

@testable import Isolation

@Suite struct SpecBuilderTests {
  static let ids = IDRange(first: 1_879_048_192)

  private func input(_ change: (inout SpecInput) -> Void = { _ in }) -> SpecInput {
    var input = SpecInput(
      settings: ContainerSettings(image: "busybox"), policy: EnginePolicy(), host: HostProfile(), arguments: ["sh"],
      environment: ["A=1"], workingDirectory: "/", user: ResolvedUser(), hostname: "h", ids: Self.ids,
      rootPath: "/r", cgroupsPath: "/bulkhead/x")
    change(&input)
    return input
  }

  private func build(_ change: (inout SpecInput) -> Void = { _ in }) throws -> RuntimeSpec {
    try SpecBuilder.build(input(change))
  }

  @Test func defaults() throws {
    let spec = try build()
    #expect(spec.linux.namespaces.map(\.type) == [.user, .mount, .pid, .network, .ipc, .uts, .cgroup])
    #expect(
      spec.linux.uidMappings == [RuntimeSpec.Linux.IDMapping(containerID: 0, hostID: 1_879_048_192, size: 65_536)])
    #expect(spec.linux.gidMappings == spec.linux.uidMappings)
    #expect(spec.linux.sysctl == ["net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 65535"])
    #expect(spec.linux.resources?.pids == RuntimeSpec.Linux.PIDs(limit: 4096))
    #expect(spec.linux.resources?.memory == nil && spec.linux.resources?.cpu == nil)
    #expect(spec.linux.resources?.devices?.first == RuntimeSpec.Linux.DeviceRule(allow: false))
    #expect(spec.linux.maskedPaths == KernelPaths.masked && spec.linux.readonlyPaths == KernelPaths.readOnly)
    #expect(spec.linux.seccomp?.defaultErrnoRet == 38)
    #expect(spec.process.noNewPrivileges == false && spec.process.oomScoreAdj == 0 && spec.process.terminal == false)
    #expect(
      spec.mounts.map(\.destination) == [
        "/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm",
      ])
    #expect(spec.mounts.first { $0.destination == "/dev/shm" }?.options?.last == "size=67108864")
  }

  /// The wire form: the names of the specification, and nothing that is not set.
  @Test func json() throws {
    let bytes = try build { $0.settings.host.securityOptions = ["seccomp=unconfined"] }.json()
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(
      text.hasPrefix(
        #"{"hostname":"h","linux":{"cgroupsPath":"/bulkhead/x","gidMappings":[{"containerID":0,"hostID":1879048192,"size":65536}],"#
      ))
    #expect(text.contains(#""ociVersion":"1.0.2","process":{"args":["sh"],"capabilities":{"ambient":[],"#))
    #expect(text.contains(#""user":{"gid":0,"uid":0}},"root":{"path":"/r","readonly":false}}"#))
    #expect(!text.contains("null") && !text.contains("seccomp"))
    #expect(try JSONDecoder().decode(RuntimeSpec.self, from: Data(bytes)).json() == bytes)
  }

  @Test func mountsAreSortedAndReplaceTheStandardOnes() throws {
    let spec = try build {
      $0.mounts = [
        ResolvedMount(source: "/v/deep", destination: "/a/b/c"), ResolvedMount(source: "/v/a", destination: "/a/"),
        ResolvedMount(source: "/v/shm", destination: "/dev/shm", readOnly: true, recursive: false),
        ResolvedMount(source: "/v/s", destination: "/s", propagation: "rslave", options: ["nosuid"]),
      ]
      $0.settings.host.tmpfs = ["/a/b": "size=1m,exec"]
    }
    #expect(
      spec.mounts.map(\.destination) == [
        "/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/a", "/s", "/dev/shm", "/a/b", "/a/b/c",
      ])
    func options(_ path: String) -> [String]? { spec.mounts.first { $0.destination == path }?.options }
    #expect(options("/a/b") == ["nosuid", "nodev", "size=1m", "exec"])
    #expect(options("/dev/shm") == ["bind", "ro", "rprivate"])
    #expect(options("/s") == ["rbind", "rw", "rslave", "nosuid"])
    #expect(spec.linux.rootfsPropagation == "rslave")
    let replaced = try build { $0.mounts = [ResolvedMount(source: "/v", destination: "/dev")] }
    #expect(replaced.mounts.map(\.destination) == ["/proc", "/sys", "/sys/fs/cgroup", "/dev"])
  }

  @Test func refusals() {
    #expect(failure { _ = try build { $0.arguments = [] } }.code == .invalidArgument)
    #expect(
      failure {
        _ = try build { $0.mounts = Array(repeating: ResolvedMount(source: "/v", destination: "/a"), count: 2) }
      }
        == (.invalidArgument, "Duplicate mount point: /a"))
    #expect(
      failure { _ = try build { $0.mounts = [ResolvedMount(source: "/v", destination: "/proc/sys")] } }.code
        == .invalidArgument)
    // The policy counts at start, too, not only when the container was created.
    #expect(failure { _ = try build { $0.settings.host.privileged = true } }.code == .forbidden)
    // A range of ids without a user namespace, or the reverse, is a mistake of ours.
    #expect(failure { _ = try build { $0.ids = .host } }.code == .internal)
    #expect(failure { _ = try build { $0.namespaces.user = .host } }.code == .internal)
    #expect(
      failure {
        _ = try build {
          $0.settings.host.oomScoreAdjustment = -5
          $0.host.boundingCapabilities = []
        }
      }.code == .unavailable)
  }

  @Test func namespacesOfOthersAndOfTheHost() throws {
    let joined = try build {
      $0.namespaces.user = .path("/n/user")
      $0.namespaces.network = .path("/n/net")
      $0.namespaces.networkBelongsToUser = true
      $0.namespaces.ipc = .path("/n/ipc")
      $0.sharedMemoryPath = "/n/shm"
    }
    #expect(joined.linux.namespaces.first { $0.type == .network }?.path == "/n/net")
    #expect(joined.linux.sysctl?["net.ipv4.ping_group_range"] == "0 65535")
    #expect(joined.mounts.first { $0.destination == "/sys" }?.type == "sysfs")
    #expect(joined.mounts.first { $0.destination == "/dev/shm" }?.source == "/n/shm")

    let foreign = try build { $0.namespaces.network = .path("/n/net") }
    #expect(foreign.linux.sysctl == nil)
    #expect(foreign.mounts.first { $0.destination == "/sys" }?.options?.contains("rro") == true)

    let host = try build {
      $0.policy.hostNamespaces.pid = true
      $0.policy.hostNamespaces.ipc = true
      $0.policy.hostNamespaces.uts = true
      $0.settings.host.networkMode = .host
      $0.settings.host.pidMode = .host
      $0.settings.host.ipcMode = .host
      $0.settings.host.utsMode = .host
      $0.namespaces.network = .host
      $0.namespaces.pid = .host
      $0.namespaces.ipc = .host
      $0.namespaces.uts = .host
    }
    #expect(host.linux.namespaces.map(\.type) == [.user, .mount, .cgroup])
    #expect(host.hostname == nil && host.linux.sysctl == nil)
    for path in ["/proc", "/sys", "/dev/shm", "/dev/mqueue"] {
      let mount = host.mounts.first { $0.destination == path }
      #expect(mount?.type == "bind" && mount?.source == path)
    }
  }

  @Test func privilegedWhereThePolicyAllows() throws {
    let spec = try build {
      $0.policy.privileged = true
      $0.settings.host.privileged = true
      $0.namespaces.user = .host
      $0.ids = .host
      $0.host.boundingCapabilities.remove(.sysResource)
      $0.devices = [
        ResolvedDevice(
          source: "/dev/kvm", destination: "/dev/kvm", kind: .character, number: DeviceNumber(major: 10, minor: 232))
      ]
    }
    #expect(spec.linux.seccomp == nil && spec.linux.maskedPaths == nil && spec.linux.readonlyPaths == nil)
    #expect(spec.process.capabilities?.effective.count == 40)
    #expect(spec.linux.resources?.devices == [RuntimeSpec.Linux.DeviceRule(allow: true)])
    #expect(spec.linux.devices?.map(\.path) == ["/dev/kvm"] && spec.linux.uidMappings == nil)
    #expect(!spec.linux.namespaces.contains { $0.type == .user })
    #expect(!spec.mounts.contains { $0.destination == "/dev/kvm" })
  }

  @Test func devicesAreBoundInAUserNamespace() throws {
    let spec = try build {
      $0.devices = [
        ResolvedDevice(
          source: "/n/fuse", destination: "/dev/fuse", kind: .character, number: DeviceNumber(major: 10, minor: 229),
          permissions: "rw")
      ]
    }
    #expect(spec.linux.devices == nil)
    #expect(
      spec.mounts.last
        == RuntimeSpec.Mount(
          destination: "/dev/fuse", type: "bind", source: "/n/fuse", options: ["bind", "rprivate", "nosuid", "noexec"]))
    #expect(
      spec.linux.resources?.devices?.last
        == RuntimeSpec.Linux.DeviceRule(allow: true, type: "c", major: 10, minor: 229, access: "rw"))
  }

  @Test func resources() throws {
    var settings = ResourceSettings()
    settings.memoryBytes = 64 << 20
    settings.nanoCPUs = 1_500_000_000
    settings.cpuShares = 512
    settings.cpusetCPUs = "0-1"
    settings.pidsLimit = -1
    settings.memorySwappiness = 10
    settings.blockWeight = 300
    settings.blockReadBytesPerSecond = [DeviceThrottle(path: "/dev/vda", rate: 1000)]
    let devices = ["/dev/vda": DeviceNumber(major: 254, minor: 0)]
    let v2 = try SpecBuilder.limits(settings, host: HostProfile(), policy: EnginePolicy(), blockDevices: devices)
    #expect(v2.memory?.limit == 64 << 20 && v2.memory?.swap == 128 << 20 && v2.memory?.swappiness == nil)
    #expect(v2.cpu?.quota == 150_000 && v2.cpu?.period == 100_000 && v2.cpu?.shares == 512 && v2.cpu?.cpus == "0-1")
    #expect(v2.pids == RuntimeSpec.Linux.PIDs(limit: SpecBuilder.mostProcesses))
    #expect(v2.blockIO?.weight == 300)
    #expect(v2.blockIO?.throttleReadBpsDevice == [RuntimeSpec.Linux.ThrottleDevice(major: 254, minor: 0, rate: 1000)])

    var hybrid = HostProfile(cgroupMode: .hybrid, controllers: ["memory"], swapLimits: false)
    let v1 = try SpecBuilder.limits(settings, host: hybrid, policy: EnginePolicy(), blockDevices: devices)
    #expect(v1.memory?.swap == nil && v1.memory?.swappiness == 10 && v1.pids == nil && v1.blockIO == nil)
    settings.memorySwapBytes = -1
    hybrid.swapLimits = true
    #expect(try SpecBuilder.limits(settings, host: hybrid, policy: EnginePolicy()).memory?.swap == -1)
    let failed = failure { _ = try SpecBuilder.limits(settings, host: HostProfile(), policy: EnginePolicy()) }
    #expect(failed == (.invalidArgument, "no such block device: /dev/vda"))
  }

  @Test func execHasTheContainersRightsAtMost() throws {
    let container = try build {
      $0.settings.host.capabilitiesDropped = ["CHOWN"]
      $0.settings.host.securityOptions = ["no-new-privileges"]
    }.process
    var exec = ExecInput(arguments: ["ls"], environment: [], workingDirectory: "/", user: ResolvedUser(uid: 5, gid: 6))
    let process = try SpecBuilder.execProcess(exec, container: container, policy: EnginePolicy())
    #expect(process.noNewPrivileges == true && process.user == ProcessSpec.User(uid: 5, gid: 6))
    #expect(process.capabilities?.effective == [] && process.capabilities?.bounding == container.capabilities?.bounding)
    exec.privileged = true
    #expect(
      failure { _ = try SpecBuilder.execProcess(exec, container: container, policy: EnginePolicy()) }.code == .forbidden
    )
    var policy = EnginePolicy()
    policy.privileged = true
    #expect(try SpecBuilder.execProcess(exec, container: container, policy: policy).capabilities?.bounding.count == 41)
  }

  @Test func terminalAndAppArmor() throws {
    let spec = try build {
      $0.settings.terminal = true
      $0.settings.host.consoleHeight = 24
      $0.settings.host.consoleWidth = 80
      $0.host.appArmor = true
      $0.policy.appArmor.defaultProfile = "site"
    }
    #expect(spec.process.consoleSize == ProcessSpec.ConsoleSize(height: 24, width: 80) && spec.process.terminal == true)
    #expect(spec.process.apparmorProfile == "site")
    #expect(try build { $0.settings.host.securityOptions = ["apparmor=x"] }.process.apparmorProfile == nil)
  }

  @Test(arguments: ["c 42:* rmw", "a *:* m", "b 8:0 r"]) func deviceRules(text: String) throws {
    #expect(try DeviceCgroupRule.parse(text).allow)
  }

  @Test(arguments: ["", "c", "d 1:1 r", "c 1:1 x", "c 1 r", "c -1:1 r", "c 1:1 rwmr", "c 99999999999:1 r", "c 1:1  r"])
  func wrongDeviceRules(text: String) {
    #expect(failure { _ = try DeviceCgroupRule.parse(text) }.code == .invalidArgument)
  }
}
