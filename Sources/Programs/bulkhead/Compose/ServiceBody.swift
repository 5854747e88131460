import Compose
import Model

/// A service of a project as the body of `POST /containers/create`.
struct ServiceBody {
  let project: ComposeProject
  let service: ComposeService
  let number: Int
  let name: String
  let image: String
  /// Those of compose itself.
  let labels: [String: String]
  /// The container of a service, by id: whose namespace, volumes or name are shared.
  let containersOf: (String) throws(ClientError) -> [String]
  /// Volumes of the container that is replaced, by their place inside.
  var inherited: [String: String] = [:]
  var isOneOff = false
  var publishesPorts = true

  func json() throws(ClientError) -> JSONValue {
    var body: JSONValue = [
      "Image": .string(image), "Tty": .bool(service.terminal), "OpenStdin": .bool(service.stdinOpen),
      "AttachStdout": true, "AttachStderr": true,
    ]
    if let command = service.command { body["Cmd"] = .strings(command) }
    if let entrypoint = service.entrypoint { body["Entrypoint"] = .strings(entrypoint.isEmpty ? [""] : entrypoint) }
    body.set("WorkingDir", service.workingDirectory)
    body.set("User", service.user)
    body.set("Env", Self.variables(service.environment))
    let ports = publishesPorts ? service.ports : []
    let limits = ports.reduce(into: [:]) { $0.merge($1.limitLabels) { $1 } }
    body["Labels"] = Self.map(service.labels.merging(limits) { $1 }.merging(labels) { $1 })
    body.set("Hostname", service.hostname)
    body.set("Domainname", service.domainName)
    body.set("StopSignal", service.stopSignal)
    if let grace = service.stopGracePeriodNanoseconds {
      body["StopTimeout"] = .int(max(grace.plus(999_999_999) / 1_000_000_000, 0))
    }
    if let check = service.healthcheck { body["Healthcheck"] = Self.health(check) }
    let exposed = service.exposedPorts + ports.map { "\($0.target)/\($0.transport.rawValue)" }
    if !exposed.isEmpty {
      body["ExposedPorts"] = .object(Set(exposed).sorted().map { .init(name: $0, value: [:]) })
    }
    body["HostConfig"] = try host(ports: ports)
    let endpoints = try self.endpoints()
    if !endpoints.members.isEmpty { body["NetworkingConfig"] = ["EndpointsConfig": endpoints] }
    return body
  }

  static func variables(_ variables: [String: String?]) -> [String] {
    variables.sorted { $0.key < $1.key }.compactMap { name, value in value.map { "\(name)=\($0)" } }
  }

  static func map(_ values: [String: String]) -> JSONValue {
    .map(values.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
  }

  private static func health(_ check: ComposeHealthcheck) -> JSONValue {
    if check.isDisabled { return ["Test": ["NONE"]] }
    var body = JSONValue.object([])
    body.set("Test", check.test)
    for (name, value) in [
      ("Interval", check.intervalNanoseconds), ("Timeout", check.timeoutNanoseconds),
      ("StartPeriod", check.startPeriodNanoseconds), ("StartInterval", check.startIntervalNanoseconds),
      ("Retries", Int64(check.retries)),
    ] where value != 0 {
      body[name] = .int(value)
    }
    return body
  }

  // MARK: Networks

  private func endpoints() throws(ClientError) -> JSONValue {
    var members: [JSONValue.Member] = []
    guard service.networkMode == nil else { return .object([]) }
    let links = try self.links()
    for (index, endpoint) in service.endpoints.enumerated() {
      var settings = JSONValue.object([])
      settings.set("Aliases", (isOneOff ? [] : [service.name, name]) + endpoint.aliases)
      settings.set("Links", links)
      settings.set("MacAddress", endpoint.macAddress ?? (index == 0 ? service.macAddress : nil))
      var addresses = JSONValue.object([])
      addresses.set("IPv4Address", endpoint.ipv4Address)
      addresses.set("IPv6Address", endpoint.ipv6Address)
      addresses.set("LinkLocalIPs", endpoint.linkLocalAddresses)
      if !addresses.members.isEmpty { settings["IPAMConfig"] = addresses }
      if !endpoint.driverOptions.isEmpty { settings["DriverOpts"] = Self.map(endpoint.driverOptions) }
      if endpoint.gatewayPriority != 0 { settings["GwPriority"] = .int(endpoint.gatewayPriority) }
      members.append(.init(name: networkName(endpoint.network), value: settings))
    }
    return .object(members)
  }

  private func networkName(_ key: String) -> String { project.network(key)?.name ?? key }

  func links() throws(ClientError) -> [String] {
    var links = service.externalLinks
    for link in service.links {
      let ids = try containersOf(link.service)
      guard !ids.isEmpty else {
        throw ClientError("service '\(service.name)' is linked to service '\(link.service)', which has no container")
      }
      links += ids.map { "\($0):\(link.alias)" }
    }
    return links
  }

  func networkMode() throws(ClientError) -> String {
    guard let mode = service.networkMode else {
      return service.endpoints.first.map { networkName($0.network) } ?? "none"
    }
    return try namespace(mode)
  }

  func namespace(_ mode: ComposeNamespace) throws(ClientError) -> String {
    switch mode {
    case .none: return "none"
    case .host: return "host"
    case .named(let name): return name
    case .container(let name): return "container:\(name)"
    case .service(let other):
      guard let id = try containersOf(other).first else {
        throw ClientError("service '\(service.name)' shares what service '\(other)' has, and that has no container")
      }
      return "container:\(id)"
    }
  }
}
