import Glibc
import LinuxSystem
import Model

/// Keeps published host ports from being used by anybody else.
///
/// The kernel's address translation takes packets before any socket sees them, so nothing would stop another program
/// from listening on a published port in vain. A socket that is bound, and neither listens nor reads, makes the port
/// count as in use.
enum PortHolder {
  /// Binds a socket to an IPv4 address and port of the host.
  ///
  /// - Throws: `SystemError` `EADDRINUSE` where another program has the port, `EADDRNOTAVAIL` for a foreign address.
  static func hold(_ transport: TransportProtocol, _ address: SocketAddress) throws -> Descriptor {
    let socket = try InternetSocket.open(transport, family: address.family, nonBlocking: true)
    guard transport == .tcp else {
      // What reaches the socket (broadcasts) is never read: let it take no memory.
      try InternetSocket.set(socket, option: SO_RCVBUF, to: 1)
      try InternetSocket.bind(socket, to: address)
      return socket
    }
    // Reuse lets old connections of a former owner pass; listening for a moment finds present ones.
    try InternetSocket.set(socket, option: SO_REUSEADDR, to: 1)
    try InternetSocket.bind(socket, to: address)
    try InternetSocket.listen(socket, backlog: 0)
    try systemCall("shutdown") { shutdown(socket.raw, Int32(SHUT_RDWR)) }
    try InternetSocket.set(socket, option: SO_REUSEADDR, to: 0)
    return socket
  }
}
