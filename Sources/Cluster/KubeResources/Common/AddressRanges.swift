import Internet

/// Addresses that an administrator gives to services: ranges and subnets, in the order in which they were written.
public struct AddressRanges: Sendable, Equatable {
  private var ranges: [ClosedRange<UInt32>] = []

  /// No addresses.
  public init() {}

  /// Takes `192.0.2.10-192.0.2.20`, `192.0.2.0/28` and `192.0.2.7`; nil where one is none of these.
  public init?(_ texts: [String]) {
    for text in texts {
      let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { IPv4Address(String($0)) }
      if let subnet = IPv4Subnet(text) {
        ranges.append(subnet.network.bits...subnet.last.bits)
      } else if let first = ends.first ?? nil, let last = ends.last ?? nil, ends.count <= 2, first <= last {
        ranges.append(first.bits...last.bits)
      } else {
        return nil
      }
    }
  }

  public var isEmpty: Bool { ranges.isEmpty }

  public func contains(_ address: IPv4Address) -> Bool { ranges.contains { $0.contains(address.bits) } }

  public func first(where matches: (IPv4Address) -> Bool) -> IPv4Address? {
    for range in ranges {
      for bits in range where matches(IPv4Address(bits: bits)) { return IPv4Address(bits: bits) }
    }
    return nil
  }
}
