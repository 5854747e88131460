import HTTPServing
import KubeMachinery
import LinuxSystem
import PodStreams

/// Carries the streams of a command between a client and the agent of its node.
enum CommandPump {
  private static let patience = Duration.seconds(30)

  /// Returns when the command has ended or the client is gone. Throws `StreamFault` for what a client may not send.
  static func run(
    _ wanted: CommandStreams, _ carrier: CommandSession.Carrier, _ client: HijackedStream,
    open: @Sendable () async throws -> UpgradedConnection
  ) async throws {
    let session = SharedSession(try CommandSession(wanted, carrier: carrier))
    try await client.write(session.greeting)
    // Whatever it wants to say can wait for the streams that it opens first.
    let early = try await Deadline.run(within: patience) { try await streams(session, client) }
    guard let early, let early else { return }
    let node: UpgradedConnection
    do {
      node = try await open()
    } catch let error as StatusError {
      return try await end(session, client, error.document.encoded())
    }
    // Whether the command has ended. A fault of the client ends the session at once, the end of its input does not.
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await listen(client, session, early, to: node)
        return false
      }
      group.addTask {
        try await follow(node, session, client)
        return true
      }
      defer { group.cancelAll() }
      while let isOver = try await group.next(), !isOver {}
    }
  }

  /// Passes on what the client says until it says no more.
  private static func listen(
    _ client: HijackedStream, _ session: SharedSession, _ early: [CommandEvent], to node: UpgradedConnection
  ) async throws {
    try await pass(early, to: node)
    while let bytes = try await client.read() {
      let (events, reply) = try session.receive(bytes)
      try await client.write(reply)
      if events.contains(.gone) { break }
      try await pass(events, to: node)
    }
    // A client that is gone takes the process's input with it.
    try await node.write(StreamFrame(channel: .input, bytes: []).encoded)
  }

  /// Reads until all streams are there; nil where the client goes before that.
  private static func streams(_ session: SharedSession, _ client: HijackedStream) async throws -> [CommandEvent]? {
    var early: [CommandEvent] = []
    while !session.isReady {
      guard let bytes = try await client.read() else { return nil }
      let (events, reply) = try session.receive(bytes)
      try await client.write(reply)
      if events.contains(.gone) { return nil }
      early += events
    }
    return early
  }

  private static func pass(_ events: [CommandEvent], to node: UpgradedConnection) async throws {
    for event in events {
      switch event {
      case .input(let bytes):
        for start in stride(from: 0, to: bytes.count, by: StreamFrame.maxBytes) {
          let piece = Array(bytes[start..<min(start + StreamFrame.maxBytes, bytes.count)])
          try await node.write(StreamFrame(channel: .input, bytes: piece).encoded)
        }
      case .inputEnd: try await node.write(StreamFrame(channel: .input, bytes: []).encoded)
      case .resize(let width, let height):
        try await node.write(StreamFrame(channel: .resize, bytes: Array("\(width) \(height)".utf8)).encoded)
      case .gone: break
      }
    }
  }

  /// Sends what the process writes until it has ended, then how.
  private static func follow(
    _ node: UpgradedConnection, _ session: SharedSession, _ client: HijackedStream
  ) async throws {
    var reader = StreamFrameReader()
    while true {
      let bytes = try await node.read()
      if bytes.isEmpty { return try await end(session, client, CommandStatus.lost.encoded()) }
      reader.append(bytes)
      while let frame = try reader.next() {
        switch frame.channel {
        case .output: try await client.write(session.bytes(frame.bytes, of: .output))
        case .errors: try await client.write(session.bytes(frame.bytes, of: .errors))
        case .end: return try await end(session, client, CommandStatus.document(frame.bytes).encoded())
        case .input, .resize: break
        }
      }
    }
  }

  private static func end(_ session: SharedSession, _ client: HijackedStream, _ status: [UInt8]) async throws {
    try await client.write(session.end(status: status))
    await client.closeWrite()
  }
}

/// How a command ended, as clients are told. Source: Kubernetes `k8s.io/apimachinery` remote command status, version 4.
enum CommandStatus {
  static let lost = StatusError(500, "InternalError", "the connection to the node was lost").document

  /// - Parameter end: the last frame of the runtime: `{"exitCode":N}`, `{"error":"…"}`, `{}`.
  static func document(_ end: [UInt8]) -> JSONValue {
    guard let document = try? JSONParser.parse(end), case .object(let members) = document else { return lost }
    if let message = document["error"]?.text {
      return StatusError(
        500, "InternalError", "Internal error occurred: error executing command in container: \(message)"
      ).document
    }
    let code = document["exitCode"]?.integer
    // Without a code, the stream is one that tells none: an attachment.
    guard code != nil || members.isEmpty else { return lost }
    guard let code, code != 0 else { return ["metadata": [:], "status": "Success"] }
    return [
      "metadata": [:], "status": "Failure",
      "message": .string("command terminated with non-zero exit code: exit status \(code)"),
      "reason": "NonZeroExitCode",
      "details": ["causes": [["reason": "ExitCode", "message": .string(String(code))]]],
    ]
  }
}

/// A session that two tasks use. Bytes leave it in the order in which they have to be sent, as each task sends its own.
final class SharedSession: Sendable {
  private let session: Locked<CommandSession>

  init(_ session: sending CommandSession) { self.session = Locked(session) }

  var greeting: [UInt8] { session.withLock { $0.greeting } }
  var isReady: Bool { session.withLock { $0.isReady } }

  func receive(_ bytes: [UInt8]) throws -> (events: [CommandEvent], reply: [UInt8]) {
    try session.withLock { try $0.receive(bytes) }
  }

  func bytes(_ payload: [UInt8], of output: CommandSession.Output) -> [UInt8] {
    session.withLock { $0.bytes(payload, of: output) }
  }

  func end(status: [UInt8]) -> [UInt8] { session.withLock { $0.end(status: status) } }
}
