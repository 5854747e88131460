import Glibc
import LinuxSystem
import TestNetwork
import Testing

@testable import Internet

@Suite("relays of TCP", .blockingThreads)
struct StreamRelayTests {
  /// A relay on the loopback that leads to an echo server, and runs as long as the test.
  private final class Fixture: Sendable {
    let poller: Poller
    let server: EchoServer
    let address: SocketAddress
    private let listener: Descriptor
    private let running: Task<Void, Never>

    init(
      _ bounds: StreamRelay.Bounds, admits: @escaping @Sendable (SocketAddress) -> Bool = { _ in true },
      leadsNowhere: Bool = false
    ) throws {
      poller = try Poller()
      server = try EchoServer(.tcp, port: 0, word: "word", address: .loopback)
      let nowhere = try TestTraffic.listen(.tcp, at: .ipv4(.loopback, port: 0))
      let target = try #require(leadsNowhere ? try InternetSocket.localAddress(nowhere) : server.address)
      // What was bound and is open no more refuses.
      InternetSocket.close(nowhere)
      listener = try TestTraffic.listen(.tcp, at: .ipv4(.loopback, port: 0))
      address = try #require(try InternetSocket.localAddress(listener))
      let relay = try StreamRelay(
        listener, poller: poller, bounds: bounds, admits: admits,
        connect: { _ in try InternetSocket.connect(.tcp, to: target) }, failed: { Issue.record($0) })
      running = Task { await relay.run() }
    }

    func client() throws -> EchoClient { try EchoClient(to: address) }

    func socket() throws -> Descriptor {
      let socket = try InternetSocket.open(.tcp, family: AF_INET, nonBlocking: false)
      try TestTraffic.limit(socket)
      _ = try address.withPointer { pointer, length in
        try systemCall("connect") { connect(socket.raw, pointer, length) }
      }
      return socket
    }

    deinit {
      running.cancel()
      InternetSocket.close(listener)
      poller.shutdown()
    }
  }

  private static let plenty = StreamRelay.Bounds(connections: 100)

  /// Whether the relay closes a connection without a word.
  private static func isClosed(_ fixture: Fixture) throws -> Bool {
    do {
      _ = try fixture.client().ask()
      return false
    } catch let error as SystemError {
      return error.errno == ECONNRESET || error.errno == EPIPE
    }
  }

  @Test func `bytes go both ways, also of several connections`() throws {
    let fixture = try Fixture(Self.plenty)
    let clients = try (0..<8).map { _ in try fixture.client() }
    for _ in 0..<3 { for client in clients { #expect(try client.ask() == "word") } }
  }

  @Test func `who may not use it, and whom nobody answers, is closed`() throws {
    #expect(try Self.isClosed(try Fixture(Self.plenty, admits: { _ in false })))
    #expect(try Self.isClosed(try Fixture(Self.plenty, leadsNowhere: true)))
  }

  @Test(arguments: [
    StreamRelay.Bounds(connections: 2), StreamRelay.Bounds(connections: 100, connectionsOfClient: 2),
  ])
  func `one connection too many is closed, and has a place when another ends`(_ bounds: StreamRelay.Bounds) throws {
    let fixture = try Fixture(bounds)
    let first = try fixture.client()
    #expect(try first.ask() == "word")
    do {
      let second = try fixture.client()
      #expect(try second.ask() == "word")
      #expect(try Self.isClosed(fixture))
    }
    // The end of the second is seen a moment later.
    let deadline = ContinuousClock.now + .seconds(5)
    while try Self.isClosed(fixture) { try #require(ContinuousClock.now < deadline) }
    #expect(try first.ask() == "word")
  }

  @Test func `a connection that carries nothing is closed`() throws {
    let fixture = try Fixture(StreamRelay.Bounds(connections: 100, idleTime: .milliseconds(50)))
    #expect(try fixture.socket().readAll(maxBytes: 100) == [])
  }

  @Test func `the end of one direction is passed on, and what is under way in the other arrives`() throws {
    let fixture = try Fixture(Self.plenty)
    let socket = try fixture.socket()
    try socket.write(all: [1, 2, 3])
    shutdown(socket.raw, Int32(SHUT_WR))
    // A word for each byte, then the end.
    let said = try socket.readAll(maxBytes: 100)
    #expect(String(decoding: said, as: UTF8.self) == "wordwordword")
  }
}
