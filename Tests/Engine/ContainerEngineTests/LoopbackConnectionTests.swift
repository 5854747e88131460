import Glibc
import LinuxSystem
import Testing

@testable import ContainerEngine

@Suite("Connections to ports of pods") struct LoopbackConnectionTests {
  /// One that listens at a port of 127.0.0.1 and takes nothing.
  private static func listener(backlog: Int32) throws -> (socket: Descriptor, port: UInt16) {
    let socket = Descriptor(
      owning: try systemCall("socket") {
        Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      })
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    try withUnsafeMutablePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        try systemCall("bind") { bind(socket.raw, pointer, length) }
        try systemCall("listen") { listen(socket.raw, backlog) }
        try systemCall("getsockname") { getsockname(socket.raw, pointer, &length) }
      }
    }
    return (socket, UInt16(bigEndian: address.sin_port))
  }

  @Test func aFullQueueIsGivenUpInTimeWithoutAThread() async throws {
    let poller = try Poller()
    defer { poller.shutdown() }
    let (socket, port) = try Self.listener(backlog: 0)
    var connections: [Descriptor] = []
    var failure: SystemError?
    // The kernel takes one more than it was told, sometimes two.
    for _ in 0..<4 where failure == nil {
      do {
        let connection = try LoopbackConnection.begin(port)
        try await LoopbackConnection.finish(connection, poller: poller, within: .milliseconds(100))
        connections.append(connection)
      } catch let error as SystemError { failure = error }
    }
    #expect(failure?.errno == ETIMEDOUT && !connections.isEmpty)
    withExtendedLifetime(socket) {}
  }

  @Test func whereNobodyListensItIsRefused() async throws {
    let poller = try Poller()
    defer { poller.shutdown() }
    let port = try Self.listener(backlog: 1).port
    let error = await #expect(throws: SystemError.self) {
      try await LoopbackConnection.finish(LoopbackConnection.begin(port), poller: poller)
    }
    #expect(error?.errno == ECONNREFUSED)
  }
}
