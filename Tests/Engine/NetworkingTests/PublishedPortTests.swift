import Glibc
import LinuxSystem
import TestNetwork
import Testing

@testable import Model
@testable import Networking

@Suite("Published ports", .enabled(if: TestHost.isRoot), .blockingThreads)
struct PublishedPortTests {
  private struct Setup {
    let host: TestHost
    let server: TestContainer
    let listener: Descriptor
    let bindings: [PortBinding]
  }

  private func setup(_ requests: [PortRequest]) throws -> Setup {
    let host = try TestHost()
    let network = try host.network("front")
    let server = try host.container("server", on: network)
    let listener = try server.run { try TestTraffic.listen(.tcp, port: 80) }
    let bindings = try host.onHost {
      try host.stack.publish(requests, endpoint: server.endpoint, containerName: "server")
    }
    return Setup(host: host, server: server, listener: listener, bindings: bindings)
  }

  @Test func `a port is reached by loopback, host address, from outside, and from containers`() throws {
    let setup = try setup([PortRequest(protocol: .tcp, containerPort: 80, hostPorts: 8080...8080)])
    #expect(
      setup.bindings == [
        PortBinding(protocol: .tcp, containerPort: 80, hostAddress: "0.0.0.0", hostPort: 8080),
        PortBinding(protocol: .tcp, containerPort: 80, hostAddress: "::", hostPort: 8080),
      ])
    let server = setup.server
    let gateway = try #require(server.endpoint.gateway)
    let neighbour = try setup.host.container("neighbour", on: try #require(setup.host.networkRecord(server)))
    let other = try setup.host.container("other", on: try setup.host.network("back"))
    let fromHost = { (body: @Sendable () throws -> Descriptor) in try setup.host.onHost(body) }
    let fromOutside = { (body: @Sendable () throws -> Descriptor) in
      try NamespaceThread.run(entering: [setup.host.outside], body)
    }
    let cases: [(String, IPv4Address, String, (@Sendable () throws -> Descriptor) throws -> Descriptor)] = [
      ("loopback", .loopback, gateway.description, fromHost),
      ("own address", TestHost.hostAddress, TestHost.hostAddress.description, fromHost),
      ("outside", TestHost.hostAddress, TestHost.outsideAddress.description, fromOutside),
      ("hairpin", TestHost.hostAddress, gateway.description, { try server.run($0) }),
      ("neighbour", TestHost.hostAddress, neighbour.address.description, { try neighbour.run($0) }),
      ("neighbour by gateway", gateway, neighbour.address.description, { try neighbour.run($0) }),
      ("other network", TestHost.hostAddress, other.address.description, { try other.run($0) }),
    ]
    for (name, target, peer, client) in cases {
      let seen = try TestTraffic.exchange(
        from: client, to: .ipv4(target, port: 8080), listener: setup.listener)
      #expect(seen.word == "hello", "\(name)")
      #expect(seen.peer?.host == peer, "\(name)")
    }
    try setup.host.stack.unpublish(container: server.id)
    #expect(try !setup.host.onHost { TestTraffic.connects(to: .ipv4(.loopback, port: 8080)) })
    #expect(try !setup.host.ruleset().contains("8080"))
  }

  @Test func `a port on one address is not there on others`() throws {
    let setup = try setup([
      PortRequest(protocol: .tcp, containerPort: 80, hostAddress: "127.0.0.1", hostPorts: 8080...8080)
    ])
    let seen = try TestTraffic.exchange(
      from: { try setup.host.onHost($0) }, to: .ipv4(.loopback, port: 8080), listener: setup.listener)
    #expect(seen.word == "hello")
    #expect(try !setup.host.onHost { TestTraffic.connects(to: .ipv4(TestHost.hostAddress, port: 8080)) })
    let fromOutside = try NamespaceThread.run(entering: [setup.host.outside]) {
      TestTraffic.connects(to: .ipv4(TestHost.hostAddress, port: 8080))
    }
    #expect(!fromOutside)
  }

  @Test func `IPv6 goes through the relay, both ways, for TCP`() throws {
    let setup = try setup([PortRequest(protocol: .tcp, containerPort: 80, hostPorts: 8080...8080)])
    let loopback = try #require(SocketAddress("::1", port: 8080))
    let connection = try setup.host.onHost {
      let socket = try InternetSocket.open(.tcp, family: AF_INET6, nonBlocking: false)
      try TestTraffic.limit(socket)
      _ = try loopback.withPointer { pointer, length in
        try systemCall("connect") { connect(socket.raw, pointer, length) }
      }
      return socket
    }
    let accepted = Descriptor(owning: try systemCall("accept") { accept(setup.listener.raw, nil, nil) })
    try TestTraffic.limit(accepted)
    try connection.write(all: Array("ping".utf8))
    shutdown(connection.raw, Int32(SHUT_WR))
    #expect(String(decoding: try accepted.readAll(maxBytes: 64), as: UTF8.self) == "ping")
    try accepted.write(all: Array("pong".utf8))
    shutdown(accepted.raw, Int32(SHUT_WR))
    #expect(String(decoding: try connection.readAll(maxBytes: 64), as: UTF8.self) == "pong")
  }

  @Test(arguments: ["127.0.0.1", "::1"]) func `UDP goes both ways`(target: String) throws {
    let setup = try setup([PortRequest(protocol: .udp, containerPort: 53, hostPorts: 5353...5353)])
    let server = try setup.server.run { try TestTraffic.listen(.udp, port: 53) }
    let address = try #require(SocketAddress(target, port: 5353))
    let client = try setup.host.onHost {
      let socket = try InternetSocket.open(.udp, family: address.family, nonBlocking: false)
      try TestTraffic.limit(socket)
      _ = try address.withPointer { pointer, length in
        try systemCall("connect") { connect(socket.raw, pointer, length) }
      }
      return socket
    }
    try client.write(all: Array("ping".utf8))
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = try withUnsafeMutablePointer(to: &storage) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { sender in
        try systemCall("recvfrom") { recvfrom(server.raw, &bytes, 16, 0, sender, &length) }
      }
    }
    #expect(String(decoding: bytes.prefix(count), as: UTF8.self) == "ping")
    try DatagramSocket.send(server, Array("pong".utf8), to: SocketAddress(storage))
    let answer = try client.run(limit: 16)
    #expect(answer == "pong")
  }

  @Test func `a UDP client that never falls silent reaches the next container`() throws {
    let host = try TestHost()
    let network = try host.network("front")
    let client = try host.onHost {
      let socket = try InternetSocket.open(.udp, family: AF_INET, nonBlocking: false)
      _ = try SocketAddress.ipv4(.loopback, port: 5353).withPointer { pointer, length in
        try systemCall("connect") { connect(socket.raw, pointer, length) }
      }
      return socket
    }
    // Sent before anything is published, and again after each container.
    try client.write(all: Array("early".utf8))
    for name in ["first", "second"] {
      let server = try host.container(name, on: network)
      let receiver = try server.run { try TestTraffic.listen(.udp, port: 53) }
      _ = try host.onHost {
        try host.stack.publish(
          [PortRequest(protocol: .udp, containerPort: 53, hostPorts: 5353...5353)], endpoint: server.endpoint,
          containerName: name)
      }
      // An error that the kernel kept from the time without a receiver comes first.
      while (try? client.write(all: Array(name.utf8))) == nil {}
      #expect(try receiver.run(limit: 16) == name)
      try host.stack.unpublish(container: server.id)
      _ = try? client.write(all: Array("between".utf8))
    }
  }

  @Test func `a port is free again at once, for the relay too`() throws {
    let setup = try setup([])
    for transport in TransportProtocol.allCases {
      for _ in 0..<3 {
        let bindings = try setup.host.onHost {
          try setup.host.stack.publish(
            [PortRequest(protocol: transport, containerPort: 80, hostPorts: 8080...8080)],
            endpoint: setup.server.endpoint, containerName: "server")
        }
        #expect(bindings.map(\.hostAddress) == ["0.0.0.0", "::"])
        try setup.host.stack.unpublish(container: setup.server.id)
      }
    }
  }

  @Test func `a port that a container has is refused in docker's words`() throws {
    let setup = try setup([PortRequest(protocol: .tcp, containerPort: 80, hostPorts: 8080...8080)])
    let network = try #require(setup.host.networkRecord(setup.server))
    let second = try setup.host.container("second", on: network)
    let error = #expect(throws: PlatformError.self) {
      try setup.host.onHost {
        try setup.host.stack.publish(
          [PortRequest(protocol: .tcp, containerPort: 80, hostPorts: 8080...8080)], endpoint: second.endpoint,
          containerName: "second", nameOf: { $0 == setup.server.endpoint.containerID ? "server" : nil })
      }
    }
    #expect(error?.code == .conflict)
    let id = second.endpoint.endpointID
    #expect(
      error?.message == "driver failed programming external connectivity on endpoint second (\(id)): "
        + "Bind for 0.0.0.0:8080 failed: port is already allocated: container server "
        + "(\(setup.server.endpoint.containerID.short)) publishes it")
  }

  @Test func `a port that another program has is refused, and nothing is left`() throws {
    let setup = try setup([])
    let host = setup.host
    let foreign = try host.onHost { try TestTraffic.listen(.tcp, port: 8081) }
    let error = #expect(throws: PlatformError.self) {
      try host.onHost {
        try host.stack.publish(
          [
            PortRequest(protocol: .tcp, containerPort: 80, hostPorts: 8080...8080),
            PortRequest(protocol: .tcp, containerPort: 81, hostPorts: 8081...8081),
          ], endpoint: setup.server.endpoint, containerName: "server")
      }
    }
    #expect(error?.code == .conflict)
    #expect(
      error?.message.contains(
        "failed to bind host port for 0.0.0.0:8081:\(setup.server.address):81/tcp: address already in use by ") == true)
    #expect(error?.message.contains("(pid \(getpid())), which is none of this engine's published ports") == true)
    withExtendedLifetime(foreign) {}
    #expect(try !host.ruleset().contains("808"))
    let free = try host.onHost { try TestTraffic.listen(.tcp, port: 8080) }
    withExtendedLifetime(free) {}
  }

  @Test func `another program cannot take a published port`() throws {
    let setup = try setup([PortRequest(protocol: .tcp, containerPort: 80, hostPorts: 8080...8080)])
    let error = #expect(throws: SystemError.self) {
      _ = try setup.host.onHost { try TestTraffic.listen(.tcp, port: 8080) }
    }
    #expect(error?.errno == EADDRINUSE)
  }

  @Test func `a range gives the first free port, and no port an ephemeral one`() throws {
    let setup = try setup([
      PortRequest(protocol: .tcp, containerPort: 80, hostAddress: "0.0.0.0", hostPorts: 8000...8002),
      PortRequest(protocol: .tcp, containerPort: 81, hostAddress: "0.0.0.0", hostPorts: 8000...8002),
      PortRequest(protocol: .tcp, containerPort: 82),
    ])
    #expect(setup.bindings.prefix(2).map(\.hostPort) == [8000, 8001])
    #expect(setup.bindings.count == 4)
    #expect(setup.bindings[2].hostPort == setup.bindings[3].hostPort)
    #expect(setup.bindings[2].hostPort >= 1_024)
  }
}

extension TestHost {
  /// The record of a container's first network.
  func networkRecord(_ container: TestContainer) -> NetworkRecord? {
    stack.state.withLock { $0.networks[container.endpoint.networkID]?.record }
  }
}

extension Descriptor {
  /// Reads once.
  func run(limit: Int) throws -> String {
    let bytes = try [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      count = try read(into: UnsafeMutableRawBufferPointer(buffer))
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
