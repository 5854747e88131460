import Glibc
import HTTPServing
import Internet
import KubeMachinery
import LinuxSystem
import Logging
import TestNetwork
import Testing

@testable import ClusterNames

@Suite("The cluster's name service", .enabled(if: geteuid() == 0), .blockingThreads, .serialized)
struct ClusterNamesTests {
  private static let address = IPv4Address(bits: 0x0a60_000a)
  private static let stranger = IPv4Address(bits: 0xc633_6463)

  /// A node with the service; who is outside plays a pod, and its servers, and has an address that is no pod's.
  private final class Host: Sendable {
    let host: Descriptor
    let outside: Descriptor
    let poller: Poller
    let names: ClusterNames
    let upstream: UpstreamServer

    init() throws {
      host = try NetworkNamespace.create()
      outside = try NetworkNamespace.create()
      poller = try Poller()
      try TestWire.connect(host: host, outside: outside)
      try Self.give([address], to: "lo", in: host)
      try Self.give([stranger], to: "port", in: outside, prefixLength: 24)
      try NamespaceThread.run(entering: [outside]) {
        let socket = try NetlinkSocket(protocol: Netlink.protocolRoute)
        let link = try socket.run([RouteNetlink.link(name: "port")], subject: "").joined().compactMap(LinkRecord.init)
        try socket.run(
          [
            RouteNetlink.addRoute(
              index: link[0].index, to: (network: address.bits, prefixLength: 32),
              gateway: TestWire.hostAddress.bits)
          ], subject: "")
      }
      upstream = try UpstreamServer(in: outside)
      names = try NamespaceThread.run(entering: [host]) { [poller] in
        try ClusterNames(
          settings: ClusterNamesSettings(
            address: address, serviceRange: IPv4Subnet(containing: address, prefixLength: 16),
            podRanges: [IPv4Subnet(containing: TestWire.outsideAddress, prefixLength: 28)],
            servers: [.ipv4(TestWire.outsideAddress, port: 53)]), poller: poller,
          logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, forwardLimit: .milliseconds(300))
      }
      for news in NameZoneTests.objects { names.receive(news) }
      try names.start()
    }

    deinit {
      names.stop()
      poller.shutdown()
    }

    private static func give(
      _ addresses: [IPv4Address], to link: String, in netns: Descriptor, prefixLength: UInt8 = 32
    ) throws {
      try NamespaceThread.run(entering: [netns]) {
        let socket = try NetlinkSocket(protocol: Netlink.protocolRoute)
        let record = try socket.run([RouteNetlink.link(name: link)], subject: link).joined().compactMap(LinkRecord.init)
        try socket.run(
          addresses.map {
            RouteNetlink.addAddress(index: record[0].index, local: $0.bits, prefixLength: prefixLength)
          }, subject: link)
      }
    }

    func ask(
      _ name: String, type: UInt16 = DNSMessage.RecordType.a, over transport: TransportProtocol = .udp,
      limit: UInt16? = nil
    ) throws -> TestAnswer {
      try NamespaceThread.run(entering: [outside]) {
        try TestQuestion.ask(address, name, type: type, over: transport, limit: limit)
      }
    }
  }

  @Test(arguments: TransportProtocol.allCases)
  func `pods and the node are answered`(transport: TransportProtocol) throws {
    let host = try Host()
    let name = "web.default.svc.cluster.local"
    #expect(try host.ask(name, over: transport).addresses == ["10.96.1.1"])
    #expect(try host.ask("nope.default.svc.cluster.local", over: transport).code == 3)
    let own = try NamespaceThread.run(entering: [host.host]) {
      try TestQuestion.ask(Self.address, name, over: transport)
    }
    #expect(own.addresses == ["10.96.1.1"])
    #expect(host.upstream.questions == 0)
  }

  @Test func `strangers are not answered`() throws {
    let host = try Host()
    for transport in TransportProtocol.allCases {
      let error = #expect(throws: SystemError.self) {
        try NamespaceThread.run(entering: [host.outside]) {
          try TestQuestion.ask(
            Self.address, "web.default.svc.cluster.local", over: transport, from: Self.stranger,
            patienceMilliseconds: 300)
        }
      }
      #expect(error?.errno == (transport == .udp ? EAGAIN : EBADMSG))
    }
  }

  @Test func `long answers need TCP or a client that takes them`() throws {
    let host = try Host()
    let endpoints = (1...100).map { ["addresses": [.string("10.244.0.\($0)")]] as JSONValue }
    host.names.receive(.all(NameCatalog.resources[1], [NameZoneTests.slice("db", endpoints)]))
    let name = "db.default.svc.cluster.local"
    let short = try host.ask(name)
    #expect(short.isTruncated && short.addresses.isEmpty)
    #expect(try host.ask(name, limit: 4_096).addresses.count == 100)
    #expect(try Set(host.ask(name, over: .tcp).addresses).count == 100)
  }

  @Test func `other names are asked of servers, once in a while`() throws {
    let host = try Host()
    for _ in 0..<3 { #expect(try host.ask("Short.Example").addresses == ["192.0.2.1"]) }
    #expect(host.upstream.questions == 1)
    #expect(try host.ask("missing.example").code == 3)
    #expect(try host.ask("silent.example").code == 2)
    #expect(try host.ask("long.example").isTruncated)
    #expect(try host.ask("long.example", over: .tcp).addresses.count == 60)
  }

  @Test func `a service that stands for another name is answered with its addresses`() throws {
    let host = try Host()
    for (name, target) in [
      ("site", "short.example"), ("chain", "site.default.svc.cluster.local"),
      ("inner", "web.default.svc.cluster.local"), ("circle", "circle.default.svc.cluster.local"),
    ] {
      host.names.receive(
        .present(
          NameCatalog.resources[0],
          NameZoneTests.service(name, ["type": "ExternalName", "externalName": .string(target)])))
    }
    let site = try host.ask("site.default.svc.cluster.local")
    #expect(site.aliases == ["short.example"] && site.addresses == ["192.0.2.1"])
    let chain = try host.ask("chain.default.svc.cluster.local")
    #expect(chain.aliases == ["site.default.svc.cluster.local", "short.example"] && chain.addresses == ["192.0.2.1"])
    #expect(try host.ask("inner.default.svc.cluster.local").addresses == ["10.96.1.1"])
    #expect(try host.ask("circle.default.svc.cluster.local").code == 2)
  }

  @Test func `ATT-051 a server outside does not lead to what is inside`() throws {
    let host = try Host()
    host.names.receive(.all(NameCatalog.resources[0], []))
    // 172.30.9.2 is nobody's here: the server's answer passes.
    #expect(try host.ask("inside.example").addresses == ["172.30.9.2"])
    #expect(try host.ask("service.example").addresses == [])
  }

  @Test func `questions of one client above its bound are refused at once`() throws {
    let host = try Host()
    let surplus = 20
    let codes = try NamespaceThread.run(entering: [host.outside]) {
      let socket = try InternetSocket.open(.udp, family: AF_INET, nonBlocking: false)
      try TestTraffic.limit(socket)
      let server = SocketAddress.ipv4(Self.address, port: 53)
      for id in 0..<UInt16(ClusterNames.inFlightOfClient + surplus) {
        try DatagramSocket.send(socket, TestQuestion.bytes("silent.example", id: id), to: server)
      }
      return try (0..<(ClusterNames.inFlightOfClient + surplus)).map { _ in
        try [UInt8](unsafeUninitializedCapacity: 512) { buffer, count in
          count = try socket.read(into: UnsafeMutableRawBufferPointer(buffer))
        }[3] & 15
      }
    }
    #expect(codes.allSatisfy { $0 == DNSMessage.ResponseCode.serverFailure.rawValue })
    #expect(host.upstream.questions <= 2 * ClusterNames.inFlightOfClient)
  }
}
