import Glibc
import LinuxSystem
import Model
import Networking

/// Looks at the machine it runs on. Everything that cannot be found out is left at "not there".
struct HostProbe {
  static let maximumTextBytes = 1 << 20
  static let programDeadlineSeconds = 5.0
  static let path = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]

  let request: HostProbeRequest

  func facts() -> HostFacts {
    var facts = HostFacts()
    facts.rootPath = request.rootPath
    facts.idRange = request.idRange
    facts.kernelRelease = KernelInfo.release()
    facts.machine = KernelInfo.machine()
    facts.isRoot = geteuid() == 0
    facts.missingCapabilities = HostTexts.missingCapabilities(status: text("/proc/self/status"))
    facts.memoryBytes = HostTexts.memoryBytes(text("/proc/meminfo"))
    let folder = existingFolder()
    readKernel(&facts, folder: folder)
    readControlGroups(&facts)
    readConfinement(&facts)
    readNetwork(&facts)
    readPrograms(&facts)
    readMachine(&facts, folder: folder)
    return facts
  }

  func text(_ path: String) -> String {
    String(decoding: (try? FileSystem.read(path, maxBytes: Self.maximumTextBytes)) ?? [], as: UTF8.self)
  }

  func word(_ path: String) -> String? {
    text(path).split(whereSeparator: { $0 == "\n" || $0 == " " || $0 == "\t" }).first.map(String.init)
  }

  /// The engine's root or what there is of the way to it.
  private func existingFolder() -> String {
    var folder = request.rootPath
    while folder.count > 1, !FileSystem.exists(folder) { folder = FileSystem.parent(of: folder) }
    return folder
  }

  private func readKernel(_ facts: inout HostFacts, folder: String) {
    facts.maximumUserNamespaces = word("/proc/sys/user/max_user_namespaces").flatMap { UInt64($0) }
    guard facts.isRoot else {
      let reason = HostFacts.Trial.fails("not tried: that needs root")
      (facts.userNamespaces, facts.idMappedMounts, facts.overlay, facts.overlayOnIDMapped) = (
        reason, reason, reason, reason
      )
      return
    }
    let trials = MountTrials(folder: folder, ids: request.idRange).run()
    facts.userNamespaces = trials.userNamespaces
    facts.idMappedMounts = trials.idMappedMounts
    facts.overlay = trials.overlay
    facts.overlayOnIDMapped = trials.overlayOnIDMapped
  }

  private func readControlGroups(_ facts: inout HostFacts) {
    guard let layout = try? CgroupLayout.detect() else { return }
    facts.cgroupMode = layout.mode.rawValue
    let unified = layout.unified.map { text($0 + "/cgroup.controllers") } ?? ""
    let held = unified.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init)
    if layout.mode == .v2 {
      facts.controllers = held
    } else {
      facts.controllers = layout.controllers.keys.filter { !$0.hasPrefix("name=") }.sorted()
      facts.unifiedControllers = held
    }
  }

  private func readConfinement(_ facts: inout HostFacts) {
    facts.seccompActions = text("/proc/sys/kernel/seccomp/actions_avail")
      .split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init)
    facts.securityModules = securityModules()
    let users = HostTexts.identities(text("/etc/passwd"), file: "/etc/passwd")
    let groups = HostTexts.identities(text("/etc/group"), file: "/etc/group")
    facts.foreignRanges =
      HostTexts.subordinateRanges(text("/etc/subuid"), file: "/etc/subuid")
      + HostTexts.subordinateRanges(text("/etc/subgid"), file: "/etc/subgid") + users + groups
    facts.hasGroup = HostTexts.hasGroup(request.group, in: text("/etc/group"))
  }

  private func readNetwork(_ facts: inout HostFacts) {
    facts.ipForward = word("/proc/sys/net/ipv4/ip_forward").map { $0 == "1" }
    facts.ipv6Forward = word("/proc/sys/net/ipv6/conf/all/forwarding").map { $0 == "1" }
    facts.bridgeNetfilter = word("/proc/sys/net/bridge/bridge-nf-call-iptables") == "1"
    if text("/etc/ufw/ufw.conf").split(separator: "\n").contains("ENABLED=yes") { facts.activeFirewalls.append("ufw") }
    if FileSystem.exists("/run/firewalld") { facts.activeFirewalls.append("firewalld") }
    facts.reachablePorts = facts.isRoot ? reachablePorts() : nil
    guard let nft = find("nft") else {
      facts.nftables = .fails("the program nft is not installed")
      return
    }
    guard facts.isRoot else { return }
    let output = run(nft, ["list", "chains"])
    if let output, output.status.isSuccess {
      facts.droppingChains = HostTexts.droppingChains(String(decoding: output.stdout, as: UTF8.self))
    } else {
      let reason = output.map { String(decoding: $0.stderr, as: UTF8.self) } ?? "nft did not end in time"
      facts.nftables = .fails(String(reason.split(separator: "\n").first?.prefix(200) ?? "nft failed"))
    }
  }

  /// Nil where the kernel or nft does not say.
  private func reachablePorts() -> [String]? {
    guard let exposure = try? HostExposure.collect() else { return nil }
    var seen: Set<String> = []
    return exposure.ports.filter { $0.verdict.kind != .closed }.map { port in
      let opener =
        switch port.opener {
        case .published, .otherEngine: "a container"
        case .process(_, let program, _): program
        case .service(let name, let place, _): name.map { "service \($0)" } ?? "\(place.rawValue) of a service"
        case .unknown: "unknown"
        }
      return "\(port.port)/\(port.transport.rawValue) (\(opener))"
    }.filter { seen.insert($0).inserted }
  }

  private func readPrograms(_ facts: inout HostFacts) {
    let names = [
      "crun", "runc", "runsc", "conmon", "catatonit", "tini-static", "tini", "docker-init", "mmdebstrap", "git",
    ]
    for name in names {
      guard let path = find(name) else { continue }
      let output = run(path, ["--version"]).map { String(decoding: $0.stdout + $0.stderr, as: UTF8.self) } ?? ""
      facts.programs[name] = HostFacts.Program(path: path, version: HostTexts.version(output, program: name))
    }
    let sockets = [
      "docker": "/run/docker.sock", "podman": "/run/podman/podman.sock",
      "containerd": "/run/containerd/containerd.sock",
      "CRI-O": "/run/crio/crio.sock",
    ]
    facts.otherEngines = sockets.sorted { $0.key < $1.key }.filter { FileSystem.exists($0.value) }.map {
      "\($0.key) (\($0.value))"
    }
  }

  func find(_ name: String) -> String? {
    if let path = request.programPaths[name] { return FileSystem.exists(path) ? path : nil }
    let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    return folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  func run(_ path: String, _ arguments: [String]) -> ProcessOutput? {
    let request = ProcessRequest(executable: path, arguments: [path] + arguments, environment: Self.path)
    let output = try? LinuxProcessSpawner().run(
      request, maxOutputBytes: Self.maximumTextBytes, deadlineSeconds: Self.programDeadlineSeconds)
    guard let output, !output.isTimedOut else { return nil }
    return output
  }
}
