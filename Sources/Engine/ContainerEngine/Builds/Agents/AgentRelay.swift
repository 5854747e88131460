import LinuxSystem
import Model

/// Stands between a step's socket and its client's agent: passes on what a step may ask, answers the rest itself.
struct AgentRelay: Sendable {
  /// Connections of one step at once; more wait until one of them ends.
  private static let maximumConnections = 4
  private static let readBytes = 64 << 10
  /// A step's connection that asks nothing for so long ends.
  static let idleSeconds = 600.0
  /// Agents may ask their user, or wait for a touch of a key.
  static let answerSeconds = 120.0
  /// The client keeps a connection ready; a new one is there at once.
  static let connectionSeconds = 10.0
  private static let writeSeconds = 30.0

  let session: AgentSession
  let poller: Poller
  /// Told in the step's output why an agent does not answer.
  let tell: @Sendable (String) async -> Void

  /// Serves one socket until cancelled; what is open then is closed.
  func serve(_ agent: String, _ listener: Descriptor) async {
    await withTaskGroup(of: Void.self) { connections in
      var count = 0
      do {
        let socket = try AsyncDescriptor(listener, poller: poller)
        while true {
          if count == Self.maximumConnections {
            await connections.next()
            count -= 1
          }
          let connection = try await socket.accept()
          count += 1
          connections.addTask { await carry(connection, agent) }
        }
      } catch is CancellationError {
      } catch {
        await tell("agent '\(agent.prefix(64))': its socket failed: \(error)")
      }
      connections.cancelAll()
    }
  }

  private func carry(_ connection: Descriptor, _ agent: String) async {
    var loan: AgentLoan?
    defer { loan?.giveBack() }
    do {
      let step = try AsyncDescriptor(connection, poller: poller)
      var requests = AgentMessageReader()
      var answers = AgentMessageReader()
      while let message = try await message(&requests, Self.idleSeconds, { try await step.read(Self.readBytes) }) {
        guard let request = AgentMessage.Request(message) else {
          try await write(AgentMessage.failure, to: step)
          continue
        }
        if loan == nil { loan = try await connect(agent) }
        guard let loan else { return }
        guard
          let answer = try await ask(loan, message, &answers)
        else {
          await tell("agent '\(agent.prefix(64))' of the client does not answer")
          return try await write(AgentMessage.failure, to: step)
        }
        try await write(AgentMessage.answer(answer, to: request), to: step)
      }
    } catch let error as PlatformError {
      await tell("agent '\(agent.prefix(64))': \(error.message)")
    } catch {
      // The step has ended, or hung up.
    }
  }

  /// A connection of the client's, which is told whose agent it is for.
  private func connect(_ agent: String) async throws -> AgentLoan? {
    guard let loan = try await session.take(withinSeconds: Self.connectionSeconds) else {
      throw PlatformError(.unavailable, "the client has no connection for it")
    }
    do {
      try await send(AgentMessage.framed(Array(agent.utf8)), over: loan)
      return loan
    } catch {
      loan.giveBack()
      throw PlatformError(.unavailable, "the client has hung up", cause: error)
    }
  }

  /// nil where the client ends the connection, or the time has passed.
  private func ask(
    _ loan: AgentLoan, _ message: [UInt8], _ answers: inout AgentMessageReader
  ) async throws -> [UInt8]? {
    do {
      try await send(message, over: loan)
      let channel = loan.channel
      return try await self.message(&answers, Self.answerSeconds) { try await channel.read() ?? [] }
    } catch let error as CancellationError {
      throw error
    } catch {
      return nil
    }
  }

  /// Writes to the client. One that lends connections and does not read must hold nobody: giving the connection back closes it,
  /// and so ends the write.
  private func send(_ bytes: [UInt8], over loan: AgentLoan) async throws {
    // Ends with this function.
    let timer = Task {
      try await Task.sleep(for: .seconds(Self.writeSeconds))
      loan.giveBack()
    }
    defer { timer.cancel() }
    try await withTaskCancellationHandler {
      try await loan.channel.write(bytes)
    } onCancel: {
      loan.giveBack()
    }
  }

  /// The next message, within a time for the whole of it; nil at the end or when the time has passed.
  private func message(
    _ reader: inout AgentMessageReader, _ seconds: Double, _ read: @escaping @Sendable () async throws -> [UInt8]
  ) async throws -> [UInt8]? {
    let end = ContinuousClock.now.advanced(by: .seconds(seconds))
    while true {
      if let message = try reader.next() { return message }
      guard let bytes = try await Deadline.run(within: ContinuousClock.now.duration(to: end), read), !bytes.isEmpty
      else {
        return nil
      }
      reader.feed(bytes)
    }
  }

  private func write(_ bytes: [UInt8], to step: AsyncDescriptor) async throws {
    let isDone: Void? = try await Deadline.run(within: .seconds(Self.writeSeconds)) { try await step.write(bytes) }
    if isDone == nil { throw CancellationError() }
  }
}
