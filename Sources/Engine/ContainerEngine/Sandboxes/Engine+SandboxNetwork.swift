import Glibc
import LinuxSystem
import Model
import Networking

extension Engine {
  /// What a sandbox's address has sent and received; nil for one on the host's network, and for a stopped one.
  public func networkStatistics(ofSandbox id: ContainerID) throws -> EndpointStatistics? {
    try sandboxRegistry.find(id.hex).record.endpoint.map { try networking.statistics($0) }
  }

  /// Connects to a TCP port of 127.0.0.1 in a sandbox's network, as programs in its containers see it.
  /// - Throws: `unavailable` where nobody listens, or nobody takes the connection within 5 s; `conflict` for a sandbox that is stopped.
  public func connect(toPort port: UInt16, inSandbox reference: String) async throws -> AsyncDescriptor {
    let record = try sandboxRegistry.find(reference).record
    guard record.state == .ready else {
      throw PlatformError(.conflict, "the pod sandbox \(record.id.short) is stopped")
    }
    let namespace = try namespaces(of: record.id).open(.net)
    do {
      let socket =
        try namespace.map { namespace in
          try NamespaceThread.run(entering: [namespace]) { try LoopbackConnection.begin(port) }
        } ?? LoopbackConnection.begin(port)
      try await LoopbackConnection.finish(socket, poller: poller)
      return try AsyncDescriptor(socket, poller: poller)
    } catch let error as SystemError {
      throw PlatformError(
        .unavailable,
        "failed to connect to port \(port) in pod sandbox \(record.id.short): \(SystemError.message(for: error.errno))",
        cause: error)
    }
  }
}

/// A TCP connection to 127.0.0.1 that blocks no thread: on the loopback link it is made or refused at once, but where the one who
/// listens takes none the kernel goes on asking for minutes. Source: connect(2), tcp(7).
enum LoopbackConnection {
  static let patience = Duration.seconds(5)

  /// Begins one in the network namespace of the calling thread.
  static func begin(_ port: UInt16) throws -> Descriptor {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let socket = Descriptor(owning: try systemCall("socket") { Glibc.socket(AF_INET, type, 0) })
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    do {
      try withUnsafePointer(to: &address) { pointer in
        try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
          _ = try systemCall("connect", "port \(port)") {
            Glibc.connect(socket.raw, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
          }
        }
      }
    } catch let error as SystemError where error.errno == EINPROGRESS {}
    return socket
  }

  /// Waits until it is made. Throws `SystemError`: what connect(2) does, `ETIMEDOUT` where nobody takes it in time.
  static func finish(_ socket: Descriptor, poller: Poller, within limit: Duration = patience) async throws {
    let raw = socket.raw
    guard try await Deadline.run(within: limit, { try await poller.waitWritable(raw) }) != nil else {
      throw SystemError(errno: ETIMEDOUT, operation: "connect")
    }
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    try systemCall("getsockopt") { getsockopt(raw, SOL_SOCKET, SO_ERROR, &code, &length) }
    if code != 0 { throw SystemError(errno: code, operation: "connect") }
  }
}
