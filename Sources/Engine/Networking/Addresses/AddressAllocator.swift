import Model

/// Hands out the addresses of one network, of one family. A value: its owner locks.
///
/// Addresses go round instead of being reused at once, so that a peer's connection state for a container that has gone
/// does not meet the next one.
public struct AddressAllocator<Address: IPAddress>: Sendable {
  private let subnet: Subnet<Address>
  private let range: Subnet<Address>
  private let networkName: String
  private var used: Set<Address>
  private var next: Address.Bits

  /// - Parameter range: where automatic addresses come from; must lie in the subnet.
  public init(subnet: Subnet<Address>, range: Subnet<Address>?, gateway: Address?, networkName: String) {
    self.subnet = subnet
    self.range = range ?? subnet
    self.networkName = networkName
    used = []
    next = self.range.network.bits
    if let gateway { used.insert(gateway) }
    // The first and last address of an ordinary subnet name the subnet and everybody in it; IPv6 has no broadcast, and
    // its first address means any router (RFC 4291, section 2.6.1).
    if subnet.prefixLength < Address.Bits.bitWidth - 1 {
      used.insert(subnet.network)
      used.insert(subnet.last)
    }
  }

  /// Takes the next free address of the range; throws `resourceExhausted` when there is none.
  public mutating func allocate() throws -> Address {
    var candidate = next
    for _ in 0..<min(range.count, UInt64(used.count) + 1) {
      let address = Address(bits: candidate)
      candidate = address == range.last ? range.network.bits : candidate + 1
      if used.insert(address).inserted {
        next = candidate
        return address
      }
    }
    throw PlatformError(
      .resourceExhausted,
      "no available \(Address.familyName) addresses on this network's address pools: \(networkName) (\(range))")
  }

  /// Takes a given address; throws `invalidArgument` outside the subnet and `forbidden`, as docker answers, when it is taken.
  public mutating func take(_ address: Address) throws {
    guard subnet.contains(address) else {
      throw PlatformError(
        .invalidArgument, "invalid endpoint settings: no configured subnet contains IP address \(address)")
    }
    guard used.insert(address).inserted else {
      throw PlatformError(.forbidden, "Address already in use: \(address) on network \(networkName)")
    }
  }

  /// Takes the address asked for, or the next free one.
  mutating func take(_ wish: Address?) throws -> Address {
    guard let wish else { return try allocate() }
    try take(wish)
    return wish
  }

  /// Notes an address that a record says is taken, whoever else has it.
  public mutating func note(_ address: Address) { used.insert(address) }

  /// Gives an address back.
  public mutating func release(_ address: Address) { used.remove(address) }
}
