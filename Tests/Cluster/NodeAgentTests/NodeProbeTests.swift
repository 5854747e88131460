import Glibc
import KubeMachinery
import LinuxSystem
import Logging
import Testing

@testable import NodeAgent

/// Probes of those who answer slowly or never. A second of theirs is a thousandth of one.
@Suite(.timeLimit(.minutes(1)))
struct NodeProbeTests {
  /// A socket of 127.0.0.1 that listens.
  private struct Listener {
    let descriptor: Descriptor
    let port: Int64

    init(backlog: Int32) throws {
      descriptor = Descriptor(owning: socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0))
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let raw = descriptor.raw
      let listens = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
          bind(raw, address, length) == 0 && listen(raw, backlog) == 0 && getsockname(raw, address, &length) == 0
        }
      }
      try #require(listens)
      port = Int64(UInt16(bigEndian: address.sin_port))
    }

    /// The next connection, which gets these bytes. Blocks.
    func answer(_ text: String) throws -> Descriptor {
      let connection = Descriptor(owning: accept(descriptor.raw, nil, nil))
      try connection.write(all: Array(text.utf8))
      return connection
    }
  }

  private let probes = NodeProbes(
    runtime: FakeRuntime(), version: "1", clock: QuickClock(),
    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })

  @Test("An answer whose body does not end is too late, though its head was in time")
  func endlessBody() async throws {
    let listener = try Listener(backlog: 8)
    let check = ProbeTarget.HTTPCheck(
      isEncrypted: false, host: "127.0.0.1", port: listener.port, path: "/x", headers: [])
    async let answer = probes.run(.http(check), in: "c0", address: "127.0.0.1", timeoutSeconds: 1_000)
    let connection = try listener.answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
    #expect(
      await answer
        == .failure(
          "Get \"http://127.0.0.1:\(listener.port)/x\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        ))
    withExtendedLifetime(connection) {}
    probes.shutdown()
  }

  @Test("A server that takes the connection and says nothing is too late")
  func silence() async throws {
    let listener = try Listener(backlog: 8)
    let answer = await probes.run(
      .grpc(port: listener.port, service: ""), in: "c0", address: "127.0.0.1", timeoutSeconds: 100)
    #expect(answer == .failure("timeout: failed to connect service within 100s"))
    probes.shutdown()
  }

  @Test("A probe that is called off says nothing about the pod")
  func calledOff() async throws {
    let listener = try Listener(backlog: 8)
    let probing = Task {
      await probes.run(
        .grpc(port: listener.port, service: ""), in: "c0", address: "127.0.0.1", timeoutSeconds: 1_000_000)
    }
    probing.cancel()
    #expect(await probing.value == .unknown("cancelled"))
    probes.shutdown()
  }
}
