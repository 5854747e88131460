import HTTPServing
import KubeMachinery
import LinuxSystem
import PodStreams
import Synchronization

/// Carries forwarded connections between a client and the agent of its node.
struct ForwardPump: Sendable {
  let client: HijackedStream
  /// Connects to a port of the pod. Throws `StatusError`.
  let open: @Sendable (UInt16) async throws -> UpgradedConnection

  /// Returns when the client is gone. Throws `StreamFault` for what it may not send.
  func run(isTunnelled: Bool) async throws {
    let session = SharedForwards(try ForwardSession(isTunnelled: isTunnelled))
    var connections: [UInt32: UpgradedConnection] = [:]
    try await withThrowingTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      while let bytes = try await client.read() {
        let (events, reply) = try session.receive(bytes)
        try await client.write(reply)
        for event in events {
          switch event {
          case .connect(let id, let port):
            guard let connection = try await connect(id, port, session) else { continue }
            connections[id] = connection
            group.addTask { try await follow(connection, id, session) }
          case .data(let id, let data): await send(data, id, &connections)
          case .inputEnd(let id): try? connections[id]?.closeWrite()
          case .reset(let id):
            try? connections[id]?.closeWrite()
            connections[id] = nil
          case .gone: return
          }
        }
      }
    }
  }

  /// Nil where the port cannot be had, which the client is told.
  private func connect(_ id: UInt32, _ port: UInt16, _ session: SharedForwards) async throws -> UpgradedConnection? {
    do {
      return try await open(port)
    } catch let error as StatusError {
      try await client.write(session.end(id, failure: "failed to forward port \(port): \(error.message)"))
      return nil
    }
  }

  /// What nobody reads any more is dropped: its reader tells the client of the end.
  private func send(_ data: [UInt8], _ id: UInt32, _ connections: inout [UInt32: UpgradedConnection]) async {
    do { try await connections[id]?.write(data) } catch { connections[id] = nil }
  }

  private func follow(_ connection: UpgradedConnection, _ id: UInt32, _ session: SharedForwards) async throws {
    while let bytes = try? await connection.read(), !bytes.isEmpty {
      try await client.write(session.bytes(bytes, of: id))
    }
    try await client.write(session.end(id))
  }
}

/// A session that several tasks use.
private final class SharedForwards: Sendable {
  private let session: Mutex<ForwardSession>

  init(_ session: sending ForwardSession) { self.session = Mutex(session) }

  func receive(_ bytes: [UInt8]) throws -> (events: [ForwardEvent], reply: [UInt8]) {
    try session.withLock { try $0.receive(bytes) }
  }

  func bytes(_ payload: [UInt8], of connection: UInt32) -> [UInt8] {
    session.withLock { $0.bytes(payload, of: connection) }
  }

  func end(_ connection: UInt32, failure: String? = nil) -> [UInt8] {
    session.withLock { $0.end(connection, failure: failure) }
  }
}
