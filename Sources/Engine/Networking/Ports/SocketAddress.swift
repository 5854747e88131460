import Glibc
import LinuxSystem

/// An IP address and port in the shape that socket calls take.
enum SocketAddress: Sendable, Hashable {
  case ipv4(IPv4Address, port: UInt16)
  /// Sixteen bytes in network order.
  case ipv6([UInt8], port: UInt16)

  var family: Int32 {
    switch self {
    case .ipv4: AF_INET
    case .ipv6: AF_INET6
    }
  }

  var port: UInt16 {
    switch self {
    case .ipv4(_, let port), .ipv6(_, let port): port
    }
  }

  /// Parses an address without port: strict dotted IPv4, or IPv6 with or without brackets (no zone).
  init?(_ text: String, port: UInt16) {
    if let address = IPv4Address(text) {
      self = .ipv4(address, port: port)
      return
    }
    var text = text[...]
    if text.hasPrefix("["), text.hasSuffix("]") { text = text.dropFirst().dropLast() }
    guard text.utf8.count <= 45, text.contains(":") else { return nil }
    var raw = in6_addr()
    guard inet_pton(AF_INET6, String(text), &raw) == 1 else { return nil }
    self = .ipv6(withUnsafeBytes(of: raw) { Array($0) }, port: port)
  }

  /// Reads what the kernel filled in.
  init?(_ storage: sockaddr_storage) {
    var storage = storage
    switch Int32(storage.ss_family) {
    case AF_INET:
      let value = withUnsafeBytes(of: &storage) { $0.load(as: sockaddr_in.self) }
      self = .ipv4(IPv4Address(bits: UInt32(bigEndian: value.sin_addr.s_addr)), port: UInt16(bigEndian: value.sin_port))
    case AF_INET6:
      let value = withUnsafeBytes(of: &storage) { $0.load(as: sockaddr_in6.self) }
      self = .ipv6(withUnsafeBytes(of: value.sin6_addr) { Array($0) }, port: UInt16(bigEndian: value.sin6_port))
    default: return nil
    }
  }

  /// Gives `body` the C structure.
  func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result) rethrows -> Result {
    var storage = sockaddr_storage()
    let length: Int
    switch self {
    case .ipv4(let address, let port):
      var value = sockaddr_in()
      value.sin_family = sa_family_t(AF_INET)
      value.sin_port = port.bigEndian
      value.sin_addr.s_addr = address.bits.bigEndian
      length = MemoryLayout<sockaddr_in>.size
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: value, as: sockaddr_in.self) }
    case .ipv6(let octets, let port):
      var value = sockaddr_in6()
      value.sin6_family = sa_family_t(AF_INET6)
      value.sin6_port = port.bigEndian
      withUnsafeMutableBytes(of: &value.sin6_addr) { $0.copyBytes(from: octets.prefix(16)) }
      length = MemoryLayout<sockaddr_in6>.size
      withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: value, as: sockaddr_in6.self) }
    }
    return try withUnsafePointer(to: &storage) {
      try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { try body($0, socklen_t(length)) }
    }
  }
}

/// Internet sockets, always close-on-exec.
enum InternetSocket {
  /// Closes a socket that tasks may still refer to: its port, and its namespace, are free at once. The number stays
  /// taken, by something that is no socket, until the last of them is done.
  static func close(_ descriptor: Descriptor) {
    guard let nothing = try? Descriptor.open("/dev/null", flags: O_RDWR) else {
      shutdown(descriptor.raw, Int32(SHUT_RDWR))
      return
    }
    dup2(nothing.raw, descriptor.raw)
    _ = fcntl(descriptor.raw, F_SETFD, FD_CLOEXEC)
  }

  /// Opens a socket of a protocol and family.
  static func open(_ transport: TransportProtocol, family: Int32, nonBlocking: Bool) throws -> Descriptor {
    let kind = Int32((transport == .tcp ? SOCK_STREAM : SOCK_DGRAM).rawValue | SOCK_CLOEXEC.rawValue)
    let flags = nonBlocking ? Int32(SOCK_NONBLOCK.rawValue) : 0
    return Descriptor(owning: try systemCall("socket") { socket(family, kind | flags, 0) })
  }

  static func bind(_ descriptor: Descriptor, to address: SocketAddress) throws {
    _ = try address.withPointer { pointer, length in
      try systemCall("bind") { Glibc.bind(descriptor.raw, pointer, length) }
    }
  }

  static func listen(_ descriptor: Descriptor, backlog: Int32) throws {
    try systemCall("listen") { Glibc.listen(descriptor.raw, backlog) }
  }

  static func set(_ descriptor: Descriptor, level: Int32 = SOL_SOCKET, option: Int32, to value: Int32) throws {
    var value = value
    try systemCall("setsockopt") {
      setsockopt(descriptor.raw, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
  }

  /// The address that the kernel gave the socket.
  static func localAddress(_ descriptor: Descriptor) throws -> SocketAddress? {
    try address("getsockname") { getsockname(descriptor.raw, $0, &$1) }
  }

  /// The address of whom a socket is connected with.
  static func peer(of descriptor: Descriptor) throws -> SocketAddress? {
    try address("getpeername") { getpeername(descriptor.raw, $0, &$1) }
  }

  private static func address(
    _ name: String, _ call: (UnsafeMutablePointer<sockaddr>, inout socklen_t) -> Int32
  ) throws -> SocketAddress? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    try withUnsafeMutablePointer(to: &storage) { pointer in
      _ = try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound in
        try systemCall(name) { call(rebound, &length) }
      }
    }
    return SocketAddress(storage)
  }
}
