import Glibc
import LinuxSystem
import Logging
import Model

/// Publishes ports of containers on the host: by address translation in the kernel; IPv6 by a relay where the container
/// has none, and on ::1, whose packets the kernel does not lead away.
final class PortPublisher: Sendable {
  /// A published port and what holds it.
  private struct Held: Sendable {
    let claim: PortTable.Claim
    let binding: PortBinding
    let target: EndpointRecord
    /// Address translation.
    let changes: [Firewall.Change]
    /// Closing it frees the port.
    let holder: Descriptor
    let relay: PortRelay?

    var isTranslatedDatagrams: Bool { binding.protocol == .udp && !changes.isEmpty }
  }

  private struct State {
    var table = PortTable()
    var held: [ContainerID: [Held]] = [:]
    var limits: [ContainerID: [LimitGroup]] = [:]
    var nextEphemeral: UInt16 = 0
  }

  /// Ports of one container, ranges counted port by port.
  static let maximumPortsPerContainer = 4_096

  private let firewall: Firewall
  private let connections: ConnectionTracking
  private let relays: RelayService
  private let logger: Logger
  private let state = Locked(State())

  init(firewall: Firewall, connections: ConnectionTracking, relays: RelayService, logger: Logger) {
    self.firewall = firewall
    self.connections = connections
    self.relays = relays
    self.logger = logger
  }

  /// Publishes ports; all of them or none. A container that has ports already keeps them.
  ///
  /// - Parameter nameOf: the name of another container, for errors about its ports.
  /// - Returns: what is in effect, one entry for each host address.
  func publish(
    _ requests: [PortRequest], limits: [PortLimits], endpoint: EndpointRecord, containerName: String,
    nameOf: (ContainerID) -> String? = { _ in nil }
  ) throws -> [PortBinding] {
    guard !requests.isEmpty else { return [] }
    let failure =
      "driver failed programming external connectivity on endpoint \(containerName) (\(endpoint.endpointID))"
    guard requests.count <= Self.maximumPortsPerContainer else {
      throw PlatformError(.resourceExhausted, "\(failure): more than \(Self.maximumPortsPerContainer) published ports")
    }
    var made: [Held] = []
    var groups: [LimitGroup] = []
    do {
      for request in requests {
        made += try ContainerSetting.publishedPorts.blamed("\(request.containerPort)/\(request.protocol.rawValue)") {
          try hold(request, target: endpoint, nameOf)
        }
      }
      // Before the port is open: no connection comes past them.
      groups = LimitGroup.groups(limits, of: endpoint.containerID, at: made.map(\.binding))
      try firewall.limit(add: groups)
      try firewall.apply(made.flatMap(\.changes))
      for item in made { try item.relay?.start() }
      for port in Set(made.filter(\.isTranslatedDatagrams).map(\.binding.hostPort)) {
        connections.forgetDatagrams(toPort: port)
      }
    } catch {
      undo(made)
      unlimit(groups)
      if let known = error as? PlatformError {
        throw PlatformError(
          known.code, "\(failure): \(known.message)", context: known.context, cause: known.cause, subject: known.subject
        )
      }
      throw PlatformError(.internal, "\(failure): \(error)", cause: error)
    }
    state.withLock { state in
      state.held[endpoint.containerID, default: []] += made
      state.limits[endpoint.containerID, default: []] += groups
    }
    return made.map(\.binding)
  }

  /// Takes every port of a container back; it need not have any.
  func unpublish(container: ContainerID) throws {
    let (held, groups) = state.withLock { state in
      (state.held.removeValue(forKey: container) ?? [], state.limits.removeValue(forKey: container) ?? [])
    }
    undo(held)
    unlimit(groups)
  }

  private func unlimit(_ groups: [LimitGroup]) {
    do {
      try firewall.limit(remove: groups)
    } catch {
      // They stand in nobody's way, as their port leads nowhere; the next start of the engine removes them.
      logger.error("failed to remove limits of published ports", metadata: ["error": "\(error)"])
    }
  }

  func bindings(container: ContainerID) -> [PortBinding] {
    state.withLock { $0.held[container]?.map(\.binding) ?? [] }
  }

  /// Everything that is published now, for the list of what other hosts reach.
  func published() -> [HostExposure.Published] {
    state.withLock { state in
      state.held.flatMap { container, held in
        held.map { item in
          HostExposure.Published(
            container: container, binding: item.binding, target: item.target, isRelayed: item.changes.isEmpty,
            limits: state.limits[container]?.first { $0.bindings.contains(item.binding) })
        }
      }
    }
  }

  /// Frees all ports in this process; the kernel's rules stay.
  func closeAll() {
    let all = state.withLock { state in
      let all = state.held.values.joined().map { $0 }
      state = State()
      return all
    }
    for item in all { item.relay?.stop() }
  }

  private func undo(_ held: [Held]) {
    let removals = held.flatMap(\.changes).map { Firewall.Change(.remove, $0.set, $0.elements) }
    do {
      if !removals.isEmpty { try firewall.apply(removals) }
    } catch {
      // The elements lead to an address that nobody has any more; the next reconciliation removes them.
      logger.error("failed to remove published ports", metadata: ["error": "\(error)"])
    }
    let targets = held.filter(\.isTranslatedDatagrams).map(\.target)
    for address in Set(targets.map(\.address)) { connections.forgetDatagrams(answeredBy: address) }
    for address in Set(targets.compactMap(\.ipv6?.address)) { connections.forgetDatagrams(answeredBy: address) }
    for item in held { item.relay?.stop() }
    state.withLock { state in
      for item in held { state.table.release(item.claim) }
    }
  }

  /// Finds a host port for one request and holds it on each of its addresses.
  private func hold(
    _ request: PortRequest, target: EndpointRecord, _ nameOf: (ContainerID) -> String?
  ) throws -> [Held] {
    let addresses = try Self.addresses(of: request)
    var last: (any Error)?
    let candidates = try candidates(for: request)
    for port in candidates {
      var made: [Held] = []
      do {
        for address in addresses {
          guard let address = SocketAddress(address, port: port) else { continue }
          do {
            made.append(try hold(address, request: request, target: target, nameOf))
          } catch let error as PlatformError where error.code == .unavailable && request.hostAddress.isEmpty {
            // All addresses were asked for and the host has no IPv6.
            continue
          }
        }
        return made
      } catch let busy as BusyPort {
        undo(made)
        // Of a range it does not matter who has which: looking costs a walk through all processes.
        last = busy.error(looking: candidates.count == 1)
      } catch {
        undo(made)
        last = error
      }
    }
    throw last ?? PlatformError(.resourceExhausted, "all ephemeral ports of the host are in use")
  }

  /// Somebody outside the engine has a port.
  private struct BusyPort: Error {
    let transport: TransportProtocol
    let address: SocketAddress
    let text: String
    let cause: SystemError

    func error(looking: Bool) -> PlatformError {
      let occupant = looking ? PortOccupant.told(PortOccupant.find(transport, address)) : ""
      return PlatformError(.conflict, "\(text): address already in use\(occupant)", cause: cause)
    }
  }

  private func hold(
    _ address: SocketAddress, request: PortRequest, target: EndpointRecord, _ nameOf: (ContainerID) -> String?
  ) throws -> Held {
    let claim = PortTable.Claim(transport: request.protocol, address: address)
    if let owner = state.withLock({ $0.table.take(claim, for: target.containerID) }) {
      let name = nameOf(owner).map { "\($0) (\(owner.short))" } ?? owner.short
      throw PlatformError(
        .conflict, "Bind for \(address.text) failed: port is already allocated: container \(name) publishes it")
    }
    let binding = PortBinding(
      protocol: request.protocol, containerPort: request.containerPort, hostAddress: address.host,
      hostPort: address.port)
    let destination = SocketAddress.ipv4(target.address, port: request.containerPort)
    let changes = Self.translation(binding, to: target)
    do {
      if address.family == AF_INET6 {
        let relay = try relays.prepare(request.protocol, from: address, to: destination)
        return Held(
          claim: claim, binding: binding, target: target, changes: changes, holder: relay.listener, relay: relay)
      }
      let holder = try PortHolder.hold(request.protocol, address)
      return Held(claim: claim, binding: binding, target: target, changes: changes, holder: holder, relay: nil)
    } catch let error as SystemError {
      state.withLock { $0.table.release(claim) }
      let text = "failed to bind host port for \(address.text):\(destination.text)/\(request.protocol.rawValue)"
      switch error.errno {
      case EADDRINUSE:
        throw BusyPort(transport: request.protocol, address: address, text: text, cause: error)
      case EADDRNOTAVAIL where address.isAny, EAFNOSUPPORT:
        throw PlatformError(.unavailable, "\(text): the host has no IPv6", cause: error)
      case EADDRNOTAVAIL:
        throw PlatformError(.invalidArgument, "\(text): cannot assign requested address", cause: error)
      default: throw PlatformError(.internal, "\(text): \(SystemError.message(for: error.errno))", cause: error)
      }
    } catch {
      state.withLock { $0.table.release(claim) }
      throw error
    }
  }

  /// The entries that lead a host port to a container; none where a relay does so alone.
  static func translation(_ binding: PortBinding, to target: EndpointRecord) -> [Firewall.Change] {
    typealias Rules = FirewallRules
    let transport = NFTables.Field.transport(binding.protocol.number)
    let port = NFTables.Field.port(binding.hostPort)
    func entries(_ map: String, _ keys: String, _ key: [UInt8], _ address: NFTables.Field) -> [Firewall.Change] {
      let value = NFTables.bytes(address, .port(binding.containerPort))
      return [
        Firewall.Change(.add, keys, [Firewall.Element(key: key)]),
        Firewall.Change(.add, map, [Firewall.Element(key: key, value: value)]),
      ]
    }
    if let host = IPv4Address(binding.hostAddress) {
      let address = NFTables.Field.ipv4(target.address.bits)
      return host == .any
        ? entries(Rules.ports, Rules.open, NFTables.bytes(transport, port), address)
        : entries(Rules.portsAt, Rules.openAt, NFTables.bytes(.ipv4(host.bits), transport, port), address)
    }
    guard let host = IPv6Address(binding.hostAddress), host != .loopback, let part = target.ipv6 else { return [] }
    let address = NFTables.Field.ipv6(part.address.bits)
    return host == .any
      ? entries(Rules.ports6, Rules.open6, NFTables.bytes(transport, port), address)
      : entries(Rules.portsAt6, Rules.openAt6, NFTables.bytes(.ipv6(host.bits), transport, port), address)
  }

  private static func addresses(of request: PortRequest) throws -> [String] {
    guard request.containerPort > 0 else { throw PlatformError(.invalidArgument, "invalid container port 0") }
    if request.hostAddress.isEmpty { return ["0.0.0.0", "::"] }
    guard SocketAddress(request.hostAddress, port: 0) != nil else {
      throw PlatformError(.invalidArgument, "invalid host address '\(request.hostAddress.prefix(64))'")
    }
    return [request.hostAddress]
  }

  /// The ports to try, in order.
  private func candidates(for request: PortRequest) throws -> [UInt16] {
    if let range = request.hostPorts, range != 0...0 {
      guard range.lowerBound > 0 else { throw PlatformError(.invalidArgument, "invalid host port 0 in a range") }
      return Array(range)
    }
    let range = try Self.ephemeralRange()
    return state.withLock { state in
      let first = range.contains(state.nextEphemeral) ? state.nextEphemeral : range.lowerBound
      let order = Array(first...range.upperBound) + Array(range.lowerBound...first).dropLast()
      state.nextEphemeral = first == range.upperBound ? range.lowerBound : first + 1
      return order
    }
  }

  /// The ports that the kernel gives to clients, from which docker takes free ones too.
  private static func ephemeralRange() throws -> ClosedRange<UInt16> {
    let text = String(
      decoding: try FileSystem.read("/proc/sys/net/ipv4/ip_local_port_range", maxBytes: 64), as: UTF8.self)
    let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { UInt16($0) }
    guard numbers.count == 2, numbers[0] > 0, numbers[0] <= numbers[1] else { return 32_768...60_999 }
    return numbers[0]...numbers[1]
  }
}
