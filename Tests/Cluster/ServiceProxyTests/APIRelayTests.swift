import Glibc
import Internet
import LinuxSystem
import TestNetwork
import Testing

@testable import ServiceProxy

@Suite struct APIRelayTests {
  private static let address = IPv4Address(bits: 0x0a60_0001)
  private static let settings = APIRelay.Settings(
    address: address, port: 6_443,
    podRanges: [IPv4Subnet(containing: IPv4Address(bits: 0x0af4_0000), prefixLength: 24)])

  @Test(arguments: [
    ("https://127.0.0.1:6443", "127.0.0.1:6443"), ("https://198.51.100.2", "198.51.100.2:443"),
    ("https://[::1]:7443/api", "[::1]:7443"), ("https://[::1]", "[::1]:443"),
    ("http://127.0.0.1:6443", nil), ("https://127.0.0.1:0", nil), ("https://127.0.0.1:70000", nil),
    ("https://127.0.0.1:port", nil), ("https://user@127.0.0.1:1", nil), ("https://:6443", nil), ("https://", nil),
    ("", nil),
  ])
  func `the server is where its URL says`(_ url: String, _ expected: String?) throws {
    #expect(APIRelay.place(url).map { "\($0.host):\($0.port)" } == expected)
    if let expected { #expect(try APIRelay.targets(url, besides: Self.settings).map(\.text) == [expected]) }
  }

  @Test(arguments: ["https://10.96.0.1:6443", "https://10.96.0.1"])
  func `it never leads to itself`(_ url: String) {
    #expect(throws: SystemError(errno: ELOOP, operation: "find the server", subject: url)) {
      try APIRelay.targets(url, besides: Self.settings)
    }
  }

  @Test(arguments: [
    ("10.244.0.7", true), ("10.96.0.1", true), ("127.0.0.1", true), ("10.244.1.7", false), ("198.51.100.1", false),
    ("10.96.0.2", false), ("::1", false), ("::ffff:10.244.0.7", false),
  ])
  func `pods and the node may use it`(_ client: String, _ isAdmitted: Bool) throws {
    #expect(APIRelay.admits(try #require(SocketAddress(client, port: 1_000)), Self.settings) == isAdmitted)
  }

  @Test(arguments: [
    ("10.244.0.7", "127.0.0.1", "127.244.0.7"), ("10.96.0.1", "127.0.0.1", "127.96.0.1"),
    ("10.244.0.7", "198.51.100.2", nil), ("10.244.0.7", "::1", nil),
  ])
  func `a server on the loopback tells clients apart`(_ client: String, _ target: String, _ source: String?) throws {
    let (client, target) = (
      try #require(SocketAddress(client, port: 1_000)), try #require(SocketAddress(target, port: 6_443))
    )
    #expect(APIRelay.source(for: client, to: target)?.description == source)
  }
}

@Suite("The API in the cluster", .enabled(if: TestNode.isRoot), .blockingThreads)
struct LiveAPIRelayTests {
  private static let target = SocketAddress.ipv4(TestNode.apiAddress, port: 443)

  @Test func `pods and the node reach a server on the node's loopback by its service, others reach nothing`() throws {
    let node = try TestNode()
    let pod = try node.pod()
    let server = try node.onHost { try EchoServer(.tcp, port: 7_443, word: "api", address: .loopback) }
    let relay = try node.relay(to: "https://127.0.0.1:7443")
    defer { relay.cancel() }
    node.tell([
      Sample.services(Sample.service("kubernetes", address: "10.96.0.1", port: 443)),
      Sample.slices(Sample.slice("kubernetes", "10.96.0.1", port: 6_443)),
    ])
    #expect(try pod.run { try EchoClient.word(at: Self.target) } == "api")
    #expect(try node.onHost { try EchoClient.word(at: Self.target) } == "api")
    #expect(try pod.run { try EchoClient.word(at: .ipv4(TestNode.apiAddress, port: 6_443)) } == "api")
    // Other ports of the address lead nowhere.
    #expect(throws: SystemError(errno: ECONNREFUSED, operation: "connect")) {
      try pod.run { try EchoClient.word(at: .ipv4(TestNode.apiAddress, port: 80)) }
    }
    // A neighbour who sends what is for the address to this node.
    try node.leadOutside(to: TestNode.apiAddress)
    for port in [443, 6_443] as [UInt16] {
      #expect(throws: SystemError.self) {
        try node.onOutside { try EchoClient.word(at: .ipv4(TestNode.apiAddress, port: port)) }
      }
    }
    withExtendedLifetime(server) {}
  }

  @Test func `a server at an address of the node is reached without a relay`() throws {
    let node = try TestNode()
    let pod = try node.pod()
    let server = try node.onHost { try EchoServer(.tcp, port: 7_443, word: "api", address: TestWire.hostAddress) }
    node.tell([
      Sample.services(Sample.service("kubernetes", address: "10.96.0.1", port: 443)),
      Sample.slices(Sample.slice("kubernetes", TestWire.hostAddress.description, port: 7_443)),
    ])
    #expect(try pod.run { try EchoClient.word(at: Self.target) } == "api")
    #expect(try node.onHost { try EchoClient.word(at: Self.target) } == "api")
    withExtendedLifetime(server) {}
  }
}
