import Glibc
import LinuxSystem
import TestNetwork
import Testing

@testable import Model
@testable import Networking

@Suite("Name service", .enabled(if: TestHost.isRoot), .blockingThreads)
struct NameServiceTests {
  /// Asks 127.0.0.11 from inside a container and returns code and address records of the answer.
  private func ask(
    _ name: String, type: UInt16 = DNSMessage.RecordType.a, in container: TestContainer,
    over transport: TransportProtocol = .udp, limit: UInt16? = nil
  ) throws -> TestAnswer {
    try container.run { try TestQuestion.ask(DNSServer.address, name, type: type, over: transport, limit: limit) }
  }

  private func serve(_ host: TestHost, _ container: TestContainer, servers: [String] = []) throws {
    try host.onHost {
      try host.stack.startDNS(
        container: container.id, netns: container.netns, endpoints: container.endpoints, servers: servers)
    }
  }

  @Test(arguments: [TransportProtocol.udp, .tcp])
  func `names, aliases and short ids resolve on shared networks only`(transport: TransportProtocol) throws {
    let host = try TestHost()
    let front = try host.network("front")
    let back = try host.network("back")
    let web = try host.container("web", on: front, aliases: ["www", "Site.Local"])
    let db = try host.container("db", on: back)
    let both = try host.container("both", on: front, back)
    for container in [web, db, both] {
      // Servers that refuse: nothing of ours may come from outside.
      try serve(host, container, servers: [TestHost.hostAddress.description])
    }
    let address = web.address.description
    for name in ["web", "WEB", "www", "site.local", web.id.short, "web.front"] {
      #expect(try ask(name, in: both, over: transport).addresses == [address], "\(name)")
    }
    #expect(try ask("db", in: both, over: transport).addresses == [db.address.description])
    #expect(try ask("db", in: web, over: transport).code == 2)
    #expect(try ask("web", in: db, over: transport).code == 2)
    let empty = try ask("web", type: DNSMessage.RecordType.aaaa, in: both, over: transport)
    #expect(empty.code == 0 && empty.addresses.isEmpty)
    let reverse = web.address.octets.reversed().map(String.init).joined(separator: ".") + ".in-addr.arpa"
    #expect(try ask(reverse, type: DNSMessage.RecordType.ptr, in: both, over: transport).names == ["web.front"])
    let nobody = "99." + web.address.octets.dropLast().reversed().map(String.init).joined(separator: ".")
    let unknown = try ask(nobody + ".in-addr.arpa", type: DNSMessage.RecordType.ptr, in: both, over: transport)
    #expect(unknown.code == 3)

    host.stack.updateNames(container: web.id, endpoints: [])
    #expect(try ask("web", in: both, over: transport).code == 2)
    host.stack.stopDNS(container: both.id)
  }

  @Test func `IPv6 addresses are answered where the network has them, and back again`() throws {
    let host = try TestHost()
    let front = try host.network("front", ipv6: true)
    let web = try host.container("web", on: front)
    let client = try host.container("client", on: front)
    for container in [web, client] { try serve(host, container, servers: [TestHost.hostAddress.description]) }
    #expect(try ask("web", type: DNSMessage.RecordType.aaaa, in: client).addresses == [web.address6.description])
    #expect(try ask("web", in: client).addresses == [web.address.description])
    #expect(try ask("web", type: DNSMessage.RecordType.any, in: client).addresses.count == 2)
    let digits = web.address6.octets.reversed().flatMap { [$0 & 15, $0 >> 4] }.map { String($0, radix: 16) }
    let reverse = digits.joined(separator: ".") + ".ip6.arpa"
    #expect(try ask(reverse, type: DNSMessage.RecordType.ptr, in: client).names == ["web.front"])
    let nobody = "f." + digits.dropFirst().joined(separator: ".") + ".ip6.arpa"
    #expect(try ask(nobody, type: DNSMessage.RecordType.ptr, in: client).code == 3)
  }

  @Test func `several containers of one alias are all answered, in another order now and then`() throws {
    let host = try TestHost()
    let front = try host.network("front")
    let copies = try (0..<4).map { try host.container("vote-\($0)", on: front, aliases: ["vote"]) }
    let client = try host.container("client", on: front)
    for container in copies + [client] { try serve(host, container, servers: [TestHost.hostAddress.description]) }
    let answers = try (0..<100).map { _ in try ask("vote", in: client).addresses }
    #expect(answers.allSatisfy { Set($0) == Set(copies.map(\.address.description)) })
    // Four orders' first places: one of them missing in a hundred answers is a matter of 1 in 10^12.
    #expect(Set(answers.compactMap(\.first)).count == 4)
  }

  @Test func `the default network resolves no names`() throws {
    let host = try TestHost()
    let network = try host.network("bridge")
    let web = try host.container("web", on: network)
    try serve(host, web, servers: [TestHost.hostAddress.description])
    #expect(web.endpoint.dnsNames.isEmpty)
    #expect(try ask("web", in: web).code == 2)
  }

  @Test func `other names go to the servers asked for, over TCP where the answer is long`() throws {
    let host = try TestHost()
    let container = try host.container("web", on: try host.network("front"))
    let upstream = try UpstreamServer(in: host.outside)
    try serve(host, container, servers: [TestHost.outsideAddress.description])
    #expect(try ask("short.example", in: container).addresses == ["192.0.2.1"])
    #expect(try ask("missing.example", in: container).code == 3)
    let long = try ask("long.example", in: container, limit: 4_096)
    #expect(long.addresses.count == 60 && !long.isTruncated)
    #expect(try ask("long.example", in: container).isTruncated)
    #expect(try ask("long.example", in: container, over: .tcp).addresses.count == 60)
    withExtendedLifetime(upstream) {}
  }

  @Test func `a container of internal networks has nothing forwarded`() throws {
    let host = try TestHost()
    let container = try host.container("vault", on: try host.network("hidden", internal: true))
    let upstream = try UpstreamServer(in: host.outside)
    try serve(host, container, servers: [TestHost.outsideAddress.description])
    #expect(try ask("short.example", in: container).code == 2)
    #expect(try ask("vault", in: container).addresses == [container.address.description])
    #expect(upstream.questions == 0)
  }

  @Test func `ATT-051 a server's answer does not lead to a container, nor over TCP`() throws {
    let host = try TestHost()
    let container = try host.container("web", on: try host.network("front", subnet: "172.30.9.0/24"))
    let upstream = try UpstreamServer(in: host.outside)
    try serve(host, container, servers: [TestHost.outsideAddress.description])
    for transport in TransportProtocol.allCases {
      let answer = try ask("inside.example", in: container, over: transport)
      #expect(answer.code == 0 && answer.addresses == [])
    }
    #expect(try ask("short.example", in: container).addresses == ["192.0.2.1"])
    withExtendedLifetime(upstream) {}
  }

  @Test func `the host has a name where it is the way out`() throws {
    let host = try TestHost()
    let front = try host.network("front", ipv6: true)
    let container = try host.container("web", on: front)
    let hidden = try host.container("vault", on: try host.network("hidden", internal: true))
    for container in [container, hidden] { try serve(host, container) }
    let gateway = try #require(front.gateway)
    #expect(try ask("host.docker.internal", in: container).addresses == [gateway.description])
    let gateway6 = try #require(front.ipv6?.gateway).description
    #expect(try ask("Host.Docker.Internal", type: DNSMessage.RecordType.aaaa, in: container).addresses == [gateway6])
    #expect(try ask("host.docker.internal", in: hidden).code == 3)
    let listener = try host.onHost { try TestTraffic.listen(.tcp, port: 7070) }
    #expect(try container.run { TestTraffic.connects(to: .ipv4(gateway, port: 7070)) })
    withExtendedLifetime(listener) {}
  }

  @Test func `questions above the bound of one container are refused at once`() throws {
    let host = try TestHost()
    let container = try host.container("web", on: try host.network("front"))
    let upstream = try UpstreamServer(in: host.outside)
    try serve(host, container, servers: [TestHost.outsideAddress.description])
    let surplus = 20
    let refused = try container.run {
      let socket = try InternetSocket.open(.udp, family: AF_INET, nonBlocking: false)
      try TestTraffic.limit(socket)
      let server = SocketAddress.ipv4(DNSServer.address, port: 53)
      for id in 0..<UInt16(DNSServer.bounds.inFlight + surplus) {
        try DatagramSocket.send(socket, TestQuestion.bytes("silent.example", id: id), to: server)
      }
      return try (0..<surplus).map { _ in
        try [UInt8](unsafeUninitializedCapacity: 512) { buffer, count in
          count = try socket.read(into: UnsafeMutableRawBufferPointer(buffer))
        }
      }
    }
    #expect(refused.allSatisfy { $0[3] & 15 == DNSMessage.ResponseCode.serverFailure.rawValue })
    #expect(Set(refused.map { Array($0.prefix(2)) }).count == surplus)
    withExtendedLifetime(upstream) {}
  }

  @Test func `ATT-051 a server that is silent gives server failure in time, and its forged answers nothing`()
    async throws
  {
    let host = try TestHost()
    let upstream = try UpstreamServer(in: host.outside)
    let namespace = try host.onHost { try HostNamespace() }
    let forwarder = DNSForwarder(poller: host.poller, namespace: namespace, limit: .milliseconds(200))
    let server = SocketAddress.ipv4(TestHost.outsideAddress, port: 53)
    for name in ["silent.example", "forged.example"] {
      let query = try DNSQuery(parsing: TestQuestion.bytes(name))
      let answer = await forwarder.answer(query, transport: .udp, servers: [server])
      #expect(answer[3] & 15 == DNSMessage.ResponseCode.serverFailure.rawValue, "\(name)")
    }
    withExtendedLifetime(upstream) {}
  }
}
