import Glibc
import LinuxSystem

extension SocketAddress {
  /// The first addresses of a host by the system's resolver, or the one that it is. Blocks. Throws EHOSTUNREACH where there is none.
  /// Source: getaddrinfo(3).
  public static func lookUp(_ host: String, port: UInt16, atMost count: Int = 4) throws -> [SocketAddress] {
    if let own = SocketAddress(host, port: port) { return [own] }
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, String(port), &hints, &list) == 0 else {
      throw SystemError(errno: EHOSTUNREACH, operation: "look up", subject: host)
    }
    defer { freeaddrinfo(list) }
    var found: [SocketAddress] = []
    var next = list
    while let entry = next?.pointee, found.count < count {
      var storage = sockaddr_storage()
      withUnsafeMutableBytes(of: &storage) { target in
        target.copyMemory(
          from: UnsafeRawBufferPointer(start: entry.ai_addr, count: min(target.count, Int(entry.ai_addrlen))))
      }
      if let address = SocketAddress(storage) { found.append(address) }
      next = entry.ai_next
    }
    return found
  }
}
