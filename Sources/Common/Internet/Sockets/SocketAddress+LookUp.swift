import Glibc

/// A host without an address.
public struct HostNotFound: Error, Sendable, CustomStringConvertible {
  public let host: String
  /// In the resolver's words.
  public let reason: String

  public var description: String { "cannot find '\(host)': \(reason)" }
}

extension SocketAddress {
  /// The first addresses of a host by the system's resolver, at least one and each once, or the one that it is. Blocks.
  /// Source: getaddrinfo(3).
  public static func lookUp(
    _ host: String, port: UInt16, atMost count: Int = 4
  ) throws(HostNotFound) -> [SocketAddress] {
    if let own = SocketAddress(host, port: port) { return [own] }
    var hints = addrinfo()
    // Any one kind, so that addresses do not come once for each.
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &list)
    defer { if let list { freeaddrinfo(list) } }
    guard code == 0 else { throw HostNotFound(host: host, reason: String(cString: gai_strerror(code))) }
    var found: [SocketAddress] = []
    var next = list
    while let entry = next?.pointee, found.count < count {
      var storage = sockaddr_storage()
      withUnsafeMutableBytes(of: &storage) { target in
        target.copyMemory(
          from: UnsafeRawBufferPointer(start: entry.ai_addr, count: min(target.count, Int(entry.ai_addrlen))))
      }
      if let address = SocketAddress(storage), !found.contains(address) { found.append(address) }
      next = entry.ai_next
    }
    guard !found.isEmpty else { throw HostNotFound(host: host, reason: "it has no address") }
    return found
  }
}
