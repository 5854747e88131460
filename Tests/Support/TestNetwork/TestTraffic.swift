import Glibc
import Internet
import LinuxSystem

/// Blocking TCP and UDP with deadlines, to see whether packets pass.
public enum TestTraffic {
  /// Milliseconds after which a packet counts as dropped.
  public static let patienceMilliseconds = 700

  public static func limit(_ socket: Descriptor, milliseconds: Int = 3_000) throws {
    var time = timeval(tv_sec: milliseconds / 1_000, tv_usec: milliseconds % 1_000 * 1_000)
    let size = socklen_t(MemoryLayout<timeval>.size)
    try systemCall("setsockopt") { setsockopt(socket.raw, SOL_SOCKET, SO_RCVTIMEO, &time, size) }
    try systemCall("setsockopt") { setsockopt(socket.raw, SOL_SOCKET, SO_SNDTIMEO, &time, size) }
  }

  /// A listening socket in the caller's namespace; it answers nobody until `serveOnce`.
  public static func listen(_ transport: TransportProtocol, port: UInt16, address: IPv4Address = .any) throws
    -> Descriptor
  {
    try listen(transport, at: .ipv4(address, port: port))
  }

  public static func listen(_ transport: TransportProtocol, at address: SocketAddress) throws -> Descriptor {
    let socket = try InternetSocket.open(transport, family: address.family, nonBlocking: false)
    try InternetSocket.set(socket, option: SO_REUSEADDR, to: 1)
    try InternetSocket.bind(socket, to: address)
    if transport == .tcp { try InternetSocket.listen(socket, backlog: 8) }
    try limit(socket)
    return socket
  }

  /// Connects over TCP, sends a word, and returns what the server saw: the peer's address, and the word.
  public static func exchange(
    from client: (@Sendable () throws -> Descriptor) throws -> Descriptor, to target: SocketAddress,
    listener: Descriptor
  ) throws -> (peer: SocketAddress?, word: String) {
    let connection = try client {
      let socket = try InternetSocket.open(.tcp, family: target.family, nonBlocking: false)
      // It is sure to come: a first packet that is lost may be sent again.
      try limit(socket)
      _ = try target.withPointer { pointer, length in
        try systemCall("connect") { connect(socket.raw, pointer, length) }
      }
      return socket
    }
    try connection.write(all: Array("hello".utf8))
    let accepted = Descriptor(owning: try systemCall("accept") { accept(listener.raw, nil, nil) })
    try limit(accepted)
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    _ = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(accepted.raw, $0, &length) }
    }
    var bytes = [UInt8](repeating: 0, count: 5)
    let count = try bytes.withUnsafeMutableBytes { try accepted.read(into: $0) }
    return (SocketAddress(storage), String(decoding: bytes.prefix(count), as: UTF8.self))
  }

  /// Whether a TCP connection comes about; false when it is refused, unreachable or silent.
  public static func connects(to target: SocketAddress) -> Bool {
    do {
      let socket = try InternetSocket.open(.tcp, family: target.family, nonBlocking: false)
      try limit(socket, milliseconds: patienceMilliseconds)
      _ = try target.withPointer { pointer, length in
        try systemCall("connect") { connect(socket.raw, pointer, length) }
      }
      return true
    } catch {
      return false
    }
  }
}
