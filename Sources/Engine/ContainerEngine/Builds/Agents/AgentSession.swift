import LinuxSystem
import Model

/// A connection of the client that leads to an agent of its user.
public protocol AgentChannel: Sendable {
  /// The next bytes; nil at the end.
  func read() async throws -> [UInt8]?
  func write(_ bytes: [UInt8]) async throws
}

/// What one build may ask of the SSH agents of its client, as long as it runs. The client lends connections; each serves one
/// connection of a step.
public final class AgentSession: Sendable {
  /// Connections in use or waiting to be, of one build.
  static let maximumChannels = 5

  private struct State {
    var isClosed = false
    var lent: [AgentLoan] = []
    var waiting: [AgentLoan] = []
    var takers: [OneShot<AgentLoan?>] = []
  }

  let id: String
  /// Whose agents they are.
  let user: UInt32
  /// Agents by the names that the Dockerfile's mounts have for them.
  public let agents: Set<String>
  private let state = Locked(State())

  init(id: String, user: UInt32, agents: Set<String>) {
    self.id = id
    self.user = user
    self.agents = agents
  }

  /// Takes a connection of the client's, and returns when it is not needed any more.
  /// - Throws: `resourceExhausted` where there are enough, `notFound` when the build has ended.
  public func lend(_ channel: any AgentChannel) async throws {
    let loan = AgentLoan(channel)
    try state.withLock { state in
      guard !state.isClosed else { throw Self.unknown }
      guard state.lent.count < Self.maximumChannels else {
        throw PlatformError(.resourceExhausted, "a build has at most \(Self.maximumChannels) connections to agents")
      }
      state.lent.append(loan)
      // Here, so that a taker who gives up meanwhile finds either himself or his loan.
      if state.takers.isEmpty { state.waiting.append(loan) } else { state.takers.removeFirst().resolve(loan) }
    }
    defer {
      state.withLock { state in
        state.lent.removeAll { $0 === loan }
        state.waiting.removeAll { $0 === loan }
      }
    }
    _ = try await loan.isOver.wait()
  }

  /// Waits for a connection of the client's; nil where none comes in that time. Whoever gets it ends it by `giveBack`.
  func take(withinSeconds seconds: Double) async throws -> AgentLoan? {
    let taker = OneShot<AgentLoan?>()
    let waiting = state.withLock { state -> AgentLoan? in
      if !state.waiting.isEmpty { return state.waiting.removeFirst() }
      if state.isClosed { taker.resolve(nil) } else { state.takers.append(taker) }
      return nil
    }
    if let waiting { return waiting }
    do {
      if let loan = try await taker.wait(seconds: seconds) { return loan }
    } catch {
      withdraw(taker)?.giveBack()
      throw error
    }
    return withdraw(taker)
  }

  /// One may have come just when the waiting ended.
  private func withdraw(_ taker: OneShot<AgentLoan?>) -> AgentLoan? {
    state.withLock { state in state.takers.removeAll { $0 === taker } }
    return taker.current ?? nil
  }

  /// Ends every connection, and takes no more.
  func close() {
    let (loans, takers) = state.withLock { state in
      state.isClosed = true
      defer { state.takers = [] }
      return (state.lent, state.takers)
    }
    for taker in takers { taker.resolve(nil) }
    for loan in loans { loan.giveBack() }
  }

  static var unknown: PlatformError { PlatformError(.notFound, "no build of yours asks for agents by this id") }
}

/// A connection that a step's connection uses.
final class AgentLoan: Sendable {
  let channel: any AgentChannel
  fileprivate let isOver = OneShot<Bool>()

  fileprivate init(_ channel: any AgentChannel) { self.channel = channel }

  func giveBack() { isOver.resolve(true) }
}

/// Keeps a build's session; it ends with this, or before by `end`.
public final class AgentLease: Sendable {
  public let session: AgentSession
  private let sessions: AgentSessions

  init(_ session: AgentSession, of sessions: AgentSessions) {
    self.session = session
    self.sessions = sessions
  }

  deinit { end() }

  public func end() {
    sessions.forget(session)
    session.close()
  }
}

/// The builds that may ask agents, by ids that their clients made up.
final class AgentSessions: Sendable {
  static let idDigits = 32
  static let maximumAgents = 16
  static let maximumNameBytes = 256
  private let sessions = Locked<[String: AgentSession]>([:])

  /// - Parameter id: 32 hexadecimal digits, from 128 random bits.
  /// - Throws: `invalidArgument`, `conflict` for an id that a build has.
  func open(_ id: String, user: UInt32, agents: Set<String>) throws -> AgentLease {
    guard id.utf8.count == Self.idDigits,
      id.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
    else {
      throw PlatformError(.invalidArgument, "ssh.session: expected \(Self.idDigits) hexadecimal digits")
    }
    guard (1...Self.maximumAgents).contains(agents.count),
      agents.allSatisfy({ (1...Self.maximumNameBytes).contains($0.utf8.count) })
    else {
      throw PlatformError(
        .invalidArgument, "ssh.ids: expected 1 to \(Self.maximumAgents) ids of 1 to \(Self.maximumNameBytes) bytes")
    }
    let session = AgentSession(id: id, user: user, agents: agents)
    try sessions.withLock { sessions in
      guard sessions[id] == nil else { throw PlatformError(.conflict, "ssh.session: another build has this id") }
      sessions[id] = session
    }
    return AgentLease(session, of: self)
  }

  /// - Throws: `notFound`, for another user's as for one that is not there.
  func find(_ id: String, user: UInt32) throws -> AgentSession {
    guard let session = sessions.withLock({ $0[id] }), session.user == user else { throw AgentSession.unknown }
    return session
  }

  func forget(_ session: AgentSession) {
    sessions.withLock { sessions in
      if sessions[session.id] === session { sessions[session.id] = nil }
    }
  }

  var count: Int { sessions.withLock { $0.count } }
}
