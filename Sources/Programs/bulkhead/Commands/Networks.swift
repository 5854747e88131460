import ArgumentParser

struct NetworkGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "network", abstract: "Make, list, inspect and remove networks.",
    subcommands: [
      NetworkCreate.self, NetworkList.self, NetworkInspect.self, NetworkConnect.self, NetworkDisconnect.self,
      NetworkRemove.self,
      NetworkPrune.self,
    ])
}

struct NetworkCreate: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "create", abstract: "Make a network.")
  @OptionGroup var connection: EngineOptions
  @Option(name: .shortAndLong, help: "The driver; bridge when not named.") var driver: String?
  @Flag(help: "No way out of it.") var `internal` = false
  @Flag(help: "With IPv6 addresses, of its own choice unless a subnet is given.") var ipv6 = false
  @Option(help: "Its addresses, such as 172.30.0.0/24; one of each family.") var subnet: [String] = []
  @Option(help: "The gateway's address, one for each subnet.") var gateway: [String] = []
  @Option(help: "The part of the subnet that containers get addresses from.") var ipRange: [String] = []
  @Option(help: "name=value.") var label: [String] = []
  @Option(name: [.customShort("o"), .customLong("opt")], help: "An option of the driver: name=value.") var options:
    [String] = []
  @Argument(help: "Its name.") var name: String

  func run() throws {
    guard gateway.count <= max(subnet.count, 1), ipRange.count <= max(subnet.count, 1) else {
      throw ClientError.usage("each --gateway and --ip-range needs its --subnet before it")
    }
    var pools: [JSONValue] = []
    for index in 0..<max(subnet.count, gateway.count, ipRange.count) {
      var pool = JSONValue.object([])
      pool.set("Subnet", subnet.indices.contains(index) ? subnet[index] : nil)
      pool.set("Gateway", gateway.indices.contains(index) ? gateway[index] : nil)
      pool.set("IPRange", ipRange.indices.contains(index) ? ipRange[index] : nil)
      pools.append(pool)
    }
    var body: JSONValue = ["Name": .string(name), "Internal": .bool(`internal`), "CheckDuplicate": true]
    body["Driver"] = .string(driver ?? "bridge")
    if ipv6 { body["EnableIPv6"] = true }
    if !pools.isEmpty { body["IPAM"] = ["Config": .array(pools)] }
    if !label.isEmpty { body["Labels"] = ContainerOptions.pairs(label) }
    if !options.isEmpty { body["Options"] = ContainerOptions.pairs(options) }
    print(try connection.engine().call(.post, "/networks/create", json: body).text("Id"))
  }
}

struct NetworkList: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List networks.")
  @OptionGroup var connection: EngineOptions
  @OptionGroup var list: ListOptions

  func run() throws {
    let answer = try connection.engine().call(.get, "/networks", query: [("filters", try list.filters())])
    var listing = Listing(
      [("NETWORK ID", "ID"), ("NAME", "Name"), ("DRIVER", "Driver"), ("SCOPE", "Scope"), ("SUBNET", "Subnet")],
      identity: "ID")
    for network in answer.items.sorted(by: { $0.text("Name") < $1.text("Name") }) {
      let id = network.text("Id")
      listing.add([
        ("ID", list.noTrunc ? id : String(id.prefix(12))), ("Name", network.text("Name")),
        ("Driver", network.text("Driver")),
        ("Scope", network.text("Scope")),
        ("Subnet", network["IPAM"]["Config"].items.map { $0.text("Subnet") }.joined(separator: ",")),
        ("Internal", network["Internal"].compact), ("IPv4", network["EnableIPv4"].bool == false ? "false" : "true"),
        ("IPv6", network["EnableIPv6"].bool == true ? "true" : "false"),
        ("CreatedAt", network.text("Created").replacing("T", with: " ").replacing("Z", with: " +0000 UTC")),
        ("Labels", network["Labels"].members.map { "\($0.name)=\($0.value.string ?? "")" }.joined(separator: ",")),
      ])
    }
    try list.show(listing)
  }
}

struct NetworkInspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show all there is to know about networks.")
  @OptionGroup var connection: EngineOptions
  @Option(name: .shortAndLong, help: "json, or a template such as '{{.Driver}}'.") var format: String?
  @Argument(help: "Names or ids.") var networks: [String]

  func run() throws { try connection.engine().inspect(networks, types: ["network"], format: format) }
}

struct NetworkConnect: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "connect", abstract: "Put a container on a network.")
  @OptionGroup var connection: EngineOptions
  @Option(help: "A further name on it.") var alias: [String] = []
  @Option(help: "A fixed address on it.") var ip: String?
  @Option(help: "A fixed IPv6 address on it.") var ip6: String?
  @Argument(help: "The network.") var network: String
  @Argument(help: "The container.") var container: String

  func run() throws {
    var body: JSONValue = ["Container": .string(container)]
    if !alias.isEmpty { body["EndpointConfig"]["Aliases"] = .strings(alias) }
    if let ip { body["EndpointConfig"]["IPAMConfig"]["IPv4Address"] = .string(ip) }
    if let ip6 { body["EndpointConfig"]["IPAMConfig"]["IPv6Address"] = .string(ip6) }
    try connection.engine().call(.post, "/networks/\(Engine.escape(network))/connect", json: body)
  }
}

struct NetworkDisconnect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disconnect", abstract: "Take a container off a network.")
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "Even if the container is gone.") var force = false
  @Argument(help: "The network.") var network: String
  @Argument(help: "The container.") var container: String

  func run() throws {
    let body: JSONValue = ["Container": .string(container), "Force": .bool(force)]
    try connection.engine().call(.post, "/networks/\(Engine.escape(network))/disconnect", json: body)
  }
}

struct NetworkRemove: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "rm", abstract: "Remove networks.")
  @OptionGroup var connection: EngineOptions
  @Argument(help: "Names or ids.") var networks: [String]

  func run() throws {
    let engine = try connection.engine()
    try engine.each(networks) { name throws(ClientError) in try engine.call(.delete, "/networks/\(Engine.escape(name))")
    }
  }
}

struct NetworkPrune: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "Remove networks that no container is on.")
  @OptionGroup var options: PruneOptions

  func run() throws { try options.prune(["networks"], what: "all networks that no container is on") }
}
