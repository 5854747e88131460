import LinuxSystem
import Model
import Networking

extension Engine {
  public func networks() -> [NetworkRecord] { networkStore.all }
  public func network(_ reference: String) throws -> NetworkRecord { try networkStore.find(reference) }

  /// The containers on a network, with their endpoints.
  public func endpoints(on network: NetworkID) -> [(container: ContainerView, endpoint: EndpointRecord)] {
    registry.all.compactMap { container in
      let view = view(of: container)
      guard let endpoint = view.record.endpoints.values.first(where: { $0.networkID == network }) else { return nil }
      return (view, endpoint)
    }
  }

  /// Makes the networks that are always there, at the first start.
  func createDefaultNetworks() throws {
    for (name, driver) in [
      (NetworkDefaults.bridge, "bridge"), (NetworkDefaults.host, "host"), (NetworkDefaults.none, "null"),
    ]
    where !networkStore.all.contains(where: { $0.name == name }) {
      let record: NetworkRecord
      if driver == "bridge" {
        record = try networking.createNetwork(NetworkRequest(name: name), existing: networkStore.all)
      } else {
        record = NetworkRecord(
          id: .random(), name: name, driver: driver, createdUnixNanoseconds: Int64(Clock.realTimeNanoseconds()))
      }
      try store.save(record)
      networkStore.insert(record)
    }
  }

  /// Makes a user-defined network.
  public func createNetwork(_ request: NetworkRequest) async throws -> (NetworkRecord, warning: String) {
    let name = request.name
    guard NetworkDefaults.isValid(name) else {
      throw PlatformError(
        .invalidArgument,
        "invalid network name '\(name.prefix(255))': expected 1 to 255 characters without spaces and slashes")
    }
    guard request.driver == "bridge" || request.driver.isEmpty else {
      throw PlatformError(
        .notFound, "plugin \"\(request.driver.prefix(64))\" not found: this engine has the network driver bridge")
    }
    guard ![NetworkDefaults.bridge, NetworkDefaults.host, NetworkDefaults.none, "default"].contains(name) else {
      throw PlatformError(.forbidden, "operation is not permitted on pre-defined \(name) network")
    }
    for subnet in [request.subnet, request.ipv6.subnet] {
      try SubnetPool.check(subnet, permitted: policy.networks.subnets)
    }
    return try await networkCreation.withLock { _ in
      guard !networkStore.all.contains(where: { $0.name == name }) else {
        throw PlatformError(.conflict, "network with name \(name) already exists")
      }
      guard networkStore.all.count < policy.limits.networks else {
        throw PlatformError(
          .resourceExhausted,
          "this engine has \(policy.limits.networks) networks, the limit of its policy (limits.networks)")
      }
      var request = request
      request.driver = "bridge"
      return (try makeNetwork(request), "")
    }
  }

  /// Makes a network whose name and subnet were checked; `networkCreation` is held.
  func makeNetwork(_ request: NetworkRequest) throws -> NetworkRecord {
    let record = try networking.createNetwork(request, existing: networkStore.all)
    do {
      try store.save(record)
    } catch {
      try? networking.removeNetwork(record)
      throw error
    }
    networkStore.insert(record)
    events.emit(.network, "create", id: record.id.hex, attributes: ["name": record.name, "type": record.driver])
    return record
  }

  /// Removes a network that no container is on.
  public func removeNetwork(_ reference: String) async throws {
    let record = try networkStore.find(reference)
    guard !isPredefined(record) else {
      throw PlatformError(.forbidden, "\(record.name) is a pre-defined network and cannot be removed")
    }
    try await networkCreation.withLock { _ in
      guard !sandboxRegistry.all.contains(where: { $0.record.endpoint?.networkID == record.id }) else {
        throw PlatformError(.forbidden, "error while removing network: network \(record.name) has pods on it")
      }
      let members = endpoints(on: record.id)
      guard members.isEmpty else {
        let names = members.map { "name:\"\($0.container.record.name)\" id:\"\($0.endpoint.endpointID.prefix(12))\"" }
        throw PlatformError(
          .forbidden,
          "error while removing network: network \(record.name) has active endpoints (\(names.joined(separator: ", ")))"
        )
      }
      try networking.removeNetwork(record)
      try store.delete(record.id)
      networkStore.remove(record.id)
      events.emit(.network, "destroy", id: record.id.hex, attributes: ["name": record.name, "type": record.driver])
    }
  }

  func isPredefined(_ record: NetworkRecord) -> Bool {
    [NetworkDefaults.bridge, NetworkDefaults.host, NetworkDefaults.none].contains(record.name)
  }

  /// Removes networks that no container is on.
  public func pruneNetworks(_ filter: PruneFilter) async throws -> [String] {
    let wanted = Set(registry.all.flatMap { $0.record.networks.map(\.network) })
    var removed: [String] = []
    for record in networkStore.all
    where !isPredefined(record) && !wanted.contains(record.name)
      && filter.takes(labels: record.labels, createdAt: record.createdUnixNanoseconds)
    {
      do {
        try await removeNetwork(record.id.hex)
        removed.append(record.name)
      } catch let error as PlatformError where error.code == .forbidden || error.code == .notFound { continue }
    }
    events.emit(.network, "prune", id: "", attributes: ["reclaimed": "0"])
    return removed
  }

  /// Puts a container on a further network, at once if it runs.
  public func connectNetwork(_ reference: String, container name: String, attachment: NetworkAttachment) async throws {
    let network = try networkStore.find(reference)
    let container = try registry.find(name)
    for alias in attachment.aliases { try NetworkAlias.check(alias) }
    guard network.isBridge else {
      throw PlatformError(.forbidden, "container cannot be connected to \(network.name) network")
    }
    try await container.lock.withLock { _ in
      var record = container.record
      guard !record.settings.networkDisabled else {
        throw PlatformError(
          .forbidden, "container \(record.id.short) was created without any network (NetworkDisabled)")
      }
      switch record.settings.host.networkMode {
      case .host:
        throw PlatformError(
          .forbidden, "container sharing network namespace with the host cannot be connected to any other network")
      case .container:
        throw PlatformError(
          .forbidden,
          "container sharing network namespace with another container cannot be connected to any other network")
      case .none where container.process != nil, .standard, .network, .none: break
      }
      guard !record.networks.contains(where: { $0.network == network.name }) else {
        throw PlatformError(.forbidden, "endpoint with name \(record.name) already exists in network \(network.name)")
      }
      if container.process != nil, (attachment.gatewayPriority ?? 0) > 0 {
        throw PlatformError(
          .notImplemented,
          "gw-priority: the default route of a running container cannot be moved; connect the network before its start")
      }
      var attachment = attachment
      attachment.network = network.name
      let publishing = publishingEndpoint(record)
      record.networks.append(attachment)
      if let process = container.process {
        let index =
          (0...).first { index in !record.endpoints.values.contains { $0.interfaceContainer == "eth\(index)" } } ?? 0
        let endpoint = try plan(attachment, network: network, record: record, index: index)
        record.endpoints[network.name] = endpoint
        do {
          try store.save(record)
          let namespace = try process.namespace(.net)
          try networking.attach(endpoint, network: network, netns: namespace)
          try movePorts(&record, from: publishing)
          try store.save(record)
        } catch {
          try? networking.detach(endpoint, network: network)
          networking.releaseEndpoint(endpoint)
          save(container)
          throw error
        }
      } else {
        try store.save(record)
      }
      let changed = record
      container.change {
        $0.record.networks = changed.networks
        $0.record.endpoints = changed.endpoints
        $0.record.publishedPorts = changed.publishedPorts
      }
      updateNames(container)
      if container.process != nil { try writeHostFiles(changed) }
      tell("connect", changed.endpoints[network.name].map { [$0] } ?? [])
    }
  }

  /// Takes a container off a network.
  public func disconnectNetwork(_ reference: String, container name: String, force: Bool) async throws {
    let network = try networkStore.find(reference)
    let container = try registry.find(name)
    try await container.lock.withLock { _ in
      var record = container.record
      guard record.networks.contains(where: { $0.network == network.name }) else {
        throw PlatformError(.forbidden, "container \(record.id) is not connected to network \(network.name)")
      }
      let publishing = publishingEndpoint(record)
      record.networks.removeAll { $0.network == network.name }
      let endpoint = record.endpoints.removeValue(forKey: network.name)
      if let endpoint {
        try movePorts(&record, from: publishing)
        try networking.detach(endpoint, network: network)
        networking.releaseEndpoint(endpoint)
      }
      try store.save(record)
      let changed = record
      container.change {
        $0.record.networks = changed.networks
        $0.record.endpoints = changed.endpoints
        $0.record.publishedPorts = changed.publishedPorts
      }
      updateNames(container)
      tell("disconnect", endpoint.map { [$0] } ?? [])
    }
  }
}
