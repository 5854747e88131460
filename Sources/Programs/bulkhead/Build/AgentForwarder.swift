import Glibc
import LinuxSystem

/// An SSH agent that `--ssh` offers to the steps of a build.
struct OfferedAgent: Sendable, Equatable {
  static let maximumAgents = 16
  static let maximumNameBytes = 256

  let id: String
  let socket: String

  /// `default` or `ID`, which are the agent of the environment, or `ID=SOCKET`. It is asked once whether it is there.
  static func parse(_ text: String, environment: (String) -> String?) throws(ClientError) -> OfferedAgent {
    let (id, given) = splitOnce(text, "=").map { ($0.0, Optional($0.1)) } ?? (text, nil)
    guard (1...maximumNameBytes).contains(id.utf8.count), given != "" else {
      throw ClientError.usage("invalid --ssh '\(text)': write default, ID or ID=SOCKET")
    }
    guard let socket = given ?? environment("SSH_AUTH_SOCK"), !socket.isEmpty else {
      throw ClientError("--ssh \(id): SSH_AUTH_SOCK is not set: start an agent with 'eval $(ssh-agent)' and 'ssh-add'")
    }
    guard !socket.contains(",") else {
      throw ClientError.usage("invalid --ssh '\(text)': expected the socket of one agent, which may hold several keys")
    }
    var status = stat()
    guard stat(socket, &status) == 0 else {
      throw ClientError("--ssh \(id): cannot use '\(socket)': \(describe(errno: errno))")
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw ClientError.usage(
        "--ssh \(id): '\(socket)' is no agent's socket: key files are not read, put the key into an agent with ssh-add")
    }
    let agent = OfferedAgent(id: id, socket: socket)
    close(try agent.connect())
    return agent
  }

  func connect() throws(ClientError) -> Int32 {
    guard socket.utf8.count <= EngineAddress.maximumPathBytes else {
      throw ClientError("--ssh \(id): the path of a socket has at most \(EngineAddress.maximumPathBytes) bytes")
    }
    return try Connection.connect(socket) { code in
      ClientError("--ssh \(id): no agent answers at '\(socket)': \(describe(errno: code))")
    }
  }
}

/// Lends the engine connections to the user's agents while a build runs: one is kept ready, on threads of their own.
///
/// The engine lets through what a step may ask; this passes on nothing else either.
final class AgentForwarder: Sendable {
  private static let maximumConnections = 4
  /// Of a message without its length.
  private static let maximumMessageBytes = 256 << 10
  /// Request identities and sign, by the SSH agent protocol.
  private static let allowed: [UInt8] = [11, 13]

  private struct State {
    var threads = 0
    /// Threads whose connection the engine does not use yet.
    var waiting = 0
  }

  let session: String
  let agents: [OfferedAgent]
  private let engine: Engine
  private let state = Locked(State())

  init(_ agents: [OfferedAgent], engine: Engine) {
    self.agents = agents
    self.engine = engine
    let digits = (0..<2).map { _ in
      let text = String(UInt64.random(in: .min ... .max), radix: 16)
      return String(repeating: "0", count: 16 - text.utf8.count) + text
    }
    session = digits.joined()
  }

  /// What the build's request says of it.
  var json: JSONValue { ["session": .string(session), "ids": .strings(agents.map(\.id))] }

  /// The build has begun. Threads end with it, as the engine ends their connections.
  func start() throws(ClientError) {
    state.withLock { $0 = State(threads: 1, waiting: 1) }
    try spawn()
  }

  private func spawn() throws(ClientError) {
    let context = Unmanaged.passRetained(self)
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { context in
        if let context { Unmanaged<AgentForwarder>.fromOpaque(context).takeRetainedValue().work() }
        return nil
      }, context.toOpaque())
    guard code == 0 else {
      context.release()
      throw ClientError("cannot start a thread for the SSH agent: \(describe(errno: code))")
    }
    pthread_detach(thread)
  }

  private func work() {
    repeat {
      guard let connection = try? lend(), let name = try? Self.message(from: connection) else {
        // The build is over.
        return state.withLock { state in
          state.threads -= 1
          state.waiting -= 1
        }
      }
      keepOneReady()
      let id = String(decoding: name.dropFirst(4), as: UTF8.self)
      if let agent = agents.first(where: { $0.id == id }) { try? carry(connection, agent) }
    } while staysReady()
  }

  /// The connection that was ready is in use: another takes its place.
  private func keepOneReady() {
    let isWanted = state.withLock { state in
      state.waiting -= 1
      guard state.waiting == 0, state.threads < Self.maximumConnections else { return false }
      state.threads += 1
      state.waiting += 1
      return true
    }
    guard isWanted else { return }
    do { try spawn() } catch {
      state.withLock { state in
        state.threads -= 1
        state.waiting -= 1
      }
    }
  }

  private func staysReady() -> Bool {
    state.withLock { state in
      guard state.waiting > 0 else {
        state.waiting += 1
        return true
      }
      state.threads -= 1
      return false
    }
  }

  private func lend() throws(ClientError) -> Connection {
    try engine.open(.post, "/bulkhead/v1/builds/\(session)/agents", upgrade: true).connection
  }

  /// Requests and answers in turn, until either side ends.
  private func carry(_ connection: Connection, _ agent: OfferedAgent) throws(ClientError) {
    let socket = try agent.connect()
    defer { close(socket) }
    while let request = try Self.message(from: connection), Self.allowed.contains(request[4]) {
      try Connection.send(request, over: socket) { ClientError("the agent hung up: \(describe(errno: $0))") }
      guard let answer = try Self.answer(from: socket, unless: connection) else { return }
      try connection.send(answer)
    }
  }

  /// A message with its length; nil at the end.
  private static func message(from connection: Connection) throws(ClientError) -> [UInt8]? {
    while true {
      if let count = try length(connection.buffer), connection.buffer.count >= 4 + count {
        return connection.take(4 + count)
      }
      guard try connection.fill() else { return nil }
    }
  }

  /// Waits for the agent, which may ask its user; nil when it or the engine hangs up.
  private static func answer(from socket: Int32, unless connection: Connection) throws(ClientError) -> [UInt8]? {
    var answer: [UInt8] = []
    while true {
      if let count = try length(answer), answer.count >= 4 + count { return Array(answer[..<(4 + count)]) }
      var entries = [
        pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
        pollfd(fd: connection.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&entries, 2, -1) >= 0 else { continue }
      // The next request comes after this answer: what is there is the end.
      if entries[1].revents != 0 { return nil }
      if entries[0].revents != 0 {
        let piece = try readPiece(socket, upTo: Connection.readSize)
        if piece.isEmpty { return nil }
        answer += piece
      }
    }
  }

  private static func length(_ bytes: [UInt8]) throws(ClientError) -> Int? {
    guard bytes.count >= 4 else { return nil }
    let count = bytes[..<4].reduce(0) { $0 << 8 | Int($1) }
    guard (1...maximumMessageBytes).contains(count) else { throw ClientError("a message of an agent is too long") }
    return count
  }
}
