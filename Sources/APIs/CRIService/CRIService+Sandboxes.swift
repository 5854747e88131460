import CRIProtocol
import ContainerEngine
import LinuxSystem
import Model

extension CRIService {
  func addSandboxes(_ handlers: inout GRPCHandlers) {
    handlers.on(CRIRuntime.runPodSandbox) { [engine] request in
      let asked = try SandboxReader.request(request.config, runtimeHandler: request.runtimeHandler)
      var response = CRIRunPodSandboxResponse()
      response.podSandboxID = try await engine.runSandbox(asked).id.hex
      return response
    }
    handlers.on(CRIRuntime.stopPodSandbox) { [engine] request in
      try await idempotent { try await engine.stopSandbox(request.podSandboxID) }
      return CRIStopPodSandboxResponse()
    }
    handlers.on(CRIRuntime.removePodSandbox) { [engine] request in
      try await idempotent { try await engine.removeSandbox(request.podSandboxID) }
      return CRIRemovePodSandboxResponse()
    }
    handlers.on(CRIRuntime.podSandboxStatus) { [self] request in
      let record = try engine.sandbox(request.podSandboxID)
      var response = CRIPodSandboxStatusResponse()
      response.status = SandboxWriter.status(record)
      response.containersStatuses = engine.containers(inSandbox: record.id).map { ContainerWriter.status($0, engine) }
      response.timestamp = Int64(Clock.realTimeNanoseconds())
      if request.verbose { response.info = ["info": SandboxWriter.info(record)] }
      return response
    }
    handlers.on(CRIRuntime.listPodSandbox) { [engine] request in
      let filter = request.filter
      var response = CRIListPodSandboxResponse()
      response.items = engine.sandboxes().filter { record in
        record.id.hex.hasPrefix(filter.id)
          && (!filter.hasState || SandboxWriter.state(record) == filter.state.state)
          && filter.labelSelector.allSatisfy { record.request.labels[$0.key] == $0.value }
      }.map(SandboxWriter.summary)
      return response
    }
  }
}

/// The wire's form of a sandbox's configuration → the engine's.
enum SandboxReader {
  static func request(_ config: CRIPodSandboxConfig, runtimeHandler: String) throws -> SandboxRequest {
    var request = SandboxRequest(
      name: config.metadata.name, uid: config.metadata.uid, namespace: config.metadata.namespace)
    request.attempt = config.metadata.attempt
    request.hostname = config.hostname
    request.logDirectory = config.logDirectory
    request.labels = config.labels
    request.annotations = config.annotations
    if config.hasDnsConfig {
      let dns = config.dnsConfig
      request.resolver = SandboxRequest.Resolver(servers: dns.servers, searches: dns.searches, options: dns.options)
    }
    request.ports = try config.portMappings.filter { $0.hostPort != 0 }.map(port)
    request.runtime = runtimeHandler.isEmpty ? nil : runtimeHandler
    request.cgroupParent = config.linux.cgroupParent
    request.sysctls = config.linux.sysctls
    let security = config.linux.securityContext
    try require(!security.hasSelinuxOptions, "selinux_options")
    let namespaces = security.namespaceOptions
    request.usesHostNetwork = namespaces.network == .node
    request.usesHostIPC = namespaces.ipc == .node
    request.usesHostPIDs = namespaces.pid == .node
    request.isPrivileged = security.privileged
    // A user namespace is what every pod has here; `NODE`, which clients also send for pods that say nothing, is obeyed where
    // the pod could not work otherwise.
    request.usesHostIDs = security.privileged || request.usesHostPIDs || request.usesHostIPC
    if namespaces.usernsOptions.mode == .pod { try checkMapping(namespaces.usernsOptions) }
    return request
  }

  /// The engine gives a pod ids of its own choice; that the pod has 65,536 of them from 0 on is all that can be asked.
  private static func checkMapping(_ options: CRIUserNamespace) throws {
    for mapping in options.uids + options.gids
    where mapping.containerID != 0 || mapping.length != IDRange.standardCount {
      throw PlatformError(
        .invalidArgument,
        "userns_options: a pod has the ids 0 to \(IDRange.standardCount - 1), not \(mapping.length) from \(mapping.containerID) on"
      )
    }
  }

  private static func port(_ mapping: CRIPortMapping) throws -> PublishedPortRequest {
    guard let container = UInt16(exactly: mapping.containerPort), container > 0,
      let host = UInt16(exactly: mapping.hostPort)
    else {
      throw PlatformError(
        .invalidArgument, "port_mappings: \(mapping.hostPort) → \(mapping.containerPort) is no pair of ports")
    }
    let transport: ContainerPort.Transport =
      switch mapping.protocol {
      case .udp: .udp
      case .sctp: .sctp
      default: .tcp
      }
    return PublishedPortRequest(
      port: ContainerPort(number: container, transport: transport), hostAddress: mapping.hostIp, hostPortFirst: host,
      hostPortLast: host)
  }

  static func require(_ isThere: Bool, _ feature: String) throws {
    guard isThere else { throw PlatformError(.notImplemented, "\(feature): not supported by this engine") }
  }
}
