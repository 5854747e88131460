import Model

/// Hands out the addresses of one network. A value: its owner locks.
///
/// Addresses go round instead of being reused at once, so that a peer's connection state for a container that has gone
/// does not meet the next one.
public struct AddressAllocator: Sendable {
  private let subnet: IPv4Subnet
  private let range: IPv4Subnet
  private let networkName: String
  private var used: Set<IPv4Address>
  private var next: UInt32

  /// - Parameter range: where automatic addresses come from; must lie in the subnet.
  public init(subnet: IPv4Subnet, range: IPv4Subnet?, gateway: IPv4Address?, networkName: String) {
    self.subnet = subnet
    self.range = range ?? subnet
    self.networkName = networkName
    used = []
    next = self.range.network.bits
    if let gateway { used.insert(gateway) }
    // The first and last address of an ordinary subnet name the subnet and everybody in it.
    if subnet.prefixLength < 31 {
      used.insert(subnet.network)
      used.insert(subnet.last)
    }
  }

  /// Takes the next free address of the range; throws `resourceExhausted` when there is none.
  public mutating func allocate() throws -> IPv4Address {
    var candidate = next
    for _ in 0..<min(range.count, UInt64(used.count) + 1) {
      let address = IPv4Address(bits: candidate)
      candidate = address == range.last ? range.network.bits : candidate + 1
      if used.insert(address).inserted {
        next = candidate
        return address
      }
    }
    throw PlatformError(
      .resourceExhausted, "no available IPv4 addresses on this network's address pools: \(networkName) (\(range))")
  }

  /// Takes a given address; throws `invalidArgument` outside the subnet and `forbidden`, as docker answers, when it is taken.
  public mutating func take(_ address: IPv4Address) throws {
    guard subnet.contains(address) else {
      throw PlatformError(
        .invalidArgument, "invalid endpoint settings: no configured subnet contains IP address \(address)")
    }
    guard used.insert(address).inserted else {
      throw PlatformError(.forbidden, "Address already in use: \(address) on network \(networkName)")
    }
  }

  /// Notes an address that a record says is taken, whoever else has it.
  public mutating func note(_ address: IPv4Address) { used.insert(address) }

  /// Gives an address back.
  public mutating func release(_ address: IPv4Address) { used.remove(address) }
}
