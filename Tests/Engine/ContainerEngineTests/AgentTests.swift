import LinuxSystem
import Model
import Synchronization
import Testing

@testable import ContainerEngine

/// The client's side of a connection, for tests: what is written to it is answered by a function.
private final class FakeChannel: AgentChannel {
  private let answers: @Sendable ([UInt8]) -> [UInt8]?
  private let (stream, continuation) = AsyncStream<[UInt8]>.makeStream(bufferingPolicy: .bufferingOldest(64))
  private let written = Mutex<[[UInt8]]>([])

  init(_ answers: @escaping @Sendable ([UInt8]) -> [UInt8]?) { self.answers = answers }

  var received: [[UInt8]] { written.withLock { $0 } }

  func read() async throws -> [UInt8]? {
    for await bytes in stream { return bytes }
    try Task.checkCancellation()
    return nil
  }

  func write(_ bytes: [UInt8]) async throws {
    let count = written.withLock { written in
      written.append(bytes)
      return written.count
    }
    // The first message names the agent.
    if count == 1 { return }
    if let answer = answers(bytes) { continuation.yield(answer) } else { continuation.finish() }
  }
}

@Suite(.timeLimit(.minutes(1))) struct AgentTests {
  private static let id = String(repeating: "0af", count: 10) + "01"

  private static func message(_ type: UInt8, _ rest: [UInt8] = []) -> [UInt8] { AgentMessage.framed([type] + rest) }

  @Test(arguments: [UInt8](0...255))
  func `a step may list keys and sign, and nothing else`(type: UInt8) {
    #expect((AgentMessage.Request(Self.message(type, [1, 2])) != nil) == [11, 13].contains(type))
  }

  @Test func `answers of another type are failures`() {
    #expect(AgentMessage.answer(Self.message(12, [9]), to: .identities) == Self.message(12, [9]))
    #expect(AgentMessage.answer(Self.message(14, [9]), to: .sign) == Self.message(14, [9]))
    for type: UInt8 in [0, 5, 6, 11, 14, 102] {
      #expect(AgentMessage.answer(Self.message(type), to: .identities) == [0, 0, 0, 1, 5])
    }
    #expect(AgentMessage.answer([0, 0, 0, 0], to: .sign) == AgentMessage.failure)
  }

  @Test func `messages are cut whatever the pieces are`() throws {
    let sent = [Self.message(11), Self.message(13, [UInt8](repeating: 7, count: 300)), Self.message(17)]
    for size in [1, 2, 3, 5, 64, 1_000] {
      var reader = AgentMessageReader()
      var cut: [[UInt8]] = []
      let bytes = Array(sent.joined())
      for start in stride(from: 0, to: bytes.count, by: size) {
        reader.feed(Array(bytes[start..<min(start + size, bytes.count)]))
        while let message = try reader.next() { cut.append(message) }
      }
      #expect(cut == sent)
    }
  }

  @Test(arguments: [[0, 0, 0, 0], [0, 4, 0, 1], [0xFF, 0xFF, 0xFF, 0xFF]] as [[UInt8]])
  func `lengths have bounds`(start: [UInt8]) {
    var reader = AgentMessageReader()
    reader.feed(start)
    #expect {
      try reader.next()
    } throws: { ($0 as? PlatformError)?.code == .invalidArgument }
  }

  @Test(arguments: [
    ("", ["default"], "ssh.session: expected 32"), (String(repeating: "g", count: 32), ["default"], "ssh.session"),
    (id.uppercased(), ["default"], "ssh.session"), (id + "0", ["default"], "ssh.session"), (id, [], "ssh.ids"),
    (id, [""], "ssh.ids"), (id, [String(repeating: "x", count: 257)], "ssh.ids"),
    (id, (0...16).map(String.init), "ssh.ids"),
  ])
  func `what names a build's agents is checked`(id: String, agents: [String], text: String) {
    #expect {
      try AgentSessions().open(id, user: 0, agents: Set(agents))
    } throws: { error in
      guard let error = error as? PlatformError else { return false }
      return error.code == .invalidArgument && error.message.hasPrefix(text)
    }
  }

  @Test func `a build's id is its user's alone, and ends with it`() async throws {
    let sessions = AgentSessions()
    var lease: AgentLease? = try sessions.open(Self.id, user: 7, agents: ["default"])
    #expect(try sessions.find(Self.id, user: 7) === lease?.session)
    for (id, user) in [(Self.id, 8), (Self.id, 0), (String(repeating: "1", count: 32), 7)] as [(String, UInt32)] {
      #expect { try sessions.find(id, user: user) } throws: { ($0 as? PlatformError)?.code == .notFound }
    }
    for user: UInt32 in [7, 8] {
      #expect {
        try sessions.open(Self.id, user: user, agents: ["default"])
      } throws: { ($0 as? PlatformError)?.code == .conflict }
    }
    let session = try #require(lease?.session)
    lease = nil
    #expect(sessions.count == 0)
    await #expect(throws: PlatformError.self) { try await session.lend(FakeChannel { $0 }) }
    #expect(try await session.take(withinSeconds: 60) == nil)
  }

  @Test func `connections of the client are bounded, and end with the build`() async throws {
    let lease = try AgentSessions().open(Self.id, user: 7, agents: ["default"])
    let session = lease.session
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<AgentSession.maximumChannels { group.addTask { try await session.lend(FakeChannel { $0 }) } }
      // Taken ones count, too.
      for _ in 0..<AgentSession.maximumChannels { #expect(try await session.take(withinSeconds: 60) != nil) }
      let error = await #expect(throws: PlatformError.self) { try await session.lend(FakeChannel { $0 }) }
      #expect(error?.code == .resourceExhausted)
      lease.end()
      try await group.waitForAll()
    }
  }

  @Test func `whoever waits for a connection gets the next, and none when the time has passed`() async throws {
    let lease = try AgentSessions().open(Self.id, user: 7, agents: ["default"])
    let session = lease.session
    #expect(try await session.take(withinSeconds: 0.01) == nil)
    let channel = FakeChannel { $0 }
    async let taken = session.take(withinSeconds: 60)
    async let lent: Void = session.lend(channel)
    let loan = try #require(try await taken)
    #expect(loan.channel as? FakeChannel === channel)
    loan.giveBack()
    try await lent
  }

  /// Serves a socket and talks to it as a step does.
  private func withRelay(
    _ channels: [FakeChannel], _ body: @Sendable (AsyncDescriptor) async throws -> Void
  ) async throws -> [String] {
    let path = "/tmp/bulkhead-agent-\(UInt64.random(in: .min ... .max))"
    defer { try? FileSystem.removeFile(path) }
    let listener = try UnixSocket.listen(path, mode: 0o600)
    let poller = try Poller()
    let lease = try AgentSessions().open(Self.id, user: 7, agents: ["default"])
    let told = Mutex<[String]>([])
    let relay = AgentRelay(session: lease.session, poller: poller) { text in told.withLock { $0.append(text) } }
    for channel in channels { Task { try await lease.session.lend(channel) } }
    let serving = Task { await relay.serve("default", listener) }
    let step = try AsyncDescriptor(UnixSocket.connect(path), poller: poller)
    do {
      try await body(step)
    } catch {
      Issue.record(error)
    }
    serving.cancel()
    await serving.value
    lease.end()
    return told.withLock { $0 }
  }

  private static func read(_ step: AsyncDescriptor) async throws -> [UInt8] {
    var reader = AgentMessageReader()
    while true {
      if let message = try reader.next() { return message }
      let bytes = try await step.read(4_096)
      if bytes.isEmpty { return [] }
      reader.feed(bytes)
    }
  }

  @Test func `what a step may not ask never reaches the client`() async throws {
    let channel = FakeChannel { _ in Self.message(12, [0, 0, 0, 0]) }
    let told = try await withRelay([channel]) { step in
      for type: UInt8 in [1, 17, 18, 19, 22, 25, 26, 27] {
        try await step.write(Self.message(type, [1, 2, 3]))
        #expect(try await Self.read(step) == AgentMessage.failure)
      }
      #expect(channel.received.isEmpty)
      try await step.write(Self.message(11))
      #expect(try await Self.read(step) == Self.message(12, [0, 0, 0, 0]))
      try await step.write(Self.message(19))
      #expect(try await Self.read(step) == AgentMessage.failure)
    }
    #expect(channel.received == [AgentMessage.framed(Array("default".utf8)), Self.message(11)])
    #expect(told == [])
  }

  @Test func `an agent that goes away is told, and the step gets a failure`() async throws {
    let channel = FakeChannel { $0[4] == 11 ? Self.message(12) : nil }
    let told = try await withRelay([channel]) { step in
      try await step.write(Self.message(11))
      #expect(try await Self.read(step) == Self.message(12))
      try await step.write(Self.message(13, [1]))
      #expect(try await Self.read(step) == AgentMessage.failure)
      #expect(try await Self.read(step) == [])
    }
    #expect(told == ["agent 'default' of the client does not answer"])
  }

  @Test func `a message that is too long ends the connection`() async throws {
    let told = try await withRelay([]) { step in
      try await step.write([0, 4, 0, 1, 11])
      #expect(try await Self.read(step) == [])
    }
    #expect(told == ["agent 'default': a message of 262145 bytes: an agent's have 1 to 262144"])
  }
}
