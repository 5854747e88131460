import Glibc

/// An internet socket that waits for others: a listening TCP socket, or a UDP socket that is connected to nobody.
public struct WaitingSocket: Sendable, Hashable {
  /// The number in the IP header: 6 or 17.
  public var transport: UInt8
  /// Four or sixteen bytes in network order; all zero for every address.
  public var address: [UInt8]
  public var port: UInt16
  /// The only device it takes packets from; 0 for all.
  public var interfaceIndex: UInt32
  public var inode: UInt64
  /// Of IPv6, and not reached over IPv4; only for sockets of IPv6.
  public var isIPv6Only: Bool
}

/// Asks the kernel which sockets of a network namespace wait for others.
///
/// Source: sock_diag(7), `include/uapi/linux/inet_diag.h`.
public enum SocketDiagnosis {
  private static let byFamily: UInt16 = 20
  /// Of `struct inet_diag_msg`.
  private static let messageSize = 72
  private static let ipv6OnlyAttribute: UInt16 = 11
  private static let listening: UInt32 = 1 << 10
  private static let unconnected: UInt32 = 1 << 7

  /// All of the calling thread's namespace. Throws `ENOENT` on kernels without sock_diag for TCP or UDP.
  public static func waiting() throws -> [WaitingSocket] {
    let socket = try NetlinkSocket(protocol: Netlink.protocolSocketDiagnosis)
    var found: [WaitingSocket] = []
    for family in [AF_INET, AF_INET6] {
      for transport in [UInt8(IPPROTO_TCP), UInt8(IPPROTO_UDP)] {
        let request = request(family: UInt8(family), transport: transport)
        let replies = try socket.run([request], subject: "sockets of protocol \(transport)")
        found += replies.joined().compactMap { decode($0, transport: transport) }
      }
    }
    return found
  }

  static func request(family: UInt8, transport: UInt8) -> NetlinkRequest {
    // struct inet_diag_req_v2: family, protocol, extensions, padding, states and an empty inet_diag_sockid.
    var header: [UInt8] = [family, transport, 0, 0]
    header.append(native: transport == UInt8(IPPROTO_TCP) ? listening : unconnected)
    return NetlinkRequest(
      type: byFamily, flags: Netlink.flagDump, header: header + [UInt8](repeating: 0, count: 48))
  }

  static func decode(_ reply: NetlinkReply, transport: UInt8) -> WaitingSocket? {
    guard reply.type == byFamily, reply.payload.count >= messageSize, let family = reply.payload.first,
      let port: UInt16 = reply.number(at: 4), let device: UInt32 = reply.number(at: 40),
      let inode: UInt32 = reply.number(at: 68)
    else { return nil }
    let length = family == UInt8(AF_INET6) ? 16 : 4
    return WaitingSocket(
      transport: transport, address: Array(reply.payload.dropFirst(8).prefix(length)), port: UInt16(bigEndian: port),
      interfaceIndex: device, inode: UInt64(inode),
      isIPv6Only: reply.attributes(after: messageSize).number(ipv6OnlyAttribute, as: UInt8.self) == 1)
  }
}
