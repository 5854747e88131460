import Glibc
import LinuxSystem
import TestNetwork
import Testing

@testable import Model
@testable import Networking

@Suite("Forged packets of IPv6 and DHCP", .enabled(if: TestHost.isRoot), .blockingThreads)
struct SpoofingTests {
  /// Messages of ICMPv6 as RFC 4861, section 4 draws them; the kernel adds the checksum.
  private enum Message {
    static let routerSolicitation: [UInt8] = [133, 0, 0, 0, 0, 0, 0, 0]

    /// A default router for half an hour, and 2001:db8:bad::/64 on the link to take addresses from.
    static let routerAdvertisement: [UInt8] =
      [134, 0, 0, 0, 64, 0, 7, 8] + [UInt8](repeating: 0, count: 8)
      + [3, 4, 64, 0xc0, 0, 0, 7, 8, 0, 0, 7, 8, 0, 0, 0, 0]
      + [0x20, 1, 0x0d, 0xb8, 0x0b, 0xad] + [UInt8](repeating: 0, count: 10)

    /// Says that an address is at the forger's, whatever was known of it.
    static func neighbourAdvertisement(_ address: IPv6Address) -> [UInt8] {
      [136, 0, 0, 0, 0xe0, 0, 0, 0] + address.octets + [2, 1, 2, 0x66, 0x66, 0x66, 0x66, 0x66]
    }

    static func redirect(_ destination: IPv6Address, to router: IPv6Address) -> [UInt8] {
      [137, 0, 0, 0, 0, 0, 0, 0] + router.octets + destination.octets
    }
  }

  private static func send(_ message: [UInt8], from source: String, to target: String, device: String) throws {
    let socket = Descriptor(
      owning: try systemCall("socket") {
        Glibc.socket(AF_INET6, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), Int32(IPPROTO_ICMPV6))
      })
    for option in [IPV6_UNICAST_HOPS, IPV6_MULTICAST_HOPS] {
      try InternetSocket.set(socket, level: Int32(IPPROTO_IPV6), option: option, to: 255)
    }
    let index = Int32(if_nametoindex(device))
    try InternetSocket.set(socket, level: Int32(IPPROTO_IPV6), option: IPV6_MULTICAST_IF, to: index)
    // Link-local addresses need the device.
    _ = try device.withCString { name in
      try systemCall("setsockopt") {
        setsockopt(socket.raw, SOL_SOCKET, SO_BINDTODEVICE, name, socklen_t(strlen(name)))
      }
    }
    try InternetSocket.bind(socket, to: try #require(SocketAddress(source, port: 0)))
    try DatagramSocket.send(socket, message, to: SocketAddress(target, port: 0))
  }

  /// All that a forger may want to change in a namespace.
  private static func state() throws -> [String] {
    try [["route"], ["addr"], ["neigh"]].map { arguments in
      let output = try LinuxProcessSpawner().run(
        ProcessRequest(executable: "/usr/sbin/ip", arguments: ["ip", "-6"] + arguments))
      return String(decoding: output.stdout, as: UTF8.self).split(separator: "\n")
        .filter { !$0.contains("uplink") && !$0.contains("fe80::66") }.joined(separator: "\n")
    }
  }

  private static func accept(_ device: String) throws {
    for (name, value) in [("accept_ra", "2"), ("autoconf", "1"), ("accept_redirects", "1")] {
      let file = try Descriptor.open("/proc/sys/net/ipv6/conf/\(device)/\(name)", flags: O_WRONLY)
      try file.write(all: Array(value.utf8))
    }
  }

  @Test func `ATT-050 advertisements of routers and neighbours and redirects of a container change nothing`() throws {
    let host = try TestHost()
    let network = try host.network("front", ipv6: true)
    let gateway = try #require(network.ipv6?.gateway)
    let victim = try host.container("victim", on: network)
    let forger = try host.container("forger", on: network)
    // Whoever believes everything.
    try host.onHost {
      try Self.accept(forger.endpoint.interfaceHost)
      try Self.accept("uplink")
    }
    try victim.run { try Self.accept("eth0") }
    let before = try (host.onHost { try Self.state() }, victim.run { try Self.state() })
    try forger.run {
      try LinuxProcessSpawner.runIP(["addr", "add", "fe80::66/64", "dev", "eth0", "nodad"], family: "-6")
      try LinuxProcessSpawner.runIP(["route", "add", "ff00::/8", "dev", "eth0", "table", "local"], family: "-6")
      let messages = [
        Message.routerSolicitation, Message.routerAdvertisement, Message.neighbourAdvertisement(gateway),
        Message.neighbourAdvertisement(victim.address6), Message.redirect(victim.address6, to: gateway),
      ]
      for source in ["fe80::66", forger.address6.description] {
        for target in ["ff02::1", "ff02::2", gateway.description, victim.address6.description] {
          for message in messages { try Self.send(message, from: source, to: target, device: "eth0") }
        }
      }
    }
    #expect(try host.onHost { try Self.state() } == before.0)
    #expect(try victim.run { try Self.state() } == before.1)
    let listener = try victim.run { try TestTraffic.listen(.tcp, at: .ipv6(IPv6Address.any.octets, port: 80)) }
    let client = try host.container("client", on: network)
    let seen = try TestTraffic.exchange(
      from: { try client.run($0) }, to: .ipv6(victim.address6.octets, port: 80), listener: listener)
    #expect(seen.peer?.host == client.address6.description)
    // The same advertisement of a router that is none of ours is believed.
    try host.onOutside {
      try LinuxProcessSpawner.runIP(["addr", "add", "fe80::1/64", "dev", "port", "nodad"], family: "-6")
      try Self.send(Message.routerAdvertisement, from: "fe80::1", to: "ff02::1", device: "port")
    }
    #expect(try host.onHost { try DualStackTests.ip("route") }.contains("default via fe80::1 dev uplink proto ra"))
  }

  @Test func `a forged IPv6 source address is dropped, the own one passes`() throws {
    let host = try TestHost()
    let network = try host.network("front", ipv6: true)
    let victim = try host.container("victim", on: network)
    let forger = try host.container("forger", on: network)
    let any = IPv6Address.any.octets
    let receiver = try victim.run { try TestTraffic.listen(.udp, at: .ipv6(any, port: 5_000)) }
    let onHost = try host.onHost { try TestTraffic.listen(.udp, at: .ipv6(any, port: 5_000)) }
    let forged = IPv6Address(bits: forger.address6.bits + 7)
    try forger.run {
      try LinuxProcessSpawner.runIP(["addr", "add", "\(forged)/128", "dev", "eth0", "nodad"], family: "-6")
    }
    let gateway = try #require(network.ipv6?.gateway)
    for (target, receiver) in [(victim.address6, receiver), (gateway, onHost)] {
      // The honest datagram comes second: when it is the first to arrive, the forged one has been dropped.
      for (source, word) in [(forged, "forged"), (forger.address6, "honest")] {
        try forger.run {
          let socket = try InternetSocket.open(.udp, family: AF_INET6, nonBlocking: false)
          try InternetSocket.bind(socket, to: .ipv6(source.octets, port: 0))
          try DatagramSocket.send(socket, Array(word.utf8), to: .ipv6(target.octets, port: 5_000))
        }
      }
      let bytes = try [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
        count = try receiver.read(into: UnsafeMutableRawBufferPointer(buffer))
      }
      #expect(String(decoding: bytes, as: UTF8.self) == "honest")
    }
  }

  @Test func `ATT-050 DHCP's offers of a container reach nobody, other datagrams do`() throws {
    let host = try TestHost()
    let network = try host.network("front", ipv6: true)
    let forger = try host.container("forger", on: network)
    let (gateway, gateway6) = (try #require(network.gateway), try #require(network.ipv6?.gateway))
    let cases: [(target: SocketAddress, control: SocketAddress)] = [
      (.ipv4(gateway, port: 68), .ipv4(gateway, port: 69)),
      (.ipv6(gateway6.octets, port: 546), .ipv6(gateway6.octets, port: 545)),
      (.ipv4(IPv4Address(bits: .max), port: 70), .ipv4(gateway, port: 70)),
    ]
    for (target, control) in cases {
      let any: (UInt16) -> SocketAddress = { port in
        target.family == AF_INET ? .ipv4(.any, port: port) : .ipv6(IPv6Address.any.octets, port: port)
      }
      let offers = try host.onHost { [address = any(target.port)] in try TestTraffic.listen(.udp, at: address) }
      let others =
        target.port == control.port
        ? offers : try host.onHost { [address = any(control.port)] in try TestTraffic.listen(.udp, at: address) }
      try forger.run {
        let socket = try InternetSocket.open(.udp, family: target.family, nonBlocking: false)
        try InternetSocket.set(socket, option: SO_BROADCAST, to: 1)
        try DatagramSocket.send(socket, Array("offer".utf8), to: target)
        try DatagramSocket.send(socket, Array("other".utf8), to: control)
      }
      let word = try [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
        count = try others.read(into: UnsafeMutableRawBufferPointer(buffer))
      }
      #expect(String(decoding: word, as: UTF8.self) == "other", "\(target)")
      // What was sent before it has not come, and does not come after it.
      try TestTraffic.limit(offers, milliseconds: 1)
      let error = #expect(throws: SystemError.self) { _ = try offers.run(limit: 8) }
      #expect(error?.errno == EAGAIN, "\(target)")
    }
  }
}
