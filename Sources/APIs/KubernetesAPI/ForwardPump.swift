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
    try await withThrowingTaskGroup(of: Void.self) { group in
      defer { group.cancelAll() }
      while let bytes = try await client.read() {
        let (events, reply) = try session.receive(bytes)
        try await client.write(reply)
        for event in events {
          switch event {
          case .connect(let id, let port):
            guard let connection = try await connect(id, port, session) else { continue }
            session.keep(connection, as: id)
            group.addTask { try await follow(connection, id, session) }
          case .data(let id, let data):
            // What nobody reads any more is dropped: the connection's reader tells the client of the end.
            try? await session.connection(id)?.write(data)
          case .inputEnd(let id), .reset(let id): try? session.connection(id)?.closeWrite()
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

  private func follow(_ connection: UpgradedConnection, _ id: UInt32, _ session: SharedForwards) async throws {
    while let bytes = try? await connection.read(), !bytes.isEmpty {
      try await client.write(session.bytes(bytes, of: id))
    }
    try await client.write(session.end(id))
  }
}

/// A session that several tasks use, and the connections that it is about; each goes with its end.
private final class SharedForwards: Sendable {
  private let session: Mutex<ForwardSession>
  private let connections = Mutex<[UInt32: UpgradedConnection]>([:])

  init(_ session: sending ForwardSession) { self.session = Mutex(session) }

  func keep(_ connection: UpgradedConnection, as id: UInt32) { connections.withLock { $0[id] = connection } }

  func connection(_ id: UInt32) -> UpgradedConnection? { connections.withLock { $0[id] } }

  func receive(_ bytes: [UInt8]) throws -> (events: [ForwardEvent], reply: [UInt8]) {
    try session.withLock { try $0.receive(bytes) }
  }

  func bytes(_ payload: [UInt8], of connection: UInt32) -> [UInt8] {
    session.withLock { $0.bytes(payload, of: connection) }
  }

  func end(_ connection: UInt32, failure: String? = nil) -> [UInt8] {
    connections.withLock { $0[connection] = nil }
    return session.withLock { $0.end(connection, failure: failure) }
  }
}
