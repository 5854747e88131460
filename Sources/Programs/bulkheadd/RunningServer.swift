import FoundationEssentials
import LinuxSystem
import RegistryAPI

/// What is known of the server once it serves; told at its local socket.
final class RunningServer: ServerFacts {
  private struct State {
    var addresses: [String] = []
    var cluster: ClusterServer?
  }

  private let root: String
  private let tls: RenewedTLS
  private let state = Locked(State())

  init(root: String, tls: RenewedTLS) {
    self.root = root
    self.tls = tls
  }

  func serves(at address: String) { state.withLock { $0.addresses.append(address) } }

  func serves(_ cluster: ClusterServer) { state.withLock { $0.cluster = cluster } }

  var version: String { BulkheadDaemon.version }

  var addresses: [String] { state.withLock { $0.addresses } }

  var certificateEndsAt: Int64 { Int64(tls.endsAt.timeIntervalSince1970) }

  func freeBytes() throws -> Int64 { try FileSystem.space(of: root).freeBytes }

  func cluster() async throws -> (any Encodable & Sendable)? {
    let cluster = state.withLock { $0.cluster }
    return try await cluster?.summary()
  }
}
