import Glibc
import LinuxSystem

/// Internet sockets, always close-on-exec.
public enum InternetSocket {
  /// Closes a socket that tasks may still refer to: its port, and its namespace, are free at once. The number stays
  /// taken, by something that is no socket, until the last of them is done.
  public static func close(_ descriptor: Descriptor) {
    guard let nothing = try? Descriptor.open("/dev/null", flags: O_RDWR) else {
      shutdown(descriptor.raw, Int32(SHUT_RDWR))
      return
    }
    dup2(nothing.raw, descriptor.raw)
    _ = fcntl(descriptor.raw, F_SETFD, FD_CLOEXEC)
  }

  /// Opens a socket of a protocol and family.
  public static func open(_ transport: TransportProtocol, family: Int32, nonBlocking: Bool) throws -> Descriptor {
    let kind = Int32((transport == .tcp ? SOCK_STREAM : SOCK_DGRAM).rawValue | SOCK_CLOEXEC.rawValue)
    let flags = nonBlocking ? Int32(SOCK_NONBLOCK.rawValue) : 0
    return Descriptor(owning: try systemCall("socket") { socket(family, kind | flags, 0) })
  }

  public static func bind(_ descriptor: Descriptor, to address: SocketAddress) throws {
    _ = try address.withPointer { pointer, length in
      try systemCall("bind") { Glibc.bind(descriptor.raw, pointer, length) }
    }
  }

  /// Opens a socket that does not block and is connected to an address; a TCP connection may still be under way.
  ///
  /// - Parameter source: an address of this host to connect from, without port; nil: the kernel's choice.
  public static func connect(
    _ transport: TransportProtocol, to address: SocketAddress, from source: IPv4Address? = nil
  ) throws -> Descriptor {
    let descriptor = try open(transport, family: address.family, nonBlocking: true)
    if let source { try bind(descriptor, to: .ipv4(source, port: 0)) }
    do {
      _ = try address.withPointer { pointer, length in
        try systemCall("connect") { Glibc.connect(descriptor.raw, pointer, length) }
      }
    } catch let error as SystemError where error.errno == EINPROGRESS {}
    return descriptor
  }

  public static func listen(_ descriptor: Descriptor, backlog: Int32) throws {
    try systemCall("listen") { Glibc.listen(descriptor.raw, backlog) }
  }

  public static func set(_ descriptor: Descriptor, level: Int32 = SOL_SOCKET, option: Int32, to value: Int32) throws {
    var value = value
    try systemCall("setsockopt") {
      setsockopt(descriptor.raw, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
  }

  /// The address that the kernel gave the socket.
  public static func localAddress(_ descriptor: Descriptor) throws -> SocketAddress? {
    try address("getsockname") { getsockname(descriptor.raw, $0, &$1) }
  }

  /// The address of whom a socket is connected with.
  public static func peer(of descriptor: Descriptor) throws -> SocketAddress? {
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
