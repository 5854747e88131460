import CRIProtocol
import Glibc
import Isolation
import LinuxSystem
import Model
import Testing

@testable import CRIService
@testable import ContainerEngine

@Suite struct ReaderTests {
  private func sandboxConfig() -> CRIPodSandboxConfig {
    var config = CRIPodSandboxConfig()
    config.metadata.name = "web"
    config.metadata.uid = "u1"
    config.metadata.namespace = "default"
    return config
  }

  private func sandbox(_ change: (inout SandboxRequest) -> Void = { _ in }) -> SandboxRecord {
    var request = SandboxRequest(name: "web", uid: "u1", namespace: "default")
    request.logDirectory = "/var/log/pods/default_web_u1"
    change(&request)
    return SandboxRecord(
      id: .random(), request: request, state: .ready, ids: IDRange(first: 1 << 20), createdAt: 1, runtime: "crun",
      hostname: "web")
  }

  private func containerConfig() -> CRIContainerConfig {
    var config = CRIContainerConfig()
    config.metadata.name = "app"
    config.image.image = "busybox"
    return config
  }

  private func code(_ body: () throws -> Void) -> PlatformError.Code? {
    do {
      try body()
      return nil
    } catch {
      return (error as? PlatformError)?.code
    }
  }

  @Test func aSandboxIsReadWhole() throws {
    var config = sandboxConfig()
    config.metadata.attempt = 3
    config.hostname = "h"
    config.logDirectory = "/logs"
    config.labels = ["a": "b"]
    config.annotations = ["c": "d"]
    config.dnsConfig.servers = ["10.96.0.10"]
    config.dnsConfig.searches = ["svc"]
    config.dnsConfig.options = ["ndots:5"]
    config.linux.cgroupParent = "/kubepods/x"
    config.linux.sysctls = ["net.core.somaxconn": "5"]
    config.linux.securityContext.namespaceOptions.network = .node
    var port = CRIPortMapping()
    port.containerPort = 80
    port.hostPort = 8080
    port.protocol = .udp
    config.portMappings = [port, CRIPortMapping()]
    let request = try SandboxReader.request(config, runtimeHandler: "crun")
    var expected = SandboxRequest(name: "web", uid: "u1", namespace: "default")
    expected.attempt = 3
    expected.hostname = "h"
    expected.logDirectory = "/logs"
    expected.labels = ["a": "b"]
    expected.annotations = ["c": "d"]
    expected.resolver = .init(servers: ["10.96.0.10"], searches: ["svc"], options: ["ndots:5"])
    expected.cgroupParent = "/kubepods/x"
    expected.sysctls = ["net.core.somaxconn": "5"]
    expected.usesHostNetwork = true
    expected.runtime = "crun"
    expected.ports = [
      PublishedPortRequest(
        port: ContainerPort(number: 80, transport: .udp), hostAddress: "", hostPortFirst: 8080, hostPortLast: 8080)
    ]
    #expect(request == expected)
  }

  @Test func onlyWhoHasTheHostsRightsHasItsIDs() throws {
    var config = sandboxConfig()
    config.linux.securityContext.namespaceOptions.usernsOptions.mode = .node
    #expect(try !SandboxReader.request(config, runtimeHandler: "").usesHostIDs)
    config.linux.securityContext.namespaceOptions.pid = .node
    #expect(try SandboxReader.request(config, runtimeHandler: "").usesHostIDs)
  }

  @Test func wrongSandboxesAreRefused() {
    #expect(
      code {
        var config = sandboxConfig()
        config.linux.securityContext.selinuxOptions.type = "t"
        _ = try SandboxReader.request(config, runtimeHandler: "")
      } == .notImplemented)
    #expect(
      code {
        var config = sandboxConfig()
        var mapping = CRIIDMapping()
        mapping.length = 10
        config.linux.securityContext.namespaceOptions.usernsOptions.uids = [mapping]
        _ = try SandboxReader.request(config, runtimeHandler: "")
      } == .invalidArgument)
    #expect(
      code {
        var config = sandboxConfig()
        var port = CRIPortMapping()
        port.containerPort = 70_000
        port.hostPort = 1
        config.portMappings = [port]
        _ = try SandboxReader.request(config, runtimeHandler: "")
      } == .invalidArgument)
  }

  @Test func aContainerIsRead() throws {
    var config = containerConfig()
    config.metadata.attempt = 2
    config.command = ["/bin/sh"]
    config.args = ["-c", "true"]
    config.envs = [CRIKeyValue(key: "A", text: "b=c")]
    config.logPath = "app/2.log"
    config.workingDir = "/w"
    config.stopSignal = CRISignal(rawValue: 23) ?? .runtimeDefault
    config.linux.resources.cpuQuota = 50_000
    config.linux.resources.cpuPeriod = 100_000
    config.linux.resources.memoryLimitInBytes = 64 << 20
    config.linux.resources.oomScoreAdj = -997
    config.linux.securityContext.runAsUser.value = 1000
    config.linux.securityContext.runAsGroup.value = 0
    config.linux.securityContext.supplementalGroups = [5]
    config.linux.securityContext.maskedPaths = ["/proc/mine"]
    config.linux.securityContext.noNewPrivs = true
    var mount = CRIMount()
    mount.containerPath = "/data"
    mount.hostPath = "/srv"
    mount.readonly = true
    mount.propagation = .propagationHostToContainer
    var made = CRIMount()
    made.containerPath = "/made"
    made.hostPath = "/srv/made here"
    config.mounts = [mount, made]
    config.annotations = ["io.bulkhead.container.madeFolders": "/other\n/srv/made here"]
    let sandbox = sandbox()
    let (pod, settings) = try ContainerReader(config, sandbox: sandbox).read()
    #expect(pod.sandbox == sandbox.id)
    #expect(pod.logPath == "/var/log/pods/default_web_u1/app/2.log")
    #expect(pod.attempt == 2)
    #expect(settings.entrypoint == ["/bin/sh"])
    #expect(settings.command == ["-c", "true"])
    #expect(settings.environment == ["A=b=c"])
    #expect(settings.user == "1000:0")
    #expect(settings.host.additionalGroups == ["5"])
    #expect(settings.stopSignal == "SIGTERM")
    #expect(settings.host.resources.cpuQuotaMicroseconds == 50_000)
    #expect(settings.host.resources.memorySwapBytes == 64 << 20)
    #expect(settings.host.oomScoreAdjustment == 0)
    #expect(settings.host.securityOptions == ["no-new-privileges=true"])
    #expect(settings.host.maskedPaths == (["/proc/mine"] + KernelPaths.masked).sorted())
    #expect(settings.host.readOnlyPaths == nil)
    #expect(settings.host.mounts.map(\.propagation) == ["rslave", nil])
    #expect(settings.host.mounts.map(\.readOnly) == [true, false])
    #expect(settings.host.mounts.map(\.createSource) == [false, true])
  }

  @Test(
    arguments: [
      ("privileged", .invalidArgument), ("log", .invalidArgument), ("group", .invalidArgument),
      ("uid", .invalidArgument),
      ("image", .notImplemented), ("bidirectional", .notImplemented), ("hugepages", .notImplemented),
      ("unified", .notImplemented), ("cdi", .notImplemented), ("strict", .notImplemented), ("name", .invalidArgument),
      ("signal", .invalidArgument), ("seccomp", .invalidArgument),
    ] as [(String, PlatformError.Code)])
  func wrongContainersAreRefused(_ what: String, _ expected: PlatformError.Code) {
    var config = containerConfig()
    var mount = CRIMount()
    switch what {
    case "privileged": config.linux.securityContext.privileged = true
    case "log": config.logPath = "../../etc/passwd"
    case "group": config.linux.securityContext.runAsGroup.value = 1
    case "uid": config.linux.securityContext.runAsUser.value = -1
    case "image":
      mount.image.image = "x"
      config.mounts = [mount]
    case "bidirectional":
      mount.propagation = .propagationBidirectional
      config.mounts = [mount]
    case "hugepages":
      var limit = CRIHugepageLimit()
      limit.limit = 1
      config.linux.resources.hugepageLimits = [limit]
    case "unified": config.linux.resources.unified = ["memory.high": "1"]
    case "cdi": config.cdiDevices = [CRICDIDevice()]
    case "strict": config.linux.securityContext.supplementalGroupsPolicy = .strict
    case "name": config.metadata.name = ""
    case "signal": config.stopSignal = .UNRECOGNIZED(66)
    default:
      config.linux.securityContext.seccomp.profileType = .localhost
      config.linux.securityContext.seccomp.localhostRef = "relative"
    }
    #expect(code { _ = try ContainerReader(config, sandbox: sandbox()).read() } == expected)
  }

  @Test func profilesAreReadOfRegularFilesAlone() throws {
    let folder = "/tmp/profiles-\(ContainerID.random().short)"
    try FileSystem.makeDirectory(folder)
    defer { try? FileSystem.removeTree(folder) }
    let (file, pipe, link) = ("\(folder)/file", "\(folder)/pipe", "\(folder)/link")
    try FileSystem.atomicWrite(file, Array("{}".utf8), durable: false)
    #expect(mkfifo(pipe, 0o600) == 0 && symlink(file, link) == 0)
    for (path, isRead) in [(file, true), (pipe, false), (link, false), ("/dev/null", false)] {
      var config = containerConfig()
      config.linux.securityContext.seccomp.profileType = .localhost
      config.linux.securityContext.seccomp.localhostRef = path
      let refusal = code { _ = try ContainerReader(config, sandbox: sandbox()).read() }
      #expect((refusal == nil) == isRead, "\(path)")
    }
  }

  @Test(arguments: [
    (1, "SIGABRT"), (14, "SIGPIPE"), (35, "SIGRTMIN"), (36, "SIGRTMIN+1"), (51, "SIGRTMAX-14"), (65, "SIGRTMAX"),
  ])
  func signalsHaveTheInterfacesNumbers(_ number: Int, _ name: String) throws {
    let signal = try #require(CRISignal(rawValue: number))
    #expect(try StopSignal.name(signal) == name)
    #expect(StopSignal.number(name) == signal)
  }

  @Test func credentialsComeInFourForms() throws {
    var auth = CRIAuthConfig()
    #expect(try ImageReader.credentials(auth) == .anonymous)
    auth.auth = "dTpwOnc="
    #expect(try ImageReader.credentials(auth) == .password(user: "u", password: "p:w"))
    auth.username = "a"
    auth.password = "b"
    #expect(try ImageReader.credentials(auth) == .password(user: "a", password: "b"))
    auth.identityToken = "i"
    #expect(try ImageReader.credentials(auth) == .identityToken("i"))
    auth.registryToken = "r"
    #expect(try ImageReader.credentials(auth) == .bearer("r"))
    for text in ["no base64!", "dXA=", "/w=="] {
      var wrong = CRIAuthConfig()
      wrong.auth = text
      #expect(code { _ = try ImageReader.credentials(wrong) } == .invalidArgument)
    }
  }
}
