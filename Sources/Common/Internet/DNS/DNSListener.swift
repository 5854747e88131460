import Glibc
import LinuxSystem

/// A name service at one address: a UDP and a TCP socket, and the tasks that serve them.
///
/// Open sockets keep their network namespace alive: `stop` before it is to go.
public final class DNSListener: Sendable {
  public struct Bounds: Sendable {
    /// Questions that wait for a server.
    public var inFlight: Int
    /// TCP connections, in all and from one address.
    public var connections: Int
    public var connectionsOfOne: Int

    public init(inFlight: Int, connections: Int, connectionsOfOne: Int) {
      self.inFlight = inFlight
      self.connections = connections
      self.connectionsOfOne = connectionsOfOne
    }
  }

  public static let port: UInt16 = 53
  /// A connection silent for this long, or whose answers are not taken, is closed.
  public static let idleTime = Duration.seconds(10)
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

  private let datagrams: Descriptor
  private let streams: Descriptor
  private let responder: any DNSResponder
  private let loop: ReadyLoop
  private let poller: Poller
  private let bounds: Bounds
  private let inFlight: Slots
  private let service = Locked<(token: ReadyLoop.Token, task: Task<Void, Never>)?>(nil)

  /// Opens the sockets in the network namespace of the calling thread.
  ///
  /// - Parameter loop: where datagrams are answered.
  public init(
    at address: IPv4Address, responder: any DNSResponder, loop: ReadyLoop, poller: Poller, bounds: Bounds
  ) throws {
    datagrams = try InternetSocket.open(.udp, family: AF_INET, nonBlocking: true)
    streams = try InternetSocket.open(.tcp, family: AF_INET, nonBlocking: true)
    for socket in [datagrams, streams] {
      // Another name server may still take the port on other addresses.
      try InternetSocket.set(socket, option: SO_REUSEADDR, to: 1)
      try InternetSocket.bind(socket, to: .ipv4(address, port: Self.port))
    }
    try InternetSocket.listen(streams, backlog: Self.backlog)
    self.responder = responder
    self.loop = loop
    self.poller = poller
    self.bounds = bounds
    inFlight = Slots(count: bounds.inFlight)
  }

  public func start() throws {
    let (questions, arrival) = AsyncStream.makeStream(
      of: ForwardedQuestion.self, bufferingPolicy: .bufferingOldest(bounds.inFlight))
    let token = try loop.add(datagrams) { [self] in takeDatagrams(arrival) }
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
  public func stop() {
    let running = service.withLock { service in
      defer { service = nil }
      return service
    }
    if let running {
      loop.remove(running.token)
      running.task.cancel()
    }
    InternetSocket.close(datagrams)
    InternetSocket.close(streams)
  }

  /// Answers what needs no server at once, and hands the rest on. A flood at one listener keeps those that share the loop
  /// waiting no longer than some `datagramsInTurn` answers take.
  private func takeDatagrams(_ arrival: AsyncStream<ForwardedQuestion>.Continuation) {
    do {
      var batch = DatagramBatch(limit: DNSMessage.maximumUDPBytes)
      var tries = Self.triesBeforeSleep
      var taken = 0
      while taken < Self.datagramsInTurn {
        var count = try batch.receive(from: datagrams)
        while count == 0, tries > 0 {
          // Who has its answer often asks again at once, and waking up costs more than looking again.
          tries -= 1
          sched_yield()
          count = try batch.receive(from: datagrams)
        }
        guard count > 0 else { return }
        for index in 0..<count {
          guard let (bytes, sender) = batch.datagram(index) else { continue }
          // At once: who waits goes on while the others are answered.
          if let answer = answer(to: bytes, from: sender, arrival) { reply(answer, to: sender) }
        }
        taken += count
      }
    } catch {
      // Nil after `stop`, which exchanges the socket for something that is none.
      guard let running = service.withLock({ $0 }) else { return }
      loop.remove(running.token)
      responder.hasEnded(error)
    }
  }

  /// Nil where there is no answer, or one that a server has to be asked for.
  private func answer(
    to bytes: [UInt8], from sender: SocketAddress, _ arrival: AsyncStream<ForwardedQuestion>.Continuation
  ) -> [UInt8]? {
    switch responder.immediateAnswer(to: bytes, from: sender, over: .udp) {
    case .nothing: return nil
    case .answer(let answer): return answer
    case .forward(let query):
      guard inFlight.take() else { return DNSAnswer.make(to: query, [], code: .serverFailure) }
      arrival.yield(ForwardedQuestion(query: query, sender: sender))
      return nil
    }
  }

  private func forward(_ question: ForwardedQuestion) async {
    let answer = await responder.forward(question.query, transport: .udp, from: question.sender)
    reply(answer, to: question.sender)
    inFlight.giveBack()
  }

  /// Sends an answer; one that cannot be sent is lost like any datagram.
  private func reply(_ answer: [UInt8], to client: SocketAddress) {
    try? DatagramSocket.send(datagrams, answer, to: client)
  }

  private func serveStreams() async {
    let places = FairBound(each: bounds.connectionsOfOne, all: bounds.connections)
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled {
        let client: Descriptor
        do {
          client = try await AsyncDescriptor(streams, poller: poller).accept()
        } catch let error as SystemError where error.errno != ENOTSOCK {
          // Out of descriptors, or the client went away: the next may be served.
          responder.couldNotAccept(error)
          try? await Task.sleep(for: Self.pauseAfterFailure)
          continue
        } catch {
          break
        }
        guard let peer = try? InternetSocket.peer(of: client), let place = places.take(peer.host) else { continue }
        group.addTask { [self] in
          try? await serve(client, of: peer)
          place.giveBack()
        }
      }
      group.cancelAll()
    }
  }

  private func serve(_ client: Descriptor, of peer: SocketAddress) async throws {
    let stream = DNSStream(try AsyncDescriptor(client, poller: poller))
    while let bytes = try await Deadline.run(within: Self.idleTime, { try await stream.read() }) ?? nil {
      switch responder.immediateAnswer(to: bytes, from: peer, over: .tcp) {
      case .nothing: return
      case .answer(let answer): guard try await write(answer, to: stream) else { return }
      case .forward(let query):
        guard inFlight.take() else { return }
        let answer = await responder.forward(query, transport: .tcp, from: peer)
        inFlight.giveBack()
        guard try await write(answer, to: stream) else { return }
      }
    }
  }

  /// False where the client did not take it in time.
  private func write(_ answer: [UInt8], to stream: DNSStream) async throws -> Bool {
    try await Deadline.run(within: Self.idleTime) { try await stream.write(answer) } != nil
  }
}
