import Glibc
import LinuxSystem
import Logging
import Model
import Synchronization

/// The name service of one container: sockets at 127.0.0.11:53 in its namespace, and the tasks that serve them.
///
/// Open sockets keep the namespace alive: `stop` before it is to go.
final class DNSListener: Sendable {
  /// Questions of one container that wait for a server.
  static let maximumInFlight = 100
  /// TCP connections of one container.
  static let maximumConnections = 16
  /// A connection silent for this long is closed.
  static let idleTime = Duration.seconds(10)
  static let address = IPv4Address(bits: 0x7f00_000b)
  static let port: UInt16 = 53
  private static let backlog: Int32 = 16

  private let container: ContainerID
  private let datagrams: Descriptor
  private let streams: Descriptor
  private let server: DNSServer
  private let servers: [SocketAddress]?
  private let inFlight = Slots(count: DNSListener.maximumInFlight)
  private let task = Mutex<Task<Void, Never>?>(nil)

  /// Opens the sockets.
  ///
  /// - Parameter servers: where other names are looked up; the host's servers where nil.
  init(container: ContainerID, netns: Descriptor, servers: [SocketAddress]?, server: DNSServer) throws {
    self.container = container
    self.server = server
    self.servers = servers
    (datagrams, streams) = try NamespaceThread.run(entering: [netns]) {
      let datagrams = try InternetSocket.open(.udp, family: AF_INET, nonBlocking: true)
      let streams = try InternetSocket.open(.tcp, family: AF_INET, nonBlocking: true)
      for socket in [datagrams, streams] {
        // A name server in the container may still take port 53 on its other addresses.
        try InternetSocket.set(socket, option: SO_REUSEADDR, to: 1)
        try InternetSocket.bind(socket, to: .ipv4(Self.address, port: Self.port))
      }
      try InternetSocket.listen(streams, backlog: Self.backlog)
      return (datagrams, streams)
    }
  }

  func start() {
    task.withLock { task in
      task = Task { [self] in
        await withDiscardingTaskGroup { group in
          group.addTask { await self.serveDatagrams() }
          group.addTask { await self.serveStreams() }
        }
      }
    }
  }

  /// Frees the port and lets go of the namespace at once.
  func stop() {
    let running = task.withLock { task in
      defer { task = nil }
      return task
    }
    running?.cancel()
    InternetSocket.close(datagrams)
    InternetSocket.close(streams)
  }

  private func serveDatagrams() async {
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled {
        do {
          while let (bytes, sender) = try DatagramSocket.receive(datagrams, limit: DNSMessage.maximumUDPBytes) {
            // A flood of one container must not keep a thread of the pool to itself.
            await Task.yield()
            guard let sender else { continue }
            switch server.immediateAnswer(to: bytes, asker: container) {
            case .nothing: break
            case .answer(let answer): reply(answer, to: sender)
            case .forward(let query):
              guard inFlight.take() else {
                reply(DNSAnswer.make(to: query, [], code: .serverFailure), to: sender)
                continue
              }
              group.addTask { [self] in
                let answer = await server.forward(query, transport: .udp, asker: container, servers: servers)
                reply(answer, to: sender)
                inFlight.giveBack()
              }
            }
          }
          try await server.poller.waitReadable(datagrams.raw)
        } catch {
          if !Task.isCancelled { server.report(error, container: container) }
          break
        }
      }
      group.cancelAll()
    }
  }

  /// Sends an answer; one that cannot be sent is lost like any datagram.
  private func reply(_ answer: [UInt8], to client: SocketAddress) {
    try? DatagramSocket.send(datagrams, answer, to: client)
  }

  private func serveStreams() async {
    let slots = Slots(count: Self.maximumConnections)
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled {
        guard let listener = try? AsyncDescriptor(streams, poller: server.poller),
          let client = try? await listener.accept()
        else { break }
        guard slots.take() else { continue }
        group.addTask { [self] in
          try? await serve(client)
          slots.giveBack()
        }
      }
      group.cancelAll()
    }
  }

  private func serve(_ client: Descriptor) async throws {
    let stream = DNSStream(try AsyncDescriptor(client, poller: server.poller))
    while let bytes = try await Deadline.run(within: Self.idleTime, { try await stream.read() }) ?? nil {
      switch server.immediateAnswer(to: bytes, asker: container) {
      case .nothing: return
      case .answer(let answer): try await stream.write(answer)
      case .forward(let query):
        guard inFlight.take() else { return }
        let answer = await server.forward(query, transport: .tcp, asker: container, servers: servers)
        inFlight.giveBack()
        try await stream.write(answer)
      }
    }
  }
}
