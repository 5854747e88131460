import Glibc
import HTTPServing
import Internet
import LinuxSystem
import Networking
import TestNetwork
import Testing

@testable import ServiceProxy

@Suite("Services in the kernel", .enabled(if: TestNode.isRoot), .blockingThreads, .serialized)
struct LiveServiceTests {
  private static let address = IPv4Address(bits: 0x0a60_0101)
  private static let target = SocketAddress.ipv4(address, port: 80)

  /// Words of so many connections, with how often each came.
  private static func spread(
    _ count: Int, _ client: (@Sendable () throws -> String) throws -> String,
    _ connect: @escaping @Sendable () throws -> String
  ) rethrows -> [String: Int] {
    try (0..<count).reduce(into: [:]) { words, _ in words[try client(connect), default: 0] += 1 }
  }

  private static func refusal(_ body: () throws -> String) -> Int32? {
    do {
      _ = try body()
      return nil
    } catch {
      return (error as? SystemError)?.errno
    }
  }

  @Test func `connections are spread over the endpoints of a service, from pods and from the node`() throws {
    let node = try TestNode()
    let (one, two, client) = (try node.pod(), try node.pod(), try node.pod())
    let servers = try [one.serve(), two.serve()]
    node.tell([
      Sample.services(Sample.service()),
      Sample.slices(Sample.slice("web", one.address.description, two.address.description)),
    ])
    let addresses = Set([one.address.description, two.address.description])
    // 400 of fair coins: 80 to either side of 200 is eight standard deviations.
    let words = try client.run {
      try Self.spread(400, { try $0() }, { try EchoClient.word(at: Self.target) })
    }
    #expect(Set(words.keys) == addresses)
    #expect(words.values.allSatisfy { (160...240).contains($0) }, "\(words)")
    let fromNode = try node.onHost { try Self.spread(40, { try $0() }, { try EchoClient.word(at: Self.target) }) }
    #expect(Set(fromNode.keys) == addresses)
    withExtendedLifetime(servers) {}
  }

  @Test func `a node without any route reaches services all the same`() throws {
    let node = try TestNode(hasUplink: false)
    let pod = try node.pod()
    let server = try pod.serve()
    node.tell([Sample.services(Sample.service()), Sample.slices(Sample.slice("web", pod.address.description))])
    #expect(try node.onHost { try EchoClient.word(at: Self.target) } == pod.address.description)
    #expect(
      try node.onHost {
        Self.refusal { try EchoClient.word(at: .ipv4(IPv4Address(bits: 0x0a60_7777), port: 80)) }
      } == ECONNREFUSED)
    withExtendedLifetime(server) {}
  }

  @Test func `an endpoint that goes gets no new connection, and those it has go on`() throws {
    let node = try TestNode()
    let (one, two, client) = (try node.pod(), try node.pod(), try node.pod())
    let servers = try [one.serve(), two.serve()]
    node.tell([Sample.services(Sample.service()), Sample.slices(Sample.slice("web", one.address.description))])
    let old = try client.run { try EchoClient(to: Self.target) }
    #expect(try old.ask() == one.address.description)
    let ending = Sample.Endpoint(
      address: one.address.description, ready: false, serving: true, terminating: true)
    node.tell([Sample.changed(Sample.slice(of: [ending, .init(address: two.address.description)]))])
    let words = try client.run { try Self.spread(40, { try $0() }, { try EchoClient.word(at: Self.target) }) }
    #expect(words == [two.address.description: 40])
    #expect(try old.ask() == one.address.description)
    node.tell([Sample.changed(Sample.slice("web", two.address.description))])
    #expect(try old.ask() == one.address.description)
    withExtendedLifetime(servers) {}
  }

  @Test func `what has no endpoint is refused at once, whoever asks`() throws {
    let node = try TestNode()
    let client = try node.pod()
    node.tell([
      Sample.services(
        Sample.service(type: "NodePort", nodePort: 30_080),
        Sample.service("names", address: "10.96.1.2", port: 53, transport: "UDP")), Sample.slices(),
    ])
    let targets = [
      Self.target,
      // A port that the service has not, an address that no service has, the node's port.
      SocketAddress.ipv4(Self.address, port: 81),
      .ipv4(IPv4Address(bits: 0x0a60_7777), port: 80), .ipv4(TestWire.hostAddress, port: 30_080),
    ]
    for target in targets {
      #expect(try client.run { Self.refusal { try EchoClient.word(at: target) } } == ECONNREFUSED, "\(target)")
      #expect(try node.onHost { Self.refusal { try EchoClient.word(at: target) } } == ECONNREFUSED, "\(target)")
    }
    let names = SocketAddress.ipv4(IPv4Address(bits: 0x0a60_0102), port: 53)
    #expect(try client.run { Self.refusal { try EchoClient.word(.udp, at: names) } } == ECONNREFUSED)
    #expect(
      try node.onOutside {
        Self.refusal { try EchoClient.word(at: .ipv4(TestWire.hostAddress, port: 30_080)) }
      } == ECONNREFUSED)
  }

  @Test func `a pod reaches itself through its service`() throws {
    let node = try TestNode()
    let pod = try node.pod()
    let server = try pod.serve()
    node.tell([Sample.services(Sample.service()), Sample.slices(Sample.slice("web", pod.address.description))])
    #expect(try pod.run { try EchoClient.word(at: Self.target) } == pod.address.description)
    withExtendedLifetime(server) {}
  }

  @Test func `a node port is reached from outside, from pods, and at the node's loopback address`() throws {
    let node = try TestNode()
    let (pod, client) = (try node.pod(), try node.pod())
    let server = try pod.serve()
    node.tell([
      Sample.services(Sample.service(type: "NodePort", nodePort: 30_080)),
      Sample.slices(Sample.slice("web", pod.address.description)),
    ])
    let word = pod.address.description
    let target = SocketAddress.ipv4(TestWire.hostAddress, port: 30_080)
    #expect(try node.onOutside { try EchoClient.word(at: target) } == word)
    #expect(try client.run { try EchoClient.word(at: target) } == word)
    #expect(try pod.run { try EchoClient.word(at: target) } == word)
    #expect(try node.onHost { try EchoClient.word(at: .ipv4(.loopback, port: 30_080)) } == word)
    withExtendedLifetime(server) {}
  }

  @Test func `who sends what is for the cluster's own addresses to this node reaches none of them`() throws {
    let node = try TestNode()
    let (pod, client) = (try node.pod(), try node.pod())
    let server = try pod.serve()
    let names = try node.onHost { try TestTraffic.listen(.tcp, port: 53, address: TestNode.nameService) }
    let empty = IPv4Address(bits: 0x0a60_0102)
    node.tell([
      Sample.services(
        Sample.service(type: "NodePort", nodePort: 30_080), Sample.service("empty", address: "10.96.1.2")),
      Sample.slices(Sample.slice("web", pod.address.description)),
    ])
    let places = [
      Self.target, .ipv4(TestNode.nameService, port: 53), .ipv4(TestNode.nameService, port: 30_080),
      .ipv4(empty, port: 80),
    ]
    try node.leadOutside()
    for place in places { #expect(try !node.onOutside { TestTraffic.connects(to: place) }, "\(place)") }
    for place in places.dropLast() { #expect(try client.run { TestTraffic.connects(to: place) }, "\(place)") }
    withExtendedLifetime((server, names)) {}
  }

  @Test func `the list of what other hosts reach equals a scan, though no agent runs`() throws {
    let node = try TestNode()
    let pod = try node.pod()
    let server = try pod.serve()
    let ranges: [String: JSONValue] = ["loadBalancerSourceRanges": ["192.0.2.0/24"]]
    let affinity: [String: JSONValue] = ["sessionAffinity": "ClientIP"]
    node.tell([
      Sample.services(
        Sample.service(
          type: "LoadBalancer", nodePort: 30_080, more: ["externalIPs": ["203.0.113.9"]], ingress: ["198.51.100.77"]),
        Sample.service("narrow", type: "LoadBalancer", address: "10.96.1.2", more: ranges, ingress: ["198.51.100.78"]),
        Sample.service("empty", type: "NodePort", address: "10.96.1.3", nodePort: 30_081),
        Sample.service("sticky", type: "NodePort", address: "10.96.1.4", nodePort: 30_082, more: affinity)),
      Sample.slices(
        Sample.slice("web", pod.address.description), Sample.slice("narrow", pod.address.description),
        Sample.slice("sticky", pod.address.description)),
    ])
    node.proxy.stop()
    try node.leadOutside()
    func compare() throws -> [String] {
      try node.exposure().ports.map { port in
        let address = port.address == "0.0.0.0" ? TestWire.hostAddress.description : port.address
        let target = try #require(SocketAddress(address, port: port.port))
        let isReached = try node.onOutside { TestTraffic.connects(to: target) }
        // The host outside is none of the source range.
        #expect(isReached == (port.verdict.kind == .open), "\(port)")
        guard case .service(let name, let place, _) = port.opener else { return "\(port)" }
        return "\(place.rawValue) of \(name ?? "?"), \(port.port): \(port.verdict.kind.rawValue)"
      }
    }
    #expect(
      try compare().sorted() == [
        "cluster address of default/empty, 80: closed", "cluster address of default/narrow, 80: closed",
        "cluster address of default/sticky, 80: closed", "cluster address of default/web, 80: closed",
        "external address of default/web, 80: open", "load balancer of default/narrow, 80: depends",
        "load balancer of default/web, 80: open", "node port of default/empty, 30081: closed",
        "node port of default/sticky, 30082: open", "node port of default/web, 30080: open",
      ])
    _ = try node.nft("add table inet filter")
    _ = try node.nft("add chain inet filter passing { type filter hook forward priority 0 ; policy drop ; }")
    #expect(try compare().allSatisfy { $0.hasSuffix("closed") })
    _ = try node.nft("add rule inet filter passing ct status dnat accept")
    #expect(try compare().filter { $0.hasSuffix("open") }.count == 4)
    withExtendedLifetime(server) {}
  }

  @Test(arguments: [("Cluster", false), ("Local", true)])
  func `a node port keeps the client's address where traffic stays local`(policy: String, isKept: Bool) throws {
    let node = try TestNode()
    let pod = try node.pod()
    let listener = try pod.run { try TestTraffic.listen(.tcp, port: 8_080) }
    node.tell([
      Sample.services(
        Sample.service(
          type: "NodePort", nodePort: 30_080, more: ["externalTrafficPolicy": .string(policy)])),
      Sample.slices(Sample.slice("web", pod.address.description)),
    ])
    let (peer, word) = try TestTraffic.exchange(
      from: node.onOutside, to: .ipv4(TestWire.hostAddress, port: 30_080), listener: listener)
    #expect(word == "hello")
    #expect((peer?.host == TestWire.outsideAddress.description) == isKept, "\(String(describing: peer))")
  }

  @Test func `a load balancer's address is the node's, and lets in who may`() throws {
    let node = try TestNode()
    let (pod, client) = (try node.pod(), try node.pod())
    let server = try pod.serve()
    let balancer = "198.51.100.77"
    func service(_ range: String) -> JSONValue {
      Sample.service(
        type: "LoadBalancer", more: ["loadBalancerSourceRanges": [.string(range)]], ingress: [balancer])
    }
    node.tell([
      Sample.services(service("198.51.100.0/28")), Sample.slices(Sample.slice("web", pod.address.description)),
    ])
    let target = try #require(SocketAddress(balancer, port: 80))
    #expect(try node.onOutside { try EchoClient.word(at: target) } == pod.address.description)
    #expect(try client.run { Self.refusal { try EchoClient.word(at: target) } } == EINPROGRESS)
    let other = try #require(SocketAddress(balancer, port: 81))
    #expect(try node.onOutside { Self.refusal { try EchoClient.word(at: other) } } == ECONNREFUSED)
    node.tell([Sample.present(service("10.244.0.0/16"))])
    #expect(try client.run { try EchoClient.word(at: target) } == pod.address.description)
    node.tell([Sample.present(Sample.service())])
    #expect(try node.onOutside { Self.refusal { try EchoClient.word(at: target) } } != nil)
    withExtendedLifetime(server) {}
  }

  @Test func `a client stays with its endpoint, also when others come and go and the proxy is started anew`() throws {
    let node = try TestNode()
    let pods = try (0..<3).map { _ in try node.pod() }
    let client = try node.pod()
    let servers = try pods.map { try $0.serve() }
    let affinity: [String: JSONValue] = ["sessionAffinity": "ClientIP"]
    func slice(_ pods: [TestNode.Pod]) -> JSONValue {
      Sample.slice(of: pods.map { Sample.Endpoint(address: $0.address.description) })
    }
    node.tell([Sample.services(Sample.service(more: affinity)), Sample.slices(slice(pods))])
    func words() throws -> Set<String> {
      try client.run { Set(try (0..<20).map { _ in try EchoClient.word(at: Self.target) }) }
    }
    let first = try words()
    #expect(first.count == 1)
    let own = try #require(pods.first { first.contains($0.address.description) })
    node.tell([Sample.changed(slice([own]))])
    #expect(try words() == first)
    node.tell([Sample.changed(slice(pods))])
    #expect(try words() == first)
    node.proxy.stop()
    let second = try node.secondProxy()
    for news in [Sample.services(Sample.service(more: affinity)), Sample.slices(slice(pods))] { second.receive(news) }
    second.settle()
    #expect(try words() == first)
    // Its endpoint goes: the client gets another, and its chains go with it.
    let rest = pods.filter { $0.address != own.address }
    second.receive(Sample.changed(slice(rest)))
    second.settle()
    #expect(try words().isDisjoint(with: first))
    second.receive(Sample.present(Sample.service()))
    second.settle()
    let left = try node.nft("list table inet bulkhead-services")
    for prefix in [StickyGroup.prefix, StickyGroup.memberPrefix, StickyGroup.clientPrefix] {
      #expect(!left.contains(prefix))
    }
    withExtendedLifetime(servers) {}
  }

  @Test func `an exchange of UDP goes to another endpoint when its own is gone`() throws {
    let node = try TestNode()
    let (one, two, client) = (try node.pod(), try node.pod(), try node.pod())
    let servers = try [one.serve(8_080, .udp), two.serve(8_080, .udp)]
    func slice(_ pods: TestNode.Pod...) -> JSONValue {
      Sample.slice(of: pods.map { Sample.Endpoint(address: $0.address.description) }, transport: "UDP")
    }
    node.tell([Sample.services(Sample.service(transport: "UDP")), Sample.slices(slice())])
    let exchange = try client.run { try EchoClient(.udp, to: Self.target) }
    #expect(Self.refusal { try exchange.ask() } == ECONNREFUSED)
    node.tell([Sample.changed(slice(one))])
    #expect(try exchange.ask() == one.address.description)
    node.tell([Sample.changed(slice(one, two))])
    #expect(try exchange.ask() == one.address.description)
    node.tell([Sample.changed(slice(two))])
    #expect(try exchange.ask() == two.address.description)
    withExtendedLifetime(servers) {}
  }

  @Test(arguments: [
    "flush ruleset", "delete table inet bulkhead-services", "flush chain inet bulkhead-services find",
    "delete element inet bulkhead-services services { 10.96.1.1 . tcp . 80 }",
  ])
  func `what somebody takes away is back soon`(command: String) async throws {
    let node = try TestNode()
    let (pod, client) = (try node.pod(), try node.pod())
    let server = try pod.serve()
    node.tell([Sample.services(Sample.service()), Sample.slices(Sample.slice("web", pod.address.description))])
    let start = ContinuousClock.now
    _ = try node.nft(command)
    var word: String?
    while word == nil, start.duration(to: .now) < .seconds(2) {
      word = try? client.run { try EchoClient.word(at: Self.target) }
    }
    #expect(word == pod.address.description)
    withExtendedLifetime(server) {}
  }

  @Test func `a proxy that comes back keeps what is right and removes what nobody wants`() throws {
    let node = try TestNode()
    let (pod, client) = (try node.pod(), try node.pod())
    let server = try pod.serve()
    let slice = Sample.slice("web", pod.address.description)
    let gone = Sample.service("gone", address: "10.96.1.9")
    node.tell([
      Sample.services(Sample.service(), gone), Sample.slices(slice, Sample.slice("gone", pod.address.description)),
    ])
    node.proxy.stop()
    let second = try node.secondProxy()
    second.receive(Sample.services(Sample.service()))
    second.settle()
    // Not before all is known.
    #expect(try client.run { try EchoClient.word(at: .ipv4(IPv4Address(bits: 0x0a60_0109), port: 80)) } != "")
    second.receive(Sample.slices(slice))
    second.settle()
    #expect(try client.run { try EchoClient.word(at: Self.target) } == pod.address.description)
    let left = try client.run {
      Self.refusal { try EchoClient.word(at: .ipv4(IPv4Address(bits: 0x0a60_0109), port: 80)) }
    }
    #expect(left == ECONNREFUSED)
    try second.removeAll()
    #expect(try !node.nft("list tables").contains("bulkhead-services"))
    withExtendedLifetime(server) {}
  }
}
