import Glibc
import LinuxSystem
import TestNetwork
import Testing

@testable import Model
@testable import Networking

@Suite("Packets between containers, host and outside", .enabled(if: TestHost.isRoot), .blockingThreads)
struct ConnectivityTests {
  @Test func `two containers of one network reach each other with their own addresses`() throws {
    let host = try TestHost()
    let network = try host.network("front")
    let server = try host.container("server", on: network)
    let client = try host.container("client", on: network)
    let listener = try server.run { try TestTraffic.listen(.tcp, port: 80) }
    let seen = try TestTraffic.exchange(
      from: { body in try client.run(body) }, to: .ipv4(server.address, port: 80), listener: listener)
    #expect(seen.word == "hello")
    #expect(seen.peer?.host == client.address.description)
  }

  @Test func `containers reach the outside behind the host's address, and the host itself`() throws {
    let host = try TestHost()
    let network = try host.network("front")
    let client = try host.container("client", on: network)
    let outside = try NamespaceThread.run(entering: [host.outside]) { try TestTraffic.listen(.tcp, port: 443) }
    let away = try TestTraffic.exchange(
      from: { body in try client.run(body) }, to: .ipv4(TestHost.outsideAddress, port: 443), listener: outside)
    #expect(away.peer?.host == TestHost.hostAddress.description)
    let near = try host.onHost { try TestTraffic.listen(.tcp, port: 9_000) }
    let gateway = try #require(client.endpoint.gateway)
    let seen = try TestTraffic.exchange(
      from: { body in try client.run(body) }, to: .ipv4(gateway, port: 9_000), listener: near)
    #expect(seen.peer?.host == client.address.description)
  }
}
