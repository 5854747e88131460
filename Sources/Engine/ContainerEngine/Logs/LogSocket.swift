import Glibc
import Isolation
import LinuxSystem
import Model
import Networking

/// A connection to a receiver of log lines. No thread waits for a receiver that is slow or away: what it does not take in time
/// fails.
struct LogSocket: Sendable {
  static let connectSeconds = 5.0
  static let sendSeconds = 10.0
  /// Of a server with more addresses the first ones are tried.
  private static let mostAddresses = 16

  private let socket: AsyncDescriptor
  /// Over TCP each message ends with a line feed (RFC 6587, section 3.4.2).
  private let isStream: Bool
  var patienceSeconds = LogSocket.sendSeconds

  /// Connects. Names are looked up on `lookups`, as that blocks.
  /// - Throws: `unavailable` with the receiver's address.
  static func open(_ address: SyslogAddress, poller: Poller, lookups: BlockingExecutor) async throws -> LogSocket {
    do {
      switch address {
      case .local(let path): return try local(path, poller: poller)
      case .remote(let host, let port, let stream):
        let addresses = try await lookups.run { try SocketAddress.lookUp(host, port: port, atMost: mostAddresses) }
        let socket = try await within(connectSeconds) {
          try await connect(stream ? .tcp : .udp, to: addresses, poller: poller)
        }
        return LogSocket(socket: socket, isStream: stream)
      }
    } catch let error as SystemError {
      throw PlatformError(
        .unavailable,
        "failed to initialize logging driver: \(address) does not answer: \(SystemError.message(for: error.errno))",
        cause: error)
    } catch let error as HostNotFound {
      throw PlatformError(
        .unavailable,
        "failed to initialize logging driver: the syslog server '\(error.host)' was not found: \(error.reason)")
    } catch is LogTimeout {
      throw PlatformError(
        .unavailable,
        "failed to initialize logging driver: \(address) does not answer within \(Int(connectSeconds)) s")
    }
  }

  /// A datagram socket to a path of the host.
  static func local(_ path: String, poller: Poller) throws -> LogSocket {
    let socket = try UnixSocket.connect(path, type: .datagram)
    return LogSocket(socket: try AsyncDescriptor(socket, poller: poller), isStream: false)
  }

  /// Sends one message whole.
  /// - Throws: EMSGSIZE where it is longer than the receiver takes, `LogTimeout`; after any other failure than EMSGSIZE the
  ///   connection is of no use.
  func send(_ message: [UInt8]) async throws {
    let bytes = isStream ? message + [10] : message
    var sent = 0
    do {
      let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
      sent = try bytes.withUnsafeBytes { buffer in
        try systemCall("send") { Glibc.send(socket.descriptor.raw, buffer.baseAddress, buffer.count, flags) }
      }
    } catch let error as SystemError where error.errno == EAGAIN {}
    if sent == bytes.count { return }
    let rest = Array(bytes[sent...])
    try await Self.within(patienceSeconds) { [socket] in try await socket.write(rest) }
  }

  // MARK: connecting

  /// The first address that takes the connection.
  private static func connect(
    _ transport: TransportProtocol, to addresses: [SocketAddress], poller: Poller
  ) async throws -> AsyncDescriptor {
    var last = SystemError(errno: EHOSTUNREACH, operation: "connect")
    for address in addresses {
      do {
        let socket = try AsyncDescriptor(try InternetSocket.connect(transport, to: address), poller: poller)
        try await poller.waitWritable(socket.descriptor.raw)
        try requireConnected(socket.descriptor)
        return socket
      } catch let error as SystemError {
        last = error
      }
    }
    throw last
  }

  private static func requireConnected(_ socket: Descriptor) throws {
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    try systemCall("getsockopt") { getsockopt(socket.raw, SOL_SOCKET, SO_ERROR, &code, &length) }
    if code != 0 { throw SystemError(errno: code, operation: "connect") }
  }

  private static func within<Result: Sendable>(
    _ seconds: Double, _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    try await withThrowingTaskGroup(of: Result.self) { group in
      group.addTask { try await body() }
      group.addTask {
        try await Task.sleep(for: .seconds(seconds))
        throw LogTimeout()
      }
      defer { group.cancelAll() }
      guard let result = try await group.next() else { throw CancellationError() }
      return result
    }
  }
}

/// A receiver took nothing for too long.
struct LogTimeout: Error, CustomStringConvertible {
  var description: String { "the receiver takes nothing" }
}
