import Isolation
import LinuxSystem
import Model
import Networking
import OCIRuntime

extension Engine {
  /// Makes a container in a sandbox and returns its id; nothing runs yet.
  ///
  /// On disk when this returns. On failure nothing of it remains.
  /// - Parameters:
  ///   - pod: whose `logPath` is below the sandbox's folder of logs, or nil.
  ///   - settings: what its sandbox decides is overwritten.
  /// - Throws: `conflict` where the sandbox is stopped.
  public func createContainer(_ pod: PodMembership, settings: ContainerSettings) async throws -> ContainerID {
    let sandbox = try sandboxRegistry.find(pod.sandbox.hex)
    return try await sandbox.lock.withLock { _ in
      let record = sandbox.record
      try Self.requireReady(record)
      var settings = settings
      apply(record.request, to: &settings)
      settings.hostname = record.hostname
      settings.host.restart = RestartPolicy(.no)
      settings.host.pidMode = record.request.usesHostPIDs ? .host : settings.host.pidMode
      let request = record.request
      let name = ["k8s", pod.name, request.name, request.namespace, request.uid, String(pod.attempt)]
        .joined(separator: "_")
      return try await createContainer(
        // Nobody of the host's asks for a pod: whoever wrote it may be anybody, and owns no path here.
        name: name, settings: settings, creator: nil, pod: (pod, record)
      ).id
    }
  }

  /// Starts a container that was made in a sandbox, once.
  /// - Throws: `conflict` for one that has been started, and where the sandbox is stopped.
  public func startPodContainer(_ reference: String) async throws {
    let container = try registry.find(reference)
    guard let pod = container.record.pod else {
      throw PlatformError(.notFound, "container \(container.id.short) is not one of a pod")
    }
    let sandbox = try sandboxRegistry.find(pod.sandbox.hex)
    try await sandbox.lock.withLock { _ in
      try Self.requireReady(sandbox.record)
      guard container.status == .created else {
        throw PlatformError(
          .conflict, "container \(container.id.short) is \(container.status.rawValue): a container of a pod starts once"
        )
      }
      do {
        try await startContainer(container.id.hex)
      } catch {
        // One that could not be started has ended: it can be looked at, and another takes its place.
        container.change { state in
          if state.record.run.status == .created { state.record.run.status = .exited }
        }
        save(container)
        throw error
      }
    }
  }

  /// Makes a container's conmon open its log anew, after the file was renamed.
  public func reopenLog(_ reference: String) throws {
    let container = try registry.find(reference)
    guard container.process != nil else {
      throw PlatformError(.conflict, "container \(container.id.short) does not run")
    }
    try MonitorFiles(bundle: paths.bundle(container.id), exitDirectory: paths.exits, id: container.id).reopenLog()
  }

  private static func requireReady(_ record: SandboxRecord) throws {
    guard record.state == .ready else {
      throw PlatformError(.conflict, "the pod sandbox \(record.id.short) is stopped")
    }
  }

  /// Joins a sandbox's namespaces; the process tree and the control group are the container's own.
  func podNamespaces(
    _ pod: PodMembership, of record: ContainerRecord
  ) throws -> (NamespacePlan, joined: [RootAssembly.StagedNamespace]) {
    let sandbox = try sandboxRegistry.find(pod.sandbox.hex).record
    let namespaces = namespaces(of: sandbox.id)
    var plan = NamespacePlan()
    var joined: [RootAssembly.StagedNamespace] = []
    func join(_ kind: Namespace.Kind) throws -> NamespacePlan.Origin {
      guard let namespace = try namespaces.open(kind) else { return .host }
      let staged = RootAssembly.StagedNamespace(kind: kind, descriptor: namespace)
      joined.append(staged)
      return .path(staged.path)
    }
    plan.user = try join(.user)
    plan.network = try join(.net)
    plan.ipc = try join(.ipc)
    plan.uts = try join(.uts)
    plan.networkBelongsToUser = true
    switch record.settings.host.pidMode {
    case .host: plan.pid = .host
    case .container(let reference):
      let target = try runningProcess(reference, for: "pid")
      let staged = RootAssembly.StagedNamespace(kind: .pid, descriptor: try target.namespace(.pid))
      joined.append(staged)
      plan.pid = .path(staged.path)
    case .own, .shareable, .none: break
    }
    if record.settings.host.cgroupNamespaceMode == .host { plan.cgroup = .host }
    return (plan, joined)
  }

  /// Where conmon writes a container's output.
  func logPath(of record: ContainerRecord) -> String { record.pod?.logPath ?? paths.log(record.id) }

  /// Writes the files of a sandbox's folder that its containers see in /etc, unless they bring their own.
  func writeHostFiles(_ sandbox: SandboxRecord) throws {
    let resolver = sandbox.request.resolver
    let host = String(decoding: try Self.hostFile("/etc/resolv.conf"), as: UTF8.self)
    let text = ResolvConf.render(
      servers: resolver?.servers ?? ResolvConf.nameservers(in: host),
      searchDomains: resolver?.searches ?? ResolvConf.searchDomains(in: host),
      options: resolver?.options ?? ResolvConf.options(in: host))
    let own = sandbox.endpoint.map { [HostsFile.Entry(address: $0.address.description, names: [sandbox.hostname])] }
    let hosts =
      sandbox.request.usesHostNetwork
      ? try Self.hostFile("/etc/hosts")
      : Array(HostsFile.render(extra: [], own: own ?? [], gateway: sandbox.endpoint?.gateway).utf8)
    for (name, bytes) in [
      ("hosts", hosts), ("resolv.conf", Array(text.utf8)), ("hostname", Array("\(sandbox.hostname)\n".utf8)),
    ] {
      try writeInPlace("\(paths.container(sandbox.id))/\(name)", bytes, ids: sandbox.ids)
    }
  }
}
