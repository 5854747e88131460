/// The addresses of one family that a network has.
public struct AddressPool<Address: IPAddress>: Codable, Sendable, Equatable {
  public var subnet: Subnet<Address>
  /// The network's own address, which the host answers for.
  public var gateway: Address
  /// Where automatic addresses come from; the whole subnet where nil.
  public var range: Subnet<Address>?

  public init(subnet: Subnet<Address>, gateway: Address, range: Subnet<Address>? = nil) {
    self.subnet = subnet
    self.gateway = gateway
    self.range = range
  }
}
