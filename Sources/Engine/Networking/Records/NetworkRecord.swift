import Model

/// A network as the engine keeps it.
public struct NetworkRecord: Codable, Sendable, Equatable {
  public var id: NetworkID
  public var name: String
  /// `bridge`, `host` or `null`.
  public var driver: String
  /// Nil for networks without addresses (`host`, `null`).
  public var subnet: IPv4Subnet?
  public var gateway: IPv4Address?
  /// Where automatic addresses come from; the whole subnet where nil.
  public var ipRange: IPv4Subnet?
  /// No way out and none in: members reach only each other and the gateway.
  public var isInternal: Bool
  public var attachable: Bool
  public var enableIPv6: Bool
  /// Nil where `enableIPv6` is false.
  public var ipv6: AddressPool<IPv6Address>?
  public var labels: [String: String]
  public var options: [String: String]
  public var createdUnixNanoseconds: Int64

  public init(
    id: NetworkID, name: String, driver: String, subnet: IPv4Subnet? = nil, gateway: IPv4Address? = nil,
    ipRange: IPv4Subnet? = nil, isInternal: Bool = false, attachable: Bool = false, enableIPv6: Bool = false,
    labels: [String: String] = [:], options: [String: String] = [:], createdUnixNanoseconds: Int64
  ) {
    self.id = id
    self.name = name
    self.driver = driver
    self.subnet = subnet
    self.gateway = gateway
    self.ipRange = ipRange
    self.isInternal = isInternal
    self.attachable = attachable
    self.enableIPv6 = enableIPv6
    self.labels = labels
    self.options = options
    self.createdUnixNanoseconds = createdUnixNanoseconds
  }

  /// The network that containers join when none is asked for; names are not resolved on it, as in docker.
  public static let defaultName = "bridge"

  /// Whether the engine has to wire anything for it.
  public var isBridge: Bool { driver == "bridge" }
  public var isDefault: Bool { name == Self.defaultName }
  /// Whether members find each other by name through the engine's DNS.
  public var resolvesNames: Bool { isBridge && !isDefault }
}

/// What a client asks for when it creates a network. Nil fields are chosen by the engine.
public struct NetworkRequest: Sendable, Equatable {
  /// Addresses as a client writes them.
  public struct Pool: Sendable, Equatable {
    public var subnet: String?
    public var gateway: String?
    public var ipRange: String?

    public init(subnet: String? = nil, gateway: String? = nil, ipRange: String? = nil) {
      self.subnet = subnet
      self.gateway = gateway
      self.ipRange = ipRange
    }
  }

  public var name: String
  public var driver: String
  /// Of IPv4.
  public var subnet: String?
  public var gateway: String?
  public var ipRange: String?
  /// With `enableIPv6` only.
  public var ipv6 = Pool()
  public var isInternal: Bool
  public var attachable: Bool
  public var enableIPv6: Bool
  public var labels: [String: String]
  public var options: [String: String]
  /// The id to use, a random one where nil.
  public var id: NetworkID?

  public init(
    name: String, driver: String = "bridge", subnet: String? = nil, gateway: String? = nil, ipRange: String? = nil,
    isInternal: Bool = false, attachable: Bool = false, enableIPv6: Bool = false, labels: [String: String] = [:],
    options: [String: String] = [:], id: NetworkID? = nil
  ) {
    self.name = name
    self.driver = driver
    self.subnet = subnet
    self.gateway = gateway
    self.ipRange = ipRange
    self.isInternal = isInternal
    self.attachable = attachable
    self.enableIPv6 = enableIPv6
    self.labels = labels
    self.options = options
    self.id = id
  }
}
