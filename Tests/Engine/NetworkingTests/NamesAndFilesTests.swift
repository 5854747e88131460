import Testing

@testable import LinuxSystem
@testable import Model
@testable import Networking

@Suite("Names in the kernel and files in containers")
struct NamesAndFilesTests {
  @Test func `kernel names tell instances apart and fit`() throws {
    let one = try InstanceNames(instance: "default")
    let two = try InstanceNames(instance: "test-2")
    let id = String(repeating: "0123456789abcdef", count: 4)
    #expect(one.table == "bulkhead-default")
    #expect(one.link(endpointID: id).utf8.count == 15)
    #expect(one.linkPrefix.hasPrefix(InstanceNames.sharedLinkPrefix) && one.linkPrefix != two.linkPrefix)
    #expect(one.routeMetric != two.routeMetric)
    #expect(InstanceNames.isLink(one.link(endpointID: id)) && InstanceNames.areLinks(one.linkPrefix + "*"))
    for other in ["bh", "bhoffice", "bhabcd01234567g", "bhABCD012345678", "bhabcd0123456789", "eth0", "bhabcd*"] {
      #expect(!InstanceNames.isLink(other), "\(other)")
    }
    for other in ["bh*", "bhabc*", "b*", "*", "bhoffice", "xbhabcd*"] {
      #expect(!InstanceNames.areLinks(other), "\(other)")
    }
    for bad in ["", "a b", "a\"b", "ä", "x;flush ruleset", String(repeating: "a", count: 65)] {
      #expect(throws: PlatformError.self) { try InstanceNames(instance: bad) }
    }
  }

  @Test func `the skeleton's version follows its text`() throws {
    let one = FirewallRules(names: try InstanceNames(instance: "one"))
    let two = FirewallRules(names: try InstanceNames(instance: "two"))
    #expect(one.versionChain != two.versionChain)
    let none = InputMirror(of: HostRuleset(parsing: ""))
    #expect(one.text(with: none).contains("chain \(one.versionChain) { }"))
    #expect(one.text(with: none).hasPrefix("add table inet bulkhead-one\ndelete table inet bulkhead-one\n"))
  }

  @Test func `resolv conf`() {
    let text = ResolvConf.render(
      servers: [ResolvConf.engineServer], searchDomains: ["example.org", "b\nnameserver 1.2.3.4"], options: ["ndots:0"])
    #expect(
      text.split(separator: "\n").dropFirst() == [
        "nameserver 127.0.0.11", "search example.org bnameserver1.2.3.4", "options ndots:0",
      ])
    #expect(!ResolvConf.render(servers: ["1.1.1.1"], searchDomains: ["."]).contains("search"))
    let host = "# x\nnameserver 10.0.0.1\n nameserver\t::1 # two\nsearch a b\nsearch c\noptions edns0 trust-ad\n"
    #expect(ResolvConf.nameservers(in: host) == ["10.0.0.1", "::1"])
    #expect(ResolvConf.searchDomains(in: host) == ["c"])
    #expect(ResolvConf.options(in: host) == ["edns0", "trust-ad"])
    #expect(HostResolvers.servers(in: host).map(\.text) == ["10.0.0.1:53", "[::1]:53"])
    #expect(HostResolvers.servers(in: "nameserver nonsense\n").map(\.text) == ["127.0.0.1:53"])
  }

  @Test func `hosts file`() {
    let text = HostsFile.render(
      extra: [
        HostsFile.Entry(address: "10.0.0.9", names: ["db\n10.0.0.1 evil"]),
        HostsFile.Entry(address: HostsFile.hostGateway, names: ["host.docker.internal"]),
      ], own: [HostsFile.Entry(address: "172.30.0.2", names: ["box"])], gateway: IPv4Address("172.30.0.1"))
    let lines = text.split(separator: "\n")
    #expect(lines.first == "127.0.0.1\tlocalhost")
    #expect(lines.suffix(3) == ["10.0.0.9\tdb10.0.0.1evil", "172.30.0.1\thost.docker.internal", "172.30.0.2\tbox"])
    let without = HostsFile.render(extra: [HostsFile.Entry(address: HostsFile.hostGateway, names: ["h"])])
    #expect(!without.contains("\th\n"))
  }

  @Test func `socket addresses`() {
    #expect(SocketAddress("::1", port: 80)?.text == "[::1]:80")
    #expect(SocketAddress("[fd00::2]", port: 80)?.host == "fd00::2")
    #expect(SocketAddress("10.0.0.1", port: 80)?.text == "10.0.0.1:80")
    for bad in ["", "::1%eth0", "1.2.3", "[10.0.0.1]", "host", "1::2::3"] {
      #expect(SocketAddress(bad, port: 1) == nil, "\(bad)")
    }
  }

  @Test func `claims collide on equal and on wildcard addresses of one family`() throws {
    var table = PortTable()
    func claim(_ address: String, _ port: UInt16, _ transport: TransportProtocol = .tcp) throws -> PortTable.Claim {
      PortTable.Claim(transport: transport, address: try #require(SocketAddress(address, port: port)))
    }
    let (first, second) = (ContainerID.random(), ContainerID.random())
    #expect(table.take(try claim("127.0.0.1", 80), for: first) == nil)
    #expect(table.take(try claim("10.0.0.1", 80), for: first) == nil)
    #expect(table.take(try claim("0.0.0.0", 80), for: second) == first)
    #expect(table.take(try claim("0.0.0.0", 80, .udp), for: second) == nil)
    #expect(table.take(try claim("::", 80), for: second) == nil)
    #expect(table.take(try claim("::1", 80), for: first) == second)
    table.release(try claim("127.0.0.1", 80))
    table.release(try claim("10.0.0.1", 80))
    #expect(table.take(try claim("0.0.0.0", 80), for: first) == nil)
  }

  @Test(
    arguments: [
      ([10, 0, 0, 1], false, "10.0.0.1", true), ([10, 0, 0, 1], false, "10.0.0.2", false),
      ([0, 0, 0, 0], false, "10.0.0.2", true), ([10, 0, 0, 1], false, "0.0.0.0", true),
      ([10, 0, 0, 1], false, "::", false), ([UInt8](repeating: 0, count: 16), false, "10.0.0.1", true),
      ([UInt8](repeating: 0, count: 16), true, "10.0.0.1", false),
      ([UInt8](repeating: 0, count: 16), true, "fd00::1", true),
      ([UInt8](repeating: 0, count: 15) + [1], true, "fd00::1", false),
      ([UInt8](repeating: 0, count: 15) + [1], true, "::", true),
    ] as [([UInt8], Bool, String, Bool)])
  func `which sockets keep others from an address`(
    _ bound: [UInt8], _ isIPv6Only: Bool, _ wanted: String, _ expected: Bool
  ) throws {
    let socket = WaitingSocket(
      transport: 6, address: bound, port: 80, interfaceIndex: 0, inode: 1, isIPv6Only: isIPv6Only)
    #expect(PortOccupant.blocks(socket, .tcp, try #require(SocketAddress(wanted, port: 80))) == expected)
    #expect(!PortOccupant.blocks(socket, .udp, try #require(SocketAddress(wanted, port: 80))))
    #expect(!PortOccupant.blocks(socket, .tcp, try #require(SocketAddress(wanted, port: 81))))
  }

  @Test func `aliases are names that a name server can be asked for`() throws {
    for good in ["web", "web_1", "WEB.internal", "0", String(repeating: "a", count: 63)] {
      try NetworkAlias.check(good)
    }
    for bad in [
      "", "a b", "a\nb", "-a", ".a", "a.", "a..b", "ä", "a/b", "a:b", String(repeating: "a", count: 64),
      String(repeating: "a.", count: 127) + "a",
    ] {
      let error = #expect(throws: PlatformError.self) { try NetworkAlias.check(bad) }
      #expect(error?.code == .invalidArgument && error?.message.hasPrefix("invalid network alias '") == true, "\(bad)")
    }
  }

  @Test func `transport names`() throws {
    #expect(try TransportProtocol(parsing: "TCP") == .tcp)
    for (text, code) in [
      ("sctp", PlatformError.Code.notImplemented), ("icmp", .invalidArgument), ("", .invalidArgument),
    ] {
      let error = #expect(throws: PlatformError.self) { try TransportProtocol(parsing: text) }
      #expect(error?.code == code)
    }
  }
}
