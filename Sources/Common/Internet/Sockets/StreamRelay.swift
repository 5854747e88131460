import Glibc
import LinuxSystem

/// Accepts TCP connections at a socket and carries their bytes both ways, to and from where each of them is led.
///
/// For each direction at most 64 KiB are held, and only while they cannot be written.
public struct StreamRelay: Sendable {
  public struct Bounds: Sendable {
    /// At once; one more is closed.
    public var connections: Int
    /// Of them from one address.
    public var connectionsOfClient: Int
    /// Until the other side has taken the connection.
    public var connectTime = Duration.seconds(30)
    /// A connection that carries nothing for so long is closed, and one whose client is gone without a word after two minutes; nil:
    /// neither.
    public var idleTime: Duration?

    /// - Parameter connectionsOfClient: as many as of all where nil.
    public init(connections: Int, connectionsOfClient: Int? = nil, idleTime: Duration? = nil) {
      self.connections = connections
      self.connectionsOfClient = connectionsOfClient ?? connections
      self.idleTime = idleTime
    }
  }

  /// Bytes read at once in each direction.
  private static let chunkBytes = 64 * 1_024
  /// Pause after a failed accept (out of descriptors), so as not to spin.
  private static let pause = Duration.milliseconds(100)
  /// After so many seconds of silence a client is asked whether it is there, each `askSeconds`, `asks` times.
  private static let silenceSeconds: Int32 = 60
  private static let askSeconds: Int32 = 15
  private static let asks: Int32 = 4

  private let listener: AsyncDescriptor
  private let poller: Poller
  private let bounds: Bounds
  private let admits: @Sendable (SocketAddress) -> Bool
  private let connect: @Sendable (SocketAddress) async throws -> Descriptor
  private let failed: @Sendable (any Error) -> Void

  /// - Parameters:
  ///   - listener: a listening socket. `InternetSocket.close` ends the relay.
  ///   - admits: whether a client may use it.
  ///   - connect: opens a socket to where a client is led; its connection may still be under way.
  ///   - failed: told why a connection could not be accepted.
  public init(
    _ listener: Descriptor, poller: Poller, bounds: Bounds, admits: @escaping @Sendable (SocketAddress) -> Bool,
    connect: @escaping @Sendable (SocketAddress) async throws -> Descriptor,
    failed: @escaping @Sendable (any Error) -> Void
  ) throws {
    self.listener = try AsyncDescriptor(listener, poller: poller)
    self.poller = poller
    self.bounds = bounds
    self.admits = admits
    self.connect = connect
    self.failed = failed
  }

  /// Runs until cancelled, or until the socket is closed. Connections end with it.
  public func run() async {
    let places = FairBound(each: bounds.connectionsOfClient, all: bounds.connections)
    await withDiscardingTaskGroup { connections in
      while !Task.isCancelled {
        do {
          let client = try await listener.accept()
          guard let peer = try? InternetSocket.peer(of: client), admits(peer), let place = places.take(peer.host)
          else { continue }
          connections.addTask {
            await carry(client, of: peer)
            place.giveBack()
          }
        } catch let error as SystemError where error.errno == ENOTSOCK {
          break
        } catch is CancellationError {
          break
        } catch {
          failed(error)
          try? await Task.sleep(for: Self.pause)
        }
      }
      connections.cancelAll()
    }
  }

  private func carry(_ client: Descriptor, of peer: SocketAddress) async {
    do {
      let server = try await Deadline.run(within: bounds.connectTime) {
        let socket = try await connect(peer)
        try await poller.waitWritable(socket.raw)
        return socket
      }
      guard let server else { return }
      let near = try AsyncDescriptor(client, poller: poller)
      let far = try AsyncDescriptor(server, poller: poller)
      guard let idleTime = bounds.idleTime else { return try await exchange(near, far, nil) }
      try Self.noticeEnd(of: client)
      let pulse = Pulse()
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await exchange(near, far, pulse) }
        group.addTask { try await pulse.silence(of: idleTime) }
        try await group.next()
        group.cancelAll()
      }
    } catch {
      // The peer went away, or nobody listens: closing both ends tells the other side.
    }
  }

  private static func noticeEnd(of client: Descriptor) throws {
    try InternetSocket.set(client, option: SO_KEEPALIVE, to: 1)
    let level = Int32(IPPROTO_TCP)
    try InternetSocket.set(client, level: level, option: TCP_KEEPIDLE, to: silenceSeconds)
    try InternetSocket.set(client, level: level, option: TCP_KEEPINTVL, to: askSeconds)
    try InternetSocket.set(client, level: level, option: TCP_KEEPCNT, to: asks)
  }

  private func exchange(_ near: AsyncDescriptor, _ far: AsyncDescriptor, _ pulse: Pulse?) async throws {
    try await withThrowingDiscardingTaskGroup { directions in
      directions.addTask { try await Self.copy(from: near, to: far, pulse) }
      directions.addTask { try await Self.copy(from: far, to: near, pulse) }
    }
  }

  /// Copies until the source ends, then ends the target's input.
  private static func copy(from source: AsyncDescriptor, to target: AsyncDescriptor, _ pulse: Pulse?) async throws {
    while true {
      let bytes = try await source.read(chunkBytes)
      if bytes.isEmpty { break }
      try await target.write(bytes)
      pulse?.beat()
      // A stream that never has to wait must not keep a thread of the pool to itself.
      await Task.yield()
    }
    try target.shutdownWrite()
  }
}

/// When a connection carried something last.
private final class Pulse: Sendable {
  private let last = Locked(ContinuousClock.now)

  func beat() {
    let now = ContinuousClock.now
    last.withLock { $0 = now }
  }

  /// Returns when nothing was carried for so long.
  func silence(of time: Duration) async throws {
    while true {
      let end = last.withLock { $0 } + time
      if end <= ContinuousClock.now { return }
      try await Task.sleep(until: end, clock: .continuous)
    }
  }
}
