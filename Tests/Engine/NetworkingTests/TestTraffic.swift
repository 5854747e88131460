import Glibc
import Synchronization

@testable import LinuxSystem
@testable import Networking

/// Blocking TCP and UDP with deadlines, to see whether packets pass.
enum TestTraffic {
  /// Milliseconds after which a packet counts as dropped.
  static let patienceMilliseconds = 700

  static func limit(_ socket: Descriptor, milliseconds: Int = 3_000) throws {
    var time = timeval(tv_sec: milliseconds / 1_000, tv_usec: milliseconds % 1_000 * 1_000)
    let size = socklen_t(MemoryLayout<timeval>.size)
    try systemCall("setsockopt") { setsockopt(socket.raw, SOL_SOCKET, SO_RCVTIMEO, &time, size) }
    try systemCall("setsockopt") { setsockopt(socket.raw, SOL_SOCKET, SO_SNDTIMEO, &time, size) }
  }

  /// A listening socket in the caller's namespace; it answers nobody until `serveOnce`.
  static func listen(_ transport: TransportProtocol, port: UInt16, address: IPv4Address = .any) throws -> Descriptor {
    try listen(transport, at: .ipv4(address, port: port))
  }

  static func listen(_ transport: TransportProtocol, at address: SocketAddress) throws -> Descriptor {
    let socket = try InternetSocket.open(transport, family: address.family, nonBlocking: false)
    try InternetSocket.set(socket, option: SO_REUSEADDR, to: 1)
    try InternetSocket.bind(socket, to: address)
    if transport == .tcp { try InternetSocket.listen(socket, backlog: 8) }
    try limit(socket)
    return socket
  }

  /// Connects over TCP, sends a word, and returns what the server saw: the peer's address, and the word.
  static func exchange(
    from client: (@Sendable () throws -> Descriptor) throws -> Descriptor, to target: SocketAddress,
    listener: Descriptor
  ) throws -> (peer: SocketAddress?, word: String) {
    let connection = try client {
      let socket = try InternetSocket.open(.tcp, family: target.family, nonBlocking: false)
      try limit(socket, milliseconds: patienceMilliseconds)
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
  static func connects(to target: SocketAddress) -> Bool {
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

  /// Broadcasts an ARP request (1) or reply (2) on eth0 that claims an address for the sender.
  static func announce(_ claimed: IPv4Address, operation: UInt8, about target: IPv4Address) throws {
    let protocolARP: UInt16 = 0x0806
    let socket = Descriptor(
      owning: try systemCall("socket") {
        Glibc.socket(AF_PACKET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), Int32(protocolARP.bigEndian))
      })
    var frame: [UInt8] = [0, 1, 8, 0, 6, 4, 0, operation]
    frame += [2, 0x66, 0x66, 0x66, 0x66, 0x66] + claimed.octets
    frame += [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] + target.octets
    // struct sockaddr_ll
    var address: [UInt8] = []
    address.append(native: UInt16(AF_PACKET))
    address.append(big: protocolARP)
    address.append(native: UInt32(if_nametoindex("eth0")))
    address += [0, 1, 0, 6] + [UInt8](repeating: 0xff, count: 6) + [0, 0]
    let count = frame.count
    _ = try address.withUnsafeBytes { raw in
      try systemCall("sendto") {
        sendto(
          socket.raw, frame, count, 0, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
      }
    }
  }
}
