import Glibc
import LinuxSystem

/// Who has a port of the host that cannot be published because it is busy.
struct PortOccupant: Sendable, Equatable {
  var socket: WaitingSocket
  var owner: SocketOwner?

  /// The programs that wait at an address, or at all of its port; none where they cannot be seen: the kernel knows sockets that only
  /// have a port, too. Blocking: asks the kernel for all waiting sockets and walks /proc.
  static func find(_ transport: TransportProtocol, _ address: SocketAddress) -> [PortOccupant] {
    // It is told for the user's help: what cannot be found out is left out.
    guard let sockets = try? SocketDiagnosis.waiting() else { return [] }
    let found = sockets.filter { blocks($0, transport, address) }
    guard !found.isEmpty, let owners = try? SocketOwner.find(Set(found.map(\.inode))) else { return [] }
    return found.map { PortOccupant(socket: $0, owner: owners[$0.inode]) }
  }

  /// Whether a socket keeps others from an address: the same port of the same protocol at this address or all addresses. One of IPv6 for
  /// all addresses stands for those of IPv4, too, unless told otherwise (ipv6(7)).
  static func blocks(_ socket: WaitingSocket, _ transport: TransportProtocol, _ address: SocketAddress) -> Bool {
    guard socket.transport == transport.number, socket.port == address.port else { return false }
    let isAny = socket.address.allSatisfy { $0 == 0 }
    switch address {
    case .ipv4(let own, _):
      if socket.address.count == 16 { return isAny && !socket.isIPv6Only }
      return isAny || own == .any || socket.address.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } == own.bits
    case .ipv6(let own, _):
      return socket.address.count == 16 && (isAny || address.isAny || socket.address == own)
    }
  }

  /// ` by nginx (pid 4711)`; empty for none.
  static func told(_ occupants: [PortOccupant]) -> String {
    guard let owner = occupants.lazy.compactMap(\.owner).first else { return "" }
    let place = owner.container.map { ", in container \($0.prefix(12))" } ?? ""
    return " by \(owner.program) (pid \(owner.processID)\(place)), which is none of this engine's published ports"
  }
}
