import Glibc
import LinuxSystem
import Model

/// A port of the host where something waits for other hosts.
public struct ExposedPort: Sendable, Equatable {
  public enum Opener: Sendable, Equatable {
    /// A published port of this engine.
    case published(ContainerID, containerPort: UInt16)
    /// One of another engine like this one on the host, by the engine's name.
    case otherEngine(String, containerPort: UInt16)
    case process(id: Int32, program: String, cgroupContainer: String?)
    /// A service of the cluster, `namespace/name` where its table tells that; no socket waits there.
    case service(String?, ServicePlace, table: String)
    /// The process may not be looked at, or has just ended.
    case unknown
  }

  /// What of a service is reached.
  public enum ServicePlace: String, Sendable {
    case nodePort = "node port"
    case balancer = "load balancer"
    case external = "external address"
    case cluster = "cluster address"
  }

  public var transport: TransportProtocol
  /// `0.0.0.0`, `::` or one address of the host.
  public var address: String
  public var port: UInt16
  /// The devices by which it is reached; none where none with such an address is up.
  public var interfaces: [String]
  public var opener: Opener
  /// What the host's firewall says.
  public var verdict: FirewallVerdict
  /// Of a published port that has limits.
  public var limits: PortLimits?
  /// Packets that its limits have dropped since they were set.
  public var droppedByLimits: UInt64?
}

/// The ports of a host that other hosts reach, or would if its firewall let them in.
public struct HostExposure: Sendable, Equatable {
  public var ports: [ExposedPort] = []
  /// What could not be taken into account.
  public var warnings: [String] = []

  /// A port that this engine publishes.
  struct Published: Sendable {
    var container: ContainerID
    var binding: PortBinding
    var target: EndpointRecord
    /// The engine carries it; the kernel does not translate.
    var isRelayed: Bool
    var limits: LimitGroup?
  }

  /// What is looked at.
  struct Facts: Sendable {
    var sockets: [WaitingSocket] = []
    var owners: [UInt64: SocketOwner] = [:]
    /// Names of devices by their index.
    var devices: [UInt32: String] = [:]
    var interfaces = HostInterfaces()
    var ruleset = HostRuleset(parsing: "")
    var published: [Published] = []
    /// Why copies of the host's chains do not follow them, by chain.
    var unfollowed: [InputMirror.Copy] = []
    var drops: [LimitGroup: UInt64] = [:]
    /// The table of the engine whose ports `published` are.
    var ownTable = ""
    /// The engine's process.
    var ownProcess: Int32 = 0
    /// Tables of iptables-legacy, which nft does not show.
    var legacyTables: [String] = []
  }

  /// Looks at the calling thread's network namespace without an engine; needs root. Blocking: runs nft and walks /proc.
  public static func collect() throws -> HostExposure { HostExposure(try facts()) }

  static func facts() throws -> Facts {
    var facts = Facts()
    facts.sockets = try SocketDiagnosis.waiting()
    facts.owners = try SocketOwner.find(Set(facts.sockets.map(\.inode)))
    facts.interfaces = try HostInterfaces.current()
    for index in Set(facts.sockets.map(\.interfaceIndex)) where index != 0 { facts.devices[index] = device(index) }
    facts.ruleset = HostRuleset(parsing: try NFTProgram.ruleset())
    for file in ["ip_tables_names", "ip6_tables_names"] {
      let path = "/proc/thread-self/net/\(file)"
      guard FileSystem.exists(path) else { continue }
      let text = String(decoding: try FileSystem.read(path, maxBytes: 4_096), as: UTF8.self)
      facts.legacyTables += text.split(separator: "\n").map { "\(file.hasPrefix("ip6") ? "ip6" : "ip") \($0)" }
    }
    return facts
  }

  private static func device(_ index: UInt32) -> String? {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(IF_NAMESIZE)) { buffer in
      guard let base = buffer.baseAddress, if_indextoname(index, base) != nil else { return nil }
      return String(cString: base)
    }
  }

  /// Judges what was found. Pure.
  init(_ facts: Facts) {
    let services = facts.ruleset.tables.compactMap { ServiceTableReader($0) }
    let served = Self.portsOfServices(services, facts)
    ports = facts.published.compactMap { Self.port($0, facts) } + Self.portsOfOthers(facts) + served.ports
    warnings = served.warnings
    let taken = Set(facts.published.map { Held(transport: $0.binding.protocol, port: $0.binding.hostPort) })
    for socket in facts.sockets {
      guard let transport = TransportProtocol.allCases.first(where: { $0.number == socket.transport }) else { continue }
      // What holds a published port, or relays to it, has been told already.
      let owner = facts.owners[socket.inode]
      if owner?.processID == facts.ownProcess, taken.contains(Held(transport: transport, port: socket.port)) {
        continue
      }
      for address in Self.addresses(of: socket) where !address.isLoopback {
        let port = Self.port(transport, address, of: socket, owner: owner, services, facts)
        // Programs share ports between several sockets.
        if !ports.contains(port) { ports.append(port) }
      }
    }
    ports.sort { ($0.port, $0.transport.rawValue, $0.address) < ($1.port, $1.transport.rawValue, $1.address) }
    if !facts.legacyTables.isEmpty {
      warnings.append("rules of iptables-legacy are loaded and not read: \(facts.legacyTables.joined(separator: ", "))")
    }
  }

  private struct Held: Hashable {
    var transport: TransportProtocol
    var port: UInt16
  }

  /// The addresses on which a socket is reached: one of IPv6 for every address, unless told otherwise, over IPv4 too.
  private static func addresses(of socket: WaitingSocket) -> [SocketAddress] {
    guard socket.address.count == 16 else {
      return [.ipv4(IPv4Address(bits: socket.address.reduce(0) { $0 << 8 | UInt32($1) }), port: socket.port)]
    }
    let mapped: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xff, 0xff]
    if Array(socket.address.prefix(12)) == mapped {
      return [.ipv4(IPv4Address(bits: socket.address.suffix(4).reduce(0) { $0 << 8 | UInt32($1) }), port: socket.port)]
    }
    let address = SocketAddress.ipv6(socket.address, port: socket.port)
    return address.isAny && !socket.isIPv6Only ? [address, .ipv4(.any, port: socket.port)] : [address]
  }

  private static func port(
    _ transport: TransportProtocol, _ address: SocketAddress, of socket: WaitingSocket, owner: SocketOwner?,
    _ services: [ServiceTableReader], _ facts: Facts
  ) -> ExposedPort {
    // What keeps others from services of the cluster keeps them from what listens at the cluster's addresses, too.
    let closing: FirewallVerdict? =
      if case .ipv4(let own, _) = address { services.lazy.compactMap { $0.closing(own) }.first } else { nil }
    return ExposedPort(
      transport: transport, address: address.host, port: address.port,
      interfaces: facts.interfaces.reaching(address, only: facts.devices[socket.interfaceIndex]),
      opener: owner.map {
        ExposedPort.Opener.process(id: $0.processID, program: $0.program, cgroupContainer: $0.container)
      } ?? .unknown,
      verdict: closing ?? FirewallVerdict(of: arriving(transport, address), in: facts.ruleset))
  }

  /// A packet for the host at the hooks that it passes there, in their order.
  static func arriving(_ transport: TransportProtocol, _ address: SocketAddress) -> [FirewallVerdict.Packet] {
    ["prerouting", "input"].map { hook in
      FirewallVerdict.Packet(
        hook: hook, transport: transport, port: address.port, isIPv6: address.family == AF_INET6,
        destination: address.isAny ? nil : address.host)
    }
  }

  /// Nil for what is published on the loopback's addresses alone.
  private static func port(_ published: Published, _ facts: Facts) -> ExposedPort? {
    let binding = published.binding
    guard let address = SocketAddress(binding.hostAddress, port: binding.hostPort), !address.isLoopback else {
      return nil
    }
    var packets = arriving(binding.protocol, address)
    if !published.isRelayed {
      let isIPv6 = address.family == AF_INET6
      packets.append(
        FirewallVerdict.Packet(
          hook: "forward", transport: binding.protocol, port: binding.containerPort, isIPv6: isIPv6,
          destination: isIPv6 ? published.target.ipv6?.address.description : published.target.address.description,
          output: published.target.interfaceHost))
    }
    return ExposedPort(
      transport: binding.protocol, address: address.host, port: address.port,
      interfaces: facts.interfaces.reaching(address),
      opener: .published(published.container, containerPort: binding.containerPort),
      verdict: FirewallVerdict(
        of: packets, in: facts.ruleset, unfollowed: published.isRelayed ? [] : facts.unfollowed),
      limits: published.limits?.limits, droppedByLimits: published.limits.flatMap { facts.drops[$0] })
  }

  /// What tables of other engines translate.
  private static func portsOfOthers(_ facts: Facts) -> [ExposedPort] {
    let tables = facts.ruleset.tables.filter {
      $0.family == "inet" && $0.name.hasPrefix(InstanceNames.tablePrefix) && $0.name != facts.ownTable
    }
    return tables.flatMap { table in
      [FirewallRules.ports, FirewallRules.portsAt, FirewallRules.ports6, FirewallRules.portsAt6].flatMap { map in
        (table.set(map)?.entries ?? []).compactMap { entry in
          port(
            entry.filter { $0 != "." }, engine: String(table.name.dropFirst(InstanceNames.tablePrefix.count)),
            isIPv6: map.contains("6"), facts)
        }
      }
    }
  }

  /// An entry `[address] transport port : address port`.
  private static func port(_ words: [String], engine: String, isIPv6: Bool, _ facts: Facts) -> ExposedPort? {
    guard let colon = words.firstIndex(of: ":"), colon >= 2, words.count == colon + 3,
      let transport = TransportProtocol(rawValue: words[colon - 2]), let port = UInt16(words[colon - 1]),
      let inner = UInt16(words[colon + 2]),
      let address = SocketAddress(colon == 3 ? words[0] : isIPv6 ? "::" : "0.0.0.0", port: port), !address.isLoopback
    else { return nil }
    let packets =
      arriving(transport, address) + [
        FirewallVerdict.Packet(
          hook: "forward", transport: transport, port: inner, isIPv6: isIPv6, destination: words[colon + 1],
          output: InstanceNames.sharedLinkPrefix)
      ]
    return ExposedPort(
      transport: transport, address: address.host, port: port, interfaces: facts.interfaces.reaching(address),
      opener: .otherEngine(engine, containerPort: inner),
      verdict: FirewallVerdict(of: packets, in: facts.ruleset))
  }
}

extension NetworkStack {
  /// The ports of the host that other hosts reach, or would if its firewall let them in. Blocking: runs nft and walks
  /// /proc, some ten milliseconds.
  public func exposure() throws -> HostExposure {
    try Self.translating("failed to look at the host's sockets") {
      var facts = try HostExposure.facts()
      facts.published = ports.published()
      facts.unfollowed = (firewall.mirror?.copies ?? []).filter { $0.problem != nil }
      facts.drops = try firewall.limitDrops()
      facts.ownTable = tableName
      facts.ownProcess = getpid()
      return HostExposure(facts)
    }
  }

  /// What limits of published ports have dropped since they were set; one request to the kernel, none without limits.
  public func packetsDroppedByLimits() throws -> [(container: ContainerID, limits: PortLimits, packets: UInt64)] {
    try Self.translating("failed to read the counters of limits") {
      try firewall.limitDrops().map { (container: $0.key.container, limits: $0.key.limits, packets: $0.value) }
        .sorted { ($0.container.hex, $0.limits.containerPort) < ($1.container.hex, $1.limits.containerPort) }
    }
  }
}
