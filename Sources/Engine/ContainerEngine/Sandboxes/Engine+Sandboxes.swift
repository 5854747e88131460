import Isolation
import LinuxSystem
import Model
import Networking

extension Engine {
  public func sandboxes() -> [SandboxRecord] { sandboxRegistry.all.map(\.record).filter { $0.state != .making } }
  public func sandbox(_ reference: String) throws -> SandboxRecord { try sandboxRegistry.find(reference).record }

  /// The containers that were made in a sandbox, newest first.
  public func containers(inSandbox id: ContainerID) -> [ContainerView] {
    podMembers(of: id).map(view)
  }

  func podMembers(of id: ContainerID) -> [Container] { registry.all.filter { $0.record.pod?.sandbox == id } }

  /// Makes a sandbox: namespaces without a process, an address on the pods' network, ports, name files.
  ///
  /// On disk when this returns. On failure nothing of it remains.
  /// - Throws: `conflict` where a sandbox of this pod and attempt exists, `forbidden` for what the policy does not allow.
  public func runSandbox(_ request: SandboxRequest) async throws -> SandboxRecord {
    try checkSandbox(request)
    let network = request.usesHostNetwork ? nil : try await podNetwork()
    let id = ContainerID.random()
    try sandboxRegistry.reserve(request.key, for: id, limit: policy.limits.containers)
    var record: SandboxRecord
    do {
      let hostname = request.usesHostNetwork ? Self.hostName() : request.hostname
      record = SandboxRecord(
        id: id, request: request, state: .making, ids: request.usesHostIDs ? .host : try idRanges.allocate(),
        createdAt: Int64(Clock.realTimeNanoseconds()), runtime: try runtime(request.runtime).name,
        hostname: hostname.isEmpty ? id.short : hostname, cgroupParent: podCgroupParent(request.cgroupParent))
    } catch {
      sandboxRegistry.release(request.key, of: id)
      throw error
    }
    do {
      if let network {
        record.endpoint = try networking.planEndpoint(
          network: network, container: id, name: id.short, aliases: [], requestedAddress: nil, mac: nil,
          interfaceIndex: 0)
      }
      // The intent is on disk before the kernel holds anything for it.
      try store.saveIntent(record)
      try makeSandbox(&record, network: network)
      record.state = .ready
      try store.save(record)
    } catch {
      endSandbox(record)
      try? store.delete(sandbox: id)
      try? FileSystem.removeTree(paths.container(id))
      if !record.ids.isHost { idRanges.release(record.ids) }
      sandboxRegistry.release(request.key, of: id)
      throw error
    }
    sandboxRegistry.insert(Sandbox(record: record))
    emit("create", record)
    emit("start", record)
    return record
  }

  private func makeSandbox(_ record: inout SandboxRecord, network: NetworkRecord?) throws {
    let namespaces = self.namespaces(of: record.id)
    try namespaces.make(record, sharedMemoryBytes: policy.defaults.sharedMemorySizeBytes)
    if let endpoint = record.endpoint, let network, let netns = try namespaces.open(.net) {
      try networking.attach(endpoint, network: network, netns: netns)
      if !record.request.ports.isEmpty {
        record.publishedPorts = try networking.publish(
          Self.portRequests(record.request.ports), endpoint: endpoint, containerName: record.request.name)
      }
    }
    try FileSystem.makeDirectories(paths.container(record.id), mode: 0o711)
    try writeHostFiles(record)
  }

  private static func portRequests(_ ports: [PublishedPortRequest]) throws -> [PortRequest] {
    try ports.map { request in
      guard let transport = TransportProtocol(rawValue: request.port.transport.rawValue) else {
        throw PlatformError(.invalidArgument, "ports of \(request.port.transport.rawValue) cannot be published")
      }
      return PortRequest(
        protocol: transport, containerPort: request.port.number, hostAddress: request.hostAddress,
        hostPorts: request.hostPortFirst == 0 ? nil : request.hostPortFirst...request.hostPortLast)
    }
  }

  /// Ends a sandbox: its containers are killed, its namespaces, ports and address go. Stopped already is no error.
  public func stopSandbox(_ reference: String) async throws {
    let sandbox = try sandboxRegistry.find(reference)
    try await sandbox.lock.withLock { _ in try await stop(sandbox) }
  }

  private func stop(_ sandbox: Sandbox) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for container in podMembers(of: sandbox.id) where container.process != nil {
        group.addTask {
          try await container.lock.withLock { token in
            try await self.stop(container, signal: nil, timeoutSeconds: 0, token)
          }
        }
      }
      try await group.waitForAll()
    }
    var record = sandbox.record
    guard record.state == .ready else { return }
    endSandbox(record)
    record.state = .stopped
    record.endpoint = nil
    record.publishedPorts = []
    sandbox.set(record)
    try store.save(record)
    emit("die", record)
  }

  /// Stops a sandbox and removes it with its containers.
  public func removeSandbox(_ reference: String) async throws {
    let sandbox = try sandboxRegistry.find(reference)
    try await sandbox.lock.withLock { _ in
      guard sandboxRegistry[sandbox.id] != nil else { return }
      try await stop(sandbox)
      for container in podMembers(of: sandbox.id) {
        do {
          try await removeContainer(container.id.hex, force: true, volumes: true)
        } catch let error as PlatformError where error.code == .notFound {}
      }
      try store.delete(sandbox: sandbox.id)
      sandboxRegistry.remove(sandbox)
      let record = sandbox.record
      try? FileSystem.removeTree(paths.container(record.id))
      if !record.ids.isHost { idRanges.release(record.ids) }
      emit("destroy", record)
    }
  }

  /// Takes back what the kernel has of a sandbox; what is gone already is no error.
  private func endSandbox(_ record: SandboxRecord) {
    releaseNetwork(record.id, endpoints: record.endpoint.map { [$0] } ?? [])
    do {
      try namespaces(of: record.id).remove()
    } catch {
      logger.warning("removing the namespaces of sandbox \(record.id.short): \(error)")
    }
  }

  func namespaces(of sandbox: ContainerID) -> SandboxNamespaces {
    SandboxNamespaces(folder: paths.sandbox(sandbox))
  }

  private func checkSandbox(_ request: SandboxRequest) throws {
    for (what, text) in [("name", request.name), ("uid", request.uid), ("namespace", request.namespace)] {
      guard !text.isEmpty, text.utf8.count <= 253 else {
        throw PlatformError(.invalidArgument, "the \(what) of a pod sandbox has to have 1 to 253 bytes")
      }
    }
    guard request.hostname.utf8.count <= 63 else {
      throw PlatformError(.invalidArgument, "the hostname '\(request.hostname.prefix(80))' has more than 63 bytes")
    }
    if !request.logDirectory.isEmpty { try checkLogFolder(request.logDirectory) }
    var probe = ContainerSettings(image: "")
    apply(request, to: &probe)
    probe.host.userMode = request.usesHostIDs ? .host : .own
    probe.host.pidMode = request.usesHostPIDs ? .host : .own
    probe.host.privileged = request.isPrivileged
    try policyCheck.check(probe)
  }

  /// The part of a container's settings that its sandbox decides.
  func apply(_ request: SandboxRequest, to settings: inout ContainerSettings) {
    settings.host.networkMode = request.usesHostNetwork ? .host : .none
    settings.host.ipcMode = request.usesHostIPC ? .host : .own
    settings.host.sysctls = request.sysctls
    settings.host.cgroupParent = podCgroupParent(request.cgroupParent)
    settings.host.runtime = request.runtime
  }

  /// An absolute control group is the host's where the policy names it, else it lies below the engine's own.
  private func podCgroupParent(_ asked: String) -> String? {
    if asked.isEmpty { return nil }
    let allowed = policy.cgroupParents.allowed.contains { asked == $0 || asked.hasPrefix($0 + "/") }
    return allowed ? asked : String(asked.drop { $0 == "/" })
  }

  /// Logs may be in folders that the policy does not name: those of the node's agent.
  private func checkLogFolder(_ path: String) throws {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard path.hasPrefix("/"), !parts.contains("..") else {
      throw PlatformError(.invalidArgument, "'\(path.prefix(256))' is not an absolute path for logs")
    }
    let folders = configuration.podFolders
    guard folders?.holdsLogs(path) == true else {
      let allowed = folders.map { [$0.agent] + $0.logs } ?? []
      throw PlatformError(
        .forbidden,
        "logs of pods may be in \(allowed.joined(separator: ", ")) only, not in '\(path.prefix(256))'")
    }
  }

  /// Whether a mount's source is in the folder that the agent has for the container's own pod.
  func isPodFolder(_ path: String, of record: ContainerRecord) -> Bool {
    guard let pod = record.pod, let sandbox = sandboxRegistry[pod.sandbox] else { return false }
    return configuration.podFolders?.isOwn(path, of: sandbox.record.request.uid) == true
  }

  /// Opens what a pod mounts from its folder. No link leads there: containers write in some of these folders.
  func openPodFolder(_ path: String, of record: ContainerRecord) throws -> Descriptor {
    let found = try PolicyCheck.resolveHostPath(path)
    guard found.path == MountDestination.cleaned(path), isPodFolder(found.path, of: record) else {
      throw PlatformError(
        .forbidden, "the host path \(path.prefix(256)) leads elsewhere by a link and may not be mounted")
    }
    return found.descriptor
  }

  private func podNetwork() async throws -> NetworkRecord {
    if let known = networkStore.all.first(where: { $0.name == NetworkDefaults.pods }) { return known }
    return try await networkCreation.withLock { _ in
      if let known = networkStore.all.first(where: { $0.name == NetworkDefaults.pods }) { return known }
      return try makeNetwork(NetworkRequest(name: NetworkDefaults.pods, subnet: policy.networks.pods))
    }
  }

  private func emit(_ action: String, _ record: SandboxRecord) {
    events.emit(.sandbox, action, id: record.id.hex)
  }
}

extension Engine {
  /// Takes the sandboxes over from the engine before: those whose making was not finished go, those whose namespaces a reboot
  /// has ended are stopped.
  func reconcileSandboxes() throws -> Set<String> {
    let loaded = try store.load(EngineStore.sandboxes, as: SandboxRecord.self)
    for (id, error) in loaded.unreadable {
      logger.error("sandbox \(id) cannot be read; its files stay and it is left out: \(error)")
    }
    for var record in loaded.records {
      switch record.state {
      case .making:
        logger.notice("removing sandbox \(record.id.short), whose making was not finished")
        try namespaces(of: record.id).remove()
        try store.delete(sandbox: record.id)
        continue
      case .ready where !namespaces(of: record.id).isThere:
        record.state = .stopped
        record.endpoint = nil
        record.publishedPorts = []
        try store.save(record)
      case .ready, .stopped: break
      }
      if record.state == .stopped { try namespaces(of: record.id).remove() }
      idRanges.adopt(record.ids)
      sandboxRegistry.insert(Sandbox(record: record))
    }
    let known = Set(sandboxRegistry.all.map(\.id.hex)).union(loaded.unreadable.map(\.id))
    for name in FileSystem.exists(paths.sandboxes) ? try FileSystem.list(paths.sandboxes) : []
    where !known.contains(name) {
      try SandboxNamespaces(folder: "\(paths.sandboxes)/\(name)").remove()
    }
    return known
  }

  /// The sandboxes that are on the pods' network, for the network's own reconciliation.
  func networkedSandboxes() -> [RunningContainer] {
    sandboxRegistry.all.compactMap { sandbox in
      let record = sandbox.record
      guard let endpoint = record.endpoint else { return nil }
      return RunningContainer(
        id: record.id, name: record.request.name, netns: try? namespaces(of: record.id).open(.net),
        endpoints: [endpoint], bindings: record.publishedPorts, hasNameService: false)
    }
  }
}
