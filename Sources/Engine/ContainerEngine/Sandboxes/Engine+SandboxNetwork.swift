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
  /// - Throws: `unavailable` where nobody listens, `conflict` for a sandbox that is stopped.
  public func connect(toPort port: UInt16, inSandbox reference: String) async throws -> AsyncDescriptor {
    let record = try sandboxRegistry.find(reference).record
    guard record.state == .ready else {
      throw PlatformError(.conflict, "the pod sandbox \(record.id.short) is stopped")
    }
    let namespace = try namespaces(of: record.id).open(.net)
    do {
      // On the loopback link a connection is made or refused at once.
      let socket =
        try namespace.map { namespace in
          try NamespaceThread.run(entering: [namespace]) { try Self.connectLoopback(port) }
        } ?? Self.connectLoopback(port)
      return try AsyncDescriptor(socket, poller: poller)
    } catch let error as SystemError {
      throw PlatformError(
        .unavailable,
        "failed to connect to port \(port) in pod sandbox \(record.id.short): \(SystemError.message(for: error.errno))",
        cause: error)
    }
  }

  private static func connectLoopback(_ port: UInt16) throws -> Descriptor {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    let socket = Descriptor(owning: try systemCall("socket") { Glibc.socket(AF_INET, type, 0) })
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    try withUnsafePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        _ = try systemCall("connect", "port \(port)") {
          Glibc.connect(socket.raw, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
    }
    return socket
  }
}
