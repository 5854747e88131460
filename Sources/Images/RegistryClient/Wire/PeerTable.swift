import AsyncHTTPClient
import LinuxSystem
import Model
import NIOCore
import NIOPosix

/// One HTTP client for each place and way of reaching it, as certificates belong to hosts. The number of unused ones is bounded.
final class PeerTable: Sendable {
  struct Key: Hashable, Sendable {
    var scheme: WireURL.Scheme
    var host: String
    var port: Int
    var verifies: Bool
    /// The address that was checked; nil where the system's resolver decides.
    var pinned: String?
  }

  private struct Entry {
    var client: HTTPClient
    var uses = 0
    var lastUse: UInt64 = 0
    let madeAt = Clock.monotonicNanoseconds()
  }

  private struct State {
    var entries: [Key: Entry] = [:]
    var clock: UInt64 = 0
    var isClosed = false
  }

  /// Clients that are kept although nobody uses them now.
  private static let idleClients = 32
  /// An unused client that is older is made anew, so that changed certificates come into force.
  private static let maximumAgeNanoseconds: UInt64 = 60_000_000_000
  private let state = Locked(State())

  deinit { close() }

  /// The client for a key, which `make` configures when it is new.
  func use(
    _ key: Key, make: @Sendable () async throws -> HTTPClient.Configuration
  ) async throws -> PeerUse {
    let client: HTTPClient
    if let known = take(key) {
      client = known
    } else {
      client = try insert(key, try await make())
    }
    return PeerUse(client: client, key: key, table: self)
  }

  /// Lets an unused client go whose peer could not be trusted: certificates may have come meanwhile.
  func forget(_ key: Key) {
    let gone = state.withLock { state -> HTTPClient? in
      guard state.entries[key]?.uses == 0 else { return nil }
      return state.entries.removeValue(forKey: key)?.client
    }
    if let gone { Self.close(gone) }
  }

  private func take(_ key: Key) -> HTTPClient? {
    let now = Clock.monotonicNanoseconds()
    let (client, old) = state.withLock { state -> (HTTPClient?, HTTPClient?) in
      guard let entry = state.entries[key] else { return (nil, nil) }
      if entry.uses == 0, now - entry.madeAt > Self.maximumAgeNanoseconds {
        state.entries[key] = nil
        return (nil, entry.client)
      }
      state.entries[key]?.uses += 1
      return (entry.client, nil)
    }
    if let old { Self.close(old) }
    return client
  }

  private func insert(_ key: Key, _ configuration: HTTPClient.Configuration) throws -> HTTPClient {
    try state.withLock { state in
      guard !state.isClosed else { throw RegistryFailure(.unreachable, "the registry client has been closed") }
      if let known = state.entries[key]?.client {
        state.entries[key]?.uses += 1
        return known
      }
      let client = HTTPClient(
        eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton), configuration: configuration)
      state.entries[key] = Entry(client: client, uses: 1)
      return client
    }
  }

  fileprivate func release(_ key: Key) {
    let gone = state.withLock { state -> [HTTPClient] in
      state.clock += 1
      state.entries[key]?.uses -= 1
      state.entries[key]?.lastUse = state.clock
      let idle = state.entries.filter { $0.value.uses == 0 }.sorted { $0.value.lastUse < $1.value.lastUse }
      let excess = state.isClosed ? idle[...] : idle.prefix(max(0, idle.count - Self.idleClients))
      for (key, _) in excess { state.entries[key] = nil }
      return excess.map(\.value.client)
    }
    for client in gone { Self.close(client) }
  }

  /// Closes every client; those in use when they are released.
  func close() {
    let gone = state.withLock { state -> [HTTPClient] in
      state.isClosed = true
      let idle = state.entries.filter { $0.value.uses == 0 }
      for (key, _) in idle { state.entries[key] = nil }
      return idle.map(\.value.client)
    }
    for client in gone { Self.close(client) }
  }

  private static func close(_ client: HTTPClient) {
    // The client's own threads end its connections; nobody waits for that.
    client.shutdown { _ in }
  }
}

/// Keeps a client open for as long as a request or its answer's body is in use.
final class PeerUse: Sendable {
  let client: HTTPClient
  private let key: PeerTable.Key
  private let table: PeerTable

  fileprivate init(client: HTTPClient, key: PeerTable.Key, table: PeerTable) {
    self.client = client
    self.key = key
    self.table = table
  }

  deinit { table.release(key) }
}
