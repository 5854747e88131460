import Model

/// How much other hosts and containers may ask of one published port, as labels of its container say.
///
/// `bulkhead.publish.PORT/PROTOCOL.WHAT`: the port is the container's; what is beyond a limit is dropped. Connections of UDP
/// are flows as the kernel tracks them.
public struct PortLimits: Sendable, Hashable {
  /// New connections in a span of time.
  public struct Rate: Sendable, Hashable, CustomStringConvertible {
    public enum Span: String, Sendable, CaseIterable { case second, minute, hour }

    public var count: Int
    public var span: Span

    public var description: String { "\(count)/\(span.rawValue)" }
  }

  public var transport: TransportProtocol
  public var containerPort: UInt16
  /// Connections at the same time, of all clients together.
  public var connections: Int?
  /// Of one client: an IPv4 address, or a /64 of IPv6.
  public var connectionsPerSource: Int?
  public var rate: Rate?
  public var ratePerSource: Rate?

  public static let labelPrefix = "bulkhead.publish."
  /// Ports with limits of one container.
  public static let maximumPorts = 256
  public static let numbers = 1...1_000_000

  private static let connectionsName = "connections"
  private static let connectionsPerSourceName = "connections-per-source"
  private static let rateName = "rate"
  private static let ratePerSourceName = "rate-per-source"

  /// The limits by what their labels call them.
  public var texts: [(name: String, value: String)] {
    [
      (Self.connectionsName, connections.map(String.init)),
      (Self.connectionsPerSourceName, connectionsPerSource.map(String.init)),
      (Self.rateName, rate?.description), (Self.ratePerSourceName, ratePerSource?.description),
    ].compactMap { name, value in value.map { (name: name, value: $0) } }
  }

  /// Reads the labels of a container that are about this, sorted by port.
  ///
  /// - Throws: `invalidArgument`, naming the label and its value.
  public static func read(_ labels: [String: String]) throws -> [PortLimits] {
    var found: [String: PortLimits] = [:]
    for (label, value) in labels.sorted(by: { $0.key < $1.key }) where label.hasPrefix(labelPrefix) {
      let rest = label.dropFirst(labelPrefix.count)
      guard let dot = rest.firstIndex(of: "."), let port = Port(rest[..<dot]) else {
        throw wrong(label, value, "the label has to be \(labelPrefix)PORT/tcp.LIMIT or \(labelPrefix)PORT/udp.LIMIT")
      }
      let key = "\(port.number)/\(port.transport.rawValue)"
      var limits = found[key] ?? PortLimits(transport: port.transport, containerPort: port.number)
      switch String(rest[rest.index(after: dot)...]) {
      case connectionsName: limits.connections = try number(label, value)
      case connectionsPerSourceName: limits.connectionsPerSource = try number(label, value)
      case rateName: limits.rate = try rate(label, value)
      case ratePerSourceName: limits.ratePerSource = try rate(label, value)
      default:
        throw wrong(
          label, value,
          "there is no such limit; limits are \(connectionsName), \(connectionsPerSourceName), \(rateName) and \(ratePerSourceName)"
        )
      }
      found[key] = limits
      guard found.count <= maximumPorts else {
        throw wrong(label, value, "more than \(maximumPorts) ports with limits")
      }
    }
    return found.values.sorted { ($0.containerPort, $0.transport.rawValue) < ($1.containerPort, $1.transport.rawValue) }
  }

  private struct Port {
    var number: UInt16
    var transport: TransportProtocol

    /// `80/tcp`.
    init?(_ text: Substring) {
      let parts = text.split(separator: "/", omittingEmptySubsequences: false)
      guard parts.count == 2, let number = IPv4Address.decimal(parts[0].utf8, maximum: 65_535), number > 0,
        let transport = TransportProtocol(rawValue: String(parts[1]))
      else { return nil }
      self.number = UInt16(number)
      self.transport = transport
    }
  }

  private static func number(_ label: String, _ value: String) throws -> Int {
    guard let number = IPv4Address.decimal(value.utf8, maximum: UInt32(numbers.upperBound)), number > 0 else {
      throw wrong(label, value, "expected a number from \(numbers.lowerBound) to \(numbers.upperBound)")
    }
    return Int(number)
  }

  private static func rate(_ label: String, _ value: String) throws -> Rate {
    let parts = value.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let number = IPv4Address.decimal(parts[0].utf8, maximum: UInt32(numbers.upperBound)),
      number > 0, let span = Rate.Span(rawValue: String(parts[1]))
    else { throw wrong(label, value, "expected a number and second, minute or hour, such as 50/second") }
    return Rate(count: Int(number), span: span)
  }

  private static func wrong(_ label: String, _ value: String, _ reason: String) -> PlatformError {
    PlatformError(.invalidArgument, "invalid label \(label.prefix(128))='\(value.prefix(64))': \(reason)")
      .about(.labels, label)
  }
}
