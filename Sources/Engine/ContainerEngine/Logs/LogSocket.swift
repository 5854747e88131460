import Glibc
import Isolation
import LinuxSystem
import Model

/// A connection to a receiver of log lines. No thread waits for a receiver that is slow or away: what it does not take in time
/// fails.
struct LogSocket: Sendable {
  static let connectSeconds = 5.0
  static let sendSeconds = 10.0

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
        let candidates = try await lookups.run { try lookUp(host, port: port, stream: stream) }
        let socket = try await within(connectSeconds) { try await connect(candidates, poller: poller) }
        return LogSocket(socket: socket, isStream: stream)
      }
    } catch let error as SystemError {
      throw PlatformError(
        .unavailable,
        "failed to initialize logging driver: \(address) does not answer: \(SystemError.message(for: error.errno))",
        cause: error)
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

  private struct Candidate: Sendable {
    var family: Int32
    var type: Int32
    var address: [UInt8]
  }

  private static func lookUp(_ host: String, port: UInt16, stream: Bool) throws -> [Candidate] {
    var hints = addrinfo()
    hints.ai_socktype = stream ? Int32(SOCK_STREAM.rawValue) : Int32(SOCK_DGRAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &list)
    defer { if let list { freeaddrinfo(list) } }
    var candidates: [Candidate] = []
    var next = list
    while let entry = next?.pointee {
      let bytes = UnsafeRawBufferPointer(start: entry.ai_addr, count: Int(entry.ai_addrlen))
      candidates.append(Candidate(family: entry.ai_family, type: entry.ai_socktype, address: Array(bytes)))
      next = entry.ai_next
    }
    guard code == 0, !candidates.isEmpty else {
      throw PlatformError(
        .unavailable,
        "failed to initialize logging driver: the syslog server '\(host)' was not found: \(String(cString: gai_strerror(code)))"
      )
    }
    return candidates
  }

  /// The first candidate that takes the connection.
  private static func connect(_ candidates: [Candidate], poller: Poller) async throws -> AsyncDescriptor {
    var last = SystemError(errno: EHOSTUNREACH, operation: "connect")
    for candidate in candidates {
      do {
        let raw = try systemCall("socket") {
          Glibc.socket(candidate.family, candidate.type | Int32(SOCK_CLOEXEC.rawValue), 0)
        }
        let socket = try AsyncDescriptor(Descriptor(owning: raw), poller: poller)
        do {
          try connectNow(socket.descriptor, candidate.address)
        } catch let error as SystemError where error.errno == EINPROGRESS {
          try await poller.waitWritable(raw)
          try requireConnected(socket.descriptor)
        }
        return socket
      } catch let error as SystemError {
        last = error
      }
    }
    throw last
  }

  private static func connectNow(_ socket: Descriptor, _ address: [UInt8]) throws {
    try address.withUnsafeBytes { bytes in
      try bytes.withMemoryRebound(to: sockaddr.self) { pointer in
        _ = try systemCall("connect") {
          Glibc.connect(socket.raw, pointer.baseAddress, socklen_t(address.count))
        }
      }
    }
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
