import Glibc
import Isolation
import LinuxSystem
import Model
import Networking
import OCIRuntime

extension Engine {
  /// Allocates an address on each of a container's networks, without touching the kernel.
  func planEndpoints(_ record: inout ContainerRecord) throws {
    var planned: [String: EndpointRecord] = [:]
    do {
      for (index, attachment) in record.networks.enumerated() {
        try ContainerSetting.networks.blamed(attachment.network) {
          let network = try networkStore.find(attachment.network)
          guard network.isBridge else { return }
          planned[network.name] = try plan(attachment, network: network, record: record, index: index)
        }
      }
    } catch {
      for endpoint in planned.values { networking.releaseEndpoint(endpoint) }
      throw error
    }
    for (metric, network) in Self.byPriority(record.networks).enumerated()
    where record.networks.contains(where: { $0.gatewayPriority != nil }) {
      planned[network.network]?.routeMetric = UInt32(metric)
    }
    record.endpoints = planned
  }

  /// Networks with the greatest priority for the default route first, otherwise in the order they were asked for.
  private static func byPriority(_ networks: [NetworkAttachment]) -> [NetworkAttachment] {
    networks.enumerated().sorted {
      (-($0.element.gatewayPriority ?? 0), $0.offset) < (-($1.element.gatewayPriority ?? 0), $1.offset)
    }.map(\.element)
  }

  /// The endpoint through which a container's ports are published: the first that leads outside.
  func publishingEndpoint(_ record: ContainerRecord) -> EndpointRecord? {
    Self.byPriority(record.networks).compactMap { record.endpoints[$0.network] }
      .first { networkStore.record(id: $0.networkID)?.isInternal == false }
  }

  /// Publishes a running container's ports through another endpoint when the one they led to changes, at the same
  /// ports of the host.
  func movePorts(_ record: inout ContainerRecord, from old: EndpointRecord?) throws {
    let new = publishingEndpoint(record)
    guard new?.endpointID != old?.endpointID else { return }
    let kept = record.publishedPorts.map {
      PortRequest(
        protocol: $0.protocol, containerPort: $0.containerPort, hostAddress: $0.hostAddress,
        hostPorts: $0.hostPort...$0.hostPort)
    }
    try networking.unpublish(container: record.id)
    record.publishedPorts = []
    guard let new else { return }
    let requests = kept.isEmpty ? portRequests(record) : kept
    if !requests.isEmpty {
      record.publishedPorts = try networking.publish(
        requests, limits: portLimits(record.settings), endpoint: new, containerName: record.name
      ) { [registry] in try? registry.find($0.hex).record.name }
    }
  }

  /// Tells that a container has come to networks, or left them.
  func tell(_ action: String, _ endpoints: [EndpointRecord]) {
    for endpoint in endpoints {
      guard let network = networkStore.record(id: endpoint.networkID) else { continue }
      events.emit(
        .network, action, id: network.id.hex,
        attributes: ["container": endpoint.containerID.hex, "name": network.name, "type": network.driver])
    }
  }

  func plan(_ attachment: NetworkAttachment, network: NetworkRecord, record: ContainerRecord, index: Int) throws
    -> EndpointRecord
  {
    try networking.planEndpoint(
      network: network, container: record.id, name: record.name, aliases: attachment.aliases,
      requestedAddress: try Self.address(attachment.address), requestedIPv6: try Self.address(attachment.ipv6Address),
      mac: attachment.macAddress.flatMap { $0.isEmpty ? nil : $0 }, interfaceIndex: index)
  }

  /// The address that a client asked for, nil where it did not.
  private static func address<Address: IPAddress>(_ text: String?) throws -> Address? {
    guard let text, !text.isEmpty else { return nil }
    guard let address = Address(text) else {
      throw PlatformError(.invalidArgument, "invalid \(Address.familyName) address: \(text.prefix(64))")
    }
    return address
  }

  /// Connects a created container to its networks, publishes its ports and opens its name service.
  func connect(_ record: inout ContainerRecord, process: MonitoredProcess, run: inout StartedRun) throws {
    let mode = record.settings.host.networkMode
    // A pod's containers have the network of its sandbox.
    if record.pod != nil { return }
    if case .container = mode { return }
    if mode == .host { return }
    let namespace = try process.namespace(.net)
    let endpoints = record.networks.compactMap { record.endpoints[$0.network] }
    if endpoints.isEmpty { try networking.setUpLoopback(netns: namespace) }
    for endpoint in endpoints {
      guard let network = networkStore.record(id: endpoint.networkID) else {
        throw PlatformError(.notFound, "network \(endpoint.networkID.short) not found")
      }
      try networking.attach(endpoint, network: network, netns: namespace)
    }
    run.isConnected = true
    tell("connect", endpoints)
    guard !endpoints.isEmpty else { return }
    try movePorts(&record, from: nil)
    try networking.startDNS(
      container: record.id, netns: namespace, endpoints: endpoints, servers: record.settings.host.dnsServers)
  }

  /// The limits that its labels set; they were checked when the container was made.
  func portLimits(_ settings: ContainerSettings) -> [PortLimits] {
    do {
      return try PortLimits.read(settings.labels)
    } catch {
      // A record of an engine that did not know these labels.
      logger.warning("limits of published ports are not set: \(error)")
      return []
    }
  }

  /// Labels that set limits are right, and are about ports that are published.
  func checkPortLimits(_ settings: ContainerSettings) throws {
    let published = settings.host.publishedPorts.map(\.port)
    for limits in try PortLimits.read(settings.labels) where !settings.host.publishAllPorts {
      let isPublished = published.contains {
        $0.number == limits.containerPort && $0.transport.rawValue == limits.transport.rawValue
      }
      guard !isPublished, let (name, value) = limits.texts.first else { continue }
      let port = "\(limits.containerPort)/\(limits.transport.rawValue)"
      throw PlatformError(
        .invalidArgument,
        "invalid label \(PortLimits.labelPrefix)\(port).\(name)='\(value)': port \(port) is not published"
      ).about(.labels, "\(PortLimits.labelPrefix)\(port).\(name)")
    }
  }

  private func portRequests(_ record: ContainerRecord) -> [PortRequest] {
    var requests = record.settings.host.publishedPorts.compactMap { request -> PortRequest? in
      guard let transport = TransportProtocol(rawValue: request.port.transport.rawValue) else { return nil }
      let chosen =
        request.hostPortFirst == 0 ? nil : request.hostPortFirst...max(request.hostPortFirst, request.hostPortLast)
      return PortRequest(
        protocol: transport, containerPort: request.port.number, hostAddress: request.hostAddress, hostPorts: chosen)
    }
    if record.settings.host.publishAllPorts {
      let published = Set(record.settings.host.publishedPorts.map(\.port))
      for port in record.exposedPorts where !published.contains(port) {
        guard let transport = TransportProtocol(rawValue: port.transport.rawValue) else { continue }
        requests.append(PortRequest(protocol: transport, containerPort: port.number))
      }
    }
    return requests
  }

  /// Names that links of the client give to other containers' addresses.
  func links(of record: ContainerRecord) -> [(name: String, address: IPv4Address)] {
    var result: [(String, IPv4Address)] = []
    for link in record.settings.host.links + record.networks.flatMap(\.links) {
      let parts = link.split(separator: ":", maxSplits: 1).map(String.init)
      guard let target = parts.first.flatMap({ try? registry.find($0) }) else { continue }
      let other = target.record
      let shared = other.endpoints.values.first { endpoint in
        record.endpoints.values.contains { $0.networkID == endpoint.networkID }
      }
      guard let address = shared?.address else { continue }
      result.append((parts.count > 1 ? parts[1] : other.name, address))
      if parts.count > 1 { result.append((other.name, address)) }
    }
    return result
  }

  /// Takes a container off its networks; what is not there any more is no error.
  func releaseNetwork(_ id: ContainerID, endpoints: [EndpointRecord]) {
    guard !endpoints.isEmpty else { return }
    // First: its sockets would keep the network namespace, and with it the links, alive.
    networking.stopDNS(container: id)
    do {
      try networking.unpublish(container: id)
    } catch {
      logger.warning("taking back the ports of container \(id.short): \(error)")
    }
    for endpoint in endpoints {
      if let network = networkStore.record(id: endpoint.networkID) {
        do {
          try networking.detach(endpoint, network: network, namespaceEnds: true)
        } catch {
          logger.warning("taking container \(id.short) off network \(network.name): \(error)")
        }
      }
      networking.releaseEndpoint(endpoint)
    }
  }

  /// Tells the name service that a container's names have changed.
  func updateNames(_ container: Container) {
    let record = container.record
    guard container.process != nil, !record.endpoints.isEmpty else { return }
    networking.updateNames(container: record.id, endpoints: Array(record.endpoints.values))
  }

  /// Where each namespace of a container comes from, and those of other containers, held open.
  func namespaces(for record: ContainerRecord) throws -> (NamespacePlan, joined: [RootAssembly.StagedNamespace]) {
    if let pod = record.pod { return try podNamespaces(pod, of: record) }
    var plan = NamespacePlan()
    var joined: [RootAssembly.StagedNamespace] = []
    func join(_ kind: Namespace.Kind, _ reference: String, for purpose: String? = nil) throws -> NamespacePlan.Origin {
      let process = try runningProcess(reference, for: purpose ?? kind.rawValue)
      let namespace = RootAssembly.StagedNamespace(kind: kind, descriptor: try process.namespace(kind))
      joined.append(namespace)
      return .path(namespace.path)
    }
    func origin(_ kind: Namespace.Kind, _ mode: NamespaceMode) throws -> NamespacePlan.Origin {
      switch mode {
      case .host: .host
      case .container(let reference): try join(kind, reference)
      case .own, .shareable, .none: .new
      }
    }
    let host = record.settings.host
    if record.ids.isHost { plan.user = .host }
    switch host.networkMode {
    case .host: plan.network = .host
    case .container(let reference):
      plan.network = try join(.net, reference, for: "network")
    case .standard, .none, .network: break
    }
    plan.pid = try origin(.pid, host.pidMode)
    try checkShareable(host.ipcMode)
    plan.ipc = try origin(.ipc, host.ipcMode)
    plan.uts = try origin(.uts, host.utsMode)
    if host.cgroupNamespaceMode == .host { plan.cgroup = .host }
    if record.sharesIDs {
      for mode in [host.pidMode, host.ipcMode] {
        if case .container(let reference) = mode {
          joined.removeAll { $0.kind == .user }
          plan.user = try join(.user, reference)
          if case .container(let other) = host.networkMode,
            (try? registry.find(other).id) == (try? registry.find(reference).id)
          {
            plan.networkBelongsToUser = true
          }
        }
      }
    }
    return (plan, joined)
  }

  /// Only a container that was made shareable lets others into its ipc namespace.
  private func checkShareable(_ mode: NamespaceMode) throws {
    guard case .container(let reference) = mode else { return }
    let other = try registry.find(reference)
    guard other.record.settings.host.ipcMode == .shareable else {
      throw PlatformError(
        .conflict,
        "can't join IPC of container \(other.id): non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
      )
    }
  }

  func runningProcess(_ reference: String, for purpose: String) throws -> MonitoredProcess {
    let other = try registry.find(reference)
    guard let process = other.process else {
      throw PlatformError(
        .conflict,
        "cannot join \(purpose) namespace of a non running container: container \(other.id.short) is \(other.status.rawValue)"
      )
    }
    return process
  }

  /// The container whose /etc/hosts, /etc/hostname and /etc/resolv.conf a container sees: that of the network it joins.
  func hostFilesOwner(_ record: ContainerRecord) throws -> ContainerID {
    if let pod = record.pod { return pod.sandbox }
    if case .container(let reference) = record.settings.host.networkMode { return try registry.find(reference).id }
    return record.id
  }

  /// Writes the files of the container's folder that are bound to /etc.
  func writeHostFiles(_ record: ContainerRecord) throws {
    if record.pod != nil { return }
    if case .container = record.settings.host.networkMode { return }
    let folder = paths.container(record.id)
    let isHost = record.settings.host.networkMode == .host
    let host = record.settings.host
    let first = record.networks.compactMap { record.endpoints[$0.network] }.first
    let hosts = isHost && host.extraHosts.isEmpty ? try Self.hostFile("/etc/hosts") : hostsFile(record, first: first)
    let hostResolver = String(decoding: try Self.hostFile("/etc/resolv.conf"), as: UTF8.self)
    let search = host.dnsSearch.isEmpty ? ResolvConf.searchDomains(in: hostResolver) : host.dnsSearch
    let options = host.dnsOptions.isEmpty ? ResolvConf.options(in: hostResolver) : host.dnsOptions
    let own = host.dnsServers.isEmpty ? ResolvConf.nameservers(in: hostResolver) : host.dnsServers
    let servers = isHost || first == nil ? own : [Self.nameServerAddress]
    let resolver = Array(ResolvConf.render(servers: servers, searchDomains: search, options: options).utf8)
    for (name, bytes) in [
      ("hosts", hosts), ("resolv.conf", resolver), ("hostname", Array("\(record.hostname)\n".utf8)),
    ] {
      try writeInPlace("\(folder)/\(name)", bytes, ids: record.ids)
    }
  }

  /// Where the engine's name service listens in every container.
  private static let nameServerAddress = "127.0.0.11"
  private static let hostFileBytes = 1 << 20

  static func hostFile(_ path: String) throws -> [UInt8] {
    FileSystem.exists(path) ? try FileSystem.read(path, maxBytes: hostFileBytes) : []
  }

  private func hostsFile(_ record: ContainerRecord, first: EndpointRecord?) -> [UInt8] {
    let extra = record.settings.host.extraHosts.compactMap(ExtraHost.init).map {
      HostsFile.Entry(address: $0.address, names: [$0.name])
    }
    let linked = links(of: record).map { HostsFile.Entry(address: $0.address.description, names: [$0.name]) }
    var names = [record.hostname]
    if let domain = record.settings.domainName, !domain.isEmpty { names.insert("\(record.hostname).\(domain)", at: 0) }
    let addresses = first.map { [$0.address.description] + ($0.ipv6.map { [$0.address.description] } ?? []) } ?? []
    let own = addresses.map { HostsFile.Entry(address: $0, names: names) }
    return Array(HostsFile.render(extra: extra, own: linked + own, gateway: first?.gateway).utf8)
  }

  /// Writes a bound file without replacing it: what a running container has mounted is this very file.
  func writeInPlace(_ path: String, _ bytes: [UInt8], ids: IDRange) throws {
    let file = try Descriptor.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o644)
    try file.write(all: bytes)
    try file.chmod(0o644)
    if !ids.isHost { try file.chown(uid: ids.first, gid: ids.first) }
  }
}
