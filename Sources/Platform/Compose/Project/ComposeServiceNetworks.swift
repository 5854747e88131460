/// A network that a service joins.
public struct ComposeEndpoint: Sendable, Equatable {
  /// The key of the top-level entry.
  public var network: String
  /// The file's own; the service's name and the container's short id are added when it is created.
  public var aliases: [String] = []
  public var ipv4Address: String?
  public var ipv6Address: String?
  public var linkLocalAddresses: [String] = []
  public var macAddress: String?
  public var driverOptions: [String: String] = [:]
  public var priority = 0
  public var gatewayPriority = 0

  public init(network: String) { self.network = network }
}

/// One port or range of `ports`.
public struct ComposePort: Sendable, Equatable {
  public enum Transport: String, Sendable, CaseIterable { case tcp, udp, sctp }

  public var target: UInt16
  /// nil: the host chooses. More than one: the engine takes the first that is free.
  public var published: ClosedRange<UInt16>?
  /// Empty: every address.
  public var hostAddress: String
  public var transport: Transport
  public var limits = ComposePortLimits()

  public init(
    target: UInt16, published: ClosedRange<UInt16>?, hostAddress: String = "", transport: Transport = .tcp
  ) {
    self.target = target
    self.published = published
    self.hostAddress = hostAddress
    self.transport = transport
  }
}

/// `x-bulkhead` of a port: how much other hosts and containers may ask of it. The engine takes it as labels of the container.
public struct ComposePortLimits: Sendable, Equatable {
  /// Connections at the same time.
  public var connections: Int64?
  /// The same of one client.
  public var connectionsPerSource: Int64?
  /// New connections, `50/second`.
  public var rate: String?
  public var ratePerSource: String?

  static let connectionsName = "connections"
  static let connectionsPerSourceName = "connections-per-source"
  static let rateName = "rate"
  static let ratePerSourceName = "rate-per-source"
  static let numbers: ClosedRange<Int64> = 1...1_000_000
  static let spans = ["second", "minute", "hour"]

  public init() {}

  init(_ fields: Fields) {
    connections = fields.integer(Self.connectionsName)
    connectionsPerSource = fields.integer(Self.connectionsPerSourceName)
    rate = fields.text(Self.rateName)
    ratePerSource = fields.text(Self.ratePerSourceName)
  }
}

extension ComposePort {
  /// The limits as the engine knows them: `bulkhead.publish.80/tcp.rate` and its value.
  public var limitLabels: [String: String] {
    let prefix = "bulkhead.publish.\(target)/\(transport.rawValue)."
    var labels: [String: String] = [:]
    labels[prefix + ComposePortLimits.connectionsName] = limits.connections.map(String.init)
    labels[prefix + ComposePortLimits.connectionsPerSourceName] = limits.connectionsPerSource.map(String.init)
    labels[prefix + ComposePortLimits.rateName] = limits.rate
    labels[prefix + ComposePortLimits.ratePerSourceName] = limits.ratePerSource
    return labels
  }
}

public struct ComposeLink: Sendable, Equatable {
  public var service: String
  public var alias: String

  public init(service: String, alias: String) {
    self.service = service
    self.alias = alias
  }
}
