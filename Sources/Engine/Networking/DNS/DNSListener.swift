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
  /// After a connection that could not be accepted, so as not to spin.
  private static let pauseAfterFailure = Duration.milliseconds(100)
  private static let datagramsInTurn = 32
  /// How often an empty socket is looked at again before its thread sleeps.
  private static let triesBeforeSleep = 4

  private struct ForwardedQuestion: Sendable {
    let query: DNSQuery
    let sender: SocketAddress
  }

  private let container: ContainerID
  private let datagrams: Descriptor
  private let streams: Descriptor
  private let server: DNSServer
  private let servers: [SocketAddress]?
  private let inFlight = Slots(count: DNSListener.maximumInFlight)
  private let service = Mutex<(token: ReadyLoop.Token, task: Task<Void, Never>)?>(nil)

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

  func start() throws {
    let (questions, arrival) = AsyncStream.makeStream(
      of: ForwardedQuestion.self, bufferingPolicy: .bufferingOldest(Self.maximumInFlight))
    let token = try server.loop.add(datagrams) { [self] in takeDatagrams(arrival) }
    service.withLock { service in
      let task = Task { [self] in
        await withDiscardingTaskGroup { group in
          group.addTask { await self.serveStreams() }
          for await question in questions { group.addTask { await self.forward(question) } }
        }
      }
      service = (token, task)
    }
  }

  /// Frees the port and lets go of the namespace at once.
  func stop() {
    let running = service.withLock { service in
      defer { service = nil }
      return service
    }
    if let running {
      server.loop.remove(running.token)
      running.task.cancel()
    }
    InternetSocket.close(datagrams)
    InternetSocket.close(streams)
  }

  /// Answers what needs no server at once, and hands the rest on. A flood of one container keeps the others waiting no longer
  /// than `datagramsInTurn` answers take.
  private func takeDatagrams(_ arrival: AsyncStream<ForwardedQuestion>.Continuation) {
    do {
      var tries = Self.triesBeforeSleep
      for _ in 0..<Self.datagramsInTurn {
        var next = try DatagramSocket.receive(datagrams, limit: DNSMessage.maximumUDPBytes)
        while next == nil, tries > 0 {
          // Who has its answer often asks again at once, and waking up costs more than looking again.
          tries -= 1
          sched_yield()
          next = try DatagramSocket.receive(datagrams, limit: DNSMessage.maximumUDPBytes)
        }
        guard let (bytes, sender) = next else { return }
        guard let sender else { continue }
        switch server.immediateAnswer(to: bytes, asker: container) {
        case .nothing: break
        case .answer(let answer): reply(answer, to: sender)
        case .forward(let query):
          guard inFlight.take() else {
            reply(DNSAnswer.make(to: query, [], code: .serverFailure), to: sender)
            continue
          }
          arrival.yield(ForwardedQuestion(query: query, sender: sender))
        }
      }
    } catch {
      // Nil after `stop`, which exchanges the socket for something that is none.
      guard let running = service.withLock({ $0 }) else { return }
      server.loop.remove(running.token)
      server.report(error, container: container)
    }
  }

  private func forward(_ question: ForwardedQuestion) async {
    let answer = await server.forward(question.query, transport: .udp, asker: container, servers: servers)
    reply(answer, to: question.sender)
    inFlight.giveBack()
  }

  /// Sends an answer; one that cannot be sent is lost like any datagram.
  private func reply(_ answer: [UInt8], to client: SocketAddress) {
    try? DatagramSocket.send(datagrams, answer, to: client)
  }

  private func serveStreams() async {
    let slots = Slots(count: Self.maximumConnections)
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled {
        let client: Descriptor
        do {
          client = try await AsyncDescriptor(streams, poller: server.poller).accept()
        } catch let error as SystemError where error.errno != ENOTSOCK {
          // Out of descriptors, or the client went away: the next may be served.
          server.reportAccept(error, container: container)
          try? await Task.sleep(for: Self.pauseAfterFailure)
          continue
        } catch {
          break
        }
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
