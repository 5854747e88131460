import CRIProtocol
import LinuxSystem

/// Connections for calls of one kind that may take long. A connection is made when the calls of those before it are as many as it
/// takes.
final class CallPool: Sendable {
  private static let callsOfConnection = GRPCLimits().maxConcurrentStreams

  private let clients: [GRPCClient]
  /// Calls under way on each.
  private let counts: Locked<[Int]>

  init(socket path: String, connections: Int) {
    clients = (0..<connections).map { _ in GRPCClient(unixSocketPath: path) }
    counts = Locked(Array(repeating: 0, count: connections))
  }

  func close() async {
    for client in clients { await client.close() }
  }

  /// Throws what the body does, and `RuntimeFailure` (`unavailable`) where as many calls are under way as there is room for.
  func run<Result>(_ body: (GRPCClient) async throws -> Result) async throws -> Result {
    let index = counts.withLock { counts -> Int? in
      guard let index = counts.firstIndex(where: { $0 < Self.callsOfConnection }) else { return nil }
      counts[index] += 1
      return index
    }
    guard let index else {
      throw RuntimeFailure(
        .unavailable, "\(clients.count * Self.callsOfConnection) calls of this kind are under way, the limit")
    }
    defer { counts.withLock { $0[index] -= 1 } }
    return try await body(clients[index])
  }
}
