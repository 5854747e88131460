import Glibc
import Internet
import LinuxSystem
import Synchronization

/// A server that answers everything it is sent with the same word, on a thread of its own, in the network namespace of the
/// thread that makes it.
public final class EchoServer: Sendable {
  private let socket: Descriptor
  private let executor: BlockingExecutor
  private static let idleMilliseconds: Int32 = 60_000

  public init(_ transport: TransportProtocol, port: UInt16, word: String, address: IPv4Address = .any) throws {
    socket = try TestTraffic.listen(transport, port: port, address: address)
    executor = try BlockingExecutor(maxThreads: 1, name: "echo")
    let socket = socket
    try socket.setNonBlocking(true)
    Task { [executor] in
      try await executor.run {
        if transport == .tcp {
          Self.serveStreams(socket, Array(word.utf8))
        } else {
          Self.serveDatagrams(socket, Array(word.utf8))
        }
      }
    }
  }

  /// Where it listens.
  public var address: SocketAddress? { try? InternetSocket.localAddress(socket) }

  deinit {
    shutdown(socket.raw, Int32(SHUT_RDWR))
    executor.shutdown()
  }

  private static func serveDatagrams(_ socket: Descriptor, _ word: [UInt8]) {
    while true {
      var waiting = pollfd(fd: socket.raw, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, idleMilliseconds) > 0, waiting.revents & Int16(POLLHUP) == 0 else { return }
      guard let (_, sender) = try? DatagramSocket.receive(socket, limit: 512), let sender else { return }
      try? DatagramSocket.send(socket, word, to: sender)
    }
  }

  private static func serveStreams(_ listener: Descriptor, _ word: [UInt8]) {
    var clients: [Int32: Descriptor] = [:]
    while true {
      var waiting = ([listener] + clients.values).map { pollfd(fd: $0.raw, events: Int16(POLLIN), revents: 0) }
      guard poll(&waiting, nfds_t(waiting.count), idleMilliseconds) > 0 else { return }
      if waiting[0].revents & Int16(POLLHUP) != 0 { return }
      for entry in waiting where entry.revents != 0 {
        if entry.fd == listener.raw {
          let number = accept(listener.raw, nil, nil)
          if number >= 0 { clients[number] = Descriptor(owning: number) }
          continue
        }
        var byte: UInt8 = 0
        guard recv(entry.fd, &byte, 1, 0) == 1, send(entry.fd, word, word.count, Int32(MSG_NOSIGNAL)) == word.count
        else {
          clients[entry.fd] = nil
          continue
        }
      }
    }
  }
}

/// A client's side of an `EchoServer`, in the network namespace of the thread that makes it. Blocking.
public final class EchoClient: Sendable {
  private let socket: Descriptor

  /// Throws `SystemError` where the connection is refused or nobody answers.
  ///
  /// - Parameter localPort: 0: any.
  public init(
    _ transport: TransportProtocol = .tcp, to target: SocketAddress, from local: IPv4Address = .any,
    localPort: UInt16 = 0
  ) throws {
    socket = try InternetSocket.open(transport, family: target.family, nonBlocking: false)
    try TestTraffic.limit(socket, milliseconds: TestTraffic.patienceMilliseconds)
    if local != .any || localPort != 0 {
      try InternetSocket.set(socket, option: SO_REUSEADDR, to: 1)
      try InternetSocket.bind(socket, to: .ipv4(local, port: localPort))
    }
    _ = try target.withPointer { pointer, length in
      try systemCall("connect") { connect(socket.raw, pointer, length) }
    }
  }

  /// The server's word.
  public func ask() throws -> String {
    try systemCall("send") { send(socket.raw, [UInt8(ascii: "?")], 1, Int32(MSG_NOSIGNAL)) }
    let bytes = try [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
      count = try systemCall("recv") { recv(socket.raw, buffer.baseAddress, 64, 0) }
    }
    if bytes.isEmpty { throw SystemError(errno: ECONNRESET, operation: "recv") }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Whom the client's own end is.
  public var localAddress: SocketAddress? { try? InternetSocket.localAddress(socket) }

  /// One connection, one word.
  public static func word(
    _ transport: TransportProtocol = .tcp, at target: SocketAddress, from local: IPv4Address = .any
  ) throws -> String {
    try EchoClient(transport, to: target, from: local).ask()
  }
}
