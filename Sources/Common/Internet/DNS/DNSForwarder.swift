import Glibc
import LinuxSystem

/// Sends questions that a name service cannot answer itself to other servers.
///
/// Each question goes out with a random id from a socket of its own, connected to the server, so that an answer has to
/// come from there, to a port that the kernel chose at random.
public final class DNSForwarder: Sendable {
  /// Questions under way for all clients together.
  public static let maximumInFlight = 4_096
  /// From a client's question to our answer; the C library's own limit for one try.
  public static let timeLimit = Duration.seconds(5)
  /// Times that each server is asked.
  public static let rounds = 2

  private let poller: Poller
  private let namespace: HostNamespace
  private let slots = Slots(count: DNSForwarder.maximumInFlight)
  private let limit: Duration

  public init(poller: Poller, namespace: HostNamespace, limit: Duration = DNSForwarder.timeLimit) {
    self.poller = poller
    self.namespace = namespace
    self.limit = limit
  }

  /// The answer of the first server that gives one, with the client's id, else *server failure*.
  ///
  /// - Parameter transport: how the client asked. For UDP the answer fits the client's limit, or says that it does not.
  public func answer(_ query: DNSQuery, transport: TransportProtocol, servers: [SocketAddress]) async -> [UInt8] {
    let failure = DNSAnswer.make(to: query, [], code: .serverFailure)
    guard !servers.isEmpty, slots.take() else { return failure }
    defer { slots.giveBack() }
    let found = try? await Deadline.run(within: limit) { try await self.ask(servers, query, transport) }
    guard var bytes = found ?? nil else { return failure }
    bytes = bytes.fitting(query, over: transport)
    bytes[0] = UInt8(query.id >> 8)
    bytes[1] = UInt8(query.id & 255)
    return bytes
  }

  private func ask(
    _ servers: [SocketAddress], _ query: DNSQuery, _ transport: TransportProtocol
  ) async throws -> [UInt8]? {
    let patience = limit / (Self.rounds * servers.count)
    var refused: [UInt8]?
    for _ in 0..<Self.rounds {
      for server in servers {
        try Task.checkCancellation()
        let found = try? await Deadline.run(within: patience) { try await self.ask(server, query, transport) }
        guard let bytes = found ?? nil else { continue }
        // Another server may do better than one that fails or does not want to.
        let code = bytes[3] & 15
        if code != DNSMessage.ResponseCode.serverFailure.rawValue && code != DNSMessage.ResponseCode.refused.rawValue {
          return bytes
        }
        refused = bytes
      }
      if refused != nil { return refused }
    }
    return nil
  }

  private func ask(
    _ server: SocketAddress, _ query: DNSQuery, _ transport: TransportProtocol
  ) async throws -> [UInt8] {
    guard transport == .udp else { return try await askByStream(server, query) }
    let answer = try await askByDatagram(server, query)
    guard answer[2] & UInt8(DNSMessage.flagTruncated >> 8) != 0 else { return answer }
    return (try? await askByStream(server, query)) ?? answer
  }

  private func askByDatagram(_ server: SocketAddress, _ query: DNSQuery) async throws -> [UInt8] {
    let id = UInt16.random(in: 0 ... .max)
    let socket = try connect(.udp, to: server)
    try DatagramSocket.send(socket, query.forwarded(id: id))
    while true {
      try await poller.waitReadable(socket.raw)
      while let (bytes, _) = try DatagramSocket.receive(socket, limit: DNSMessage.maximumUDPBytes) {
        if query.isAnswered(by: bytes, id: id) { return bytes }
      }
    }
  }

  private func askByStream(_ server: SocketAddress, _ query: DNSQuery) async throws -> [UInt8] {
    let id = UInt16.random(in: 0 ... .max)
    let socket = try connect(.tcp, to: server)
    try await poller.waitWritable(socket.raw)
    let stream = DNSStream(try AsyncDescriptor(socket, poller: poller))
    try await stream.write(query.forwarded(id: id))
    guard let bytes = try await stream.read(), query.isAnswered(by: bytes, id: id) else {
      throw SystemError(errno: EPROTO, operation: "dns", subject: server.text)
    }
    return bytes
  }

  private func connect(_ transport: TransportProtocol, to server: SocketAddress) throws -> Descriptor {
    try namespace.run { try InternetSocket.connect(transport, to: server) }
  }
}

/// DNS messages on a TCP connection: each after its length (RFC 1035 section 4.2.2).
public struct DNSStream: Sendable {
  private let descriptor: AsyncDescriptor

  public init(_ descriptor: AsyncDescriptor) { self.descriptor = descriptor }

  public func write(_ message: [UInt8]) async throws {
    var bytes: [UInt8] = []
    bytes.append(big: UInt16(truncatingIfNeeded: message.count))
    try await descriptor.write(bytes + message)
  }

  /// The next message; nil at the end.
  public func read() async throws -> [UInt8]? {
    guard let length = try await read(exactly: 2) else { return nil }
    return try await read(exactly: Int(length[0]) << 8 | Int(length[1]))
  }

  private func read(exactly count: Int) async throws -> [UInt8]? {
    var bytes: [UInt8] = []
    while bytes.count < count {
      let more = try await descriptor.read(count - bytes.count)
      if more.isEmpty { return nil }
      bytes += more
    }
    return bytes
  }
}
