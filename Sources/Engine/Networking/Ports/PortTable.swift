import Glibc
import Model

/// Which host ports are taken by containers of this engine. A value: its owner locks.
struct PortTable: Sendable {
  private struct Key: Hashable {
    let transport: TransportProtocol
    let port: UInt16
  }

  /// A taken port: an address of one family, `any` for all addresses of that family.
  struct Claim: Hashable {
    let transport: TransportProtocol
    let address: SocketAddress

    /// Two claims collide on the same address and where one of them stands for all addresses of the family.
    func collides(with other: Claim) -> Bool {
      guard transport == other.transport, address.family == other.address.family else { return false }
      return address == other.address || address.isAny || other.address.isAny
    }
  }

  private var claims: [Key: [Claim: ContainerID]] = [:]

  /// Takes a port for an address of the host. Returns the container that has it already; nil: it is taken.
  mutating func take(_ claim: Claim, for container: ContainerID) -> ContainerID? {
    let key = Key(transport: claim.transport, port: claim.address.port)
    if let owner = claims[key]?.first(where: { claim.collides(with: $0.key) })?.value { return owner }
    claims[key, default: [:]][claim] = container
    return nil
  }

  mutating func release(_ claim: Claim) {
    let key = Key(transport: claim.transport, port: claim.address.port)
    claims[key]?[claim] = nil
    if claims[key]?.isEmpty == true { claims[key] = nil }
  }
}
