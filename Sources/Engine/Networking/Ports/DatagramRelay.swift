import Glibc
import LinuxSystem
import Model

/// Carries datagrams of one published port; each client gets a socket of its own, so that answers find their way back.
final class DatagramRelay: Sendable {
  private struct Session {
    let socket: Descriptor
    var lastUsed: ContinuousClock.Instant
  }

  private let relay: PortRelay
  private let sessions = Locked<[SocketAddress: Session]>([:])

  /// Clients of one port; the one silent for longest makes room for the next.
  static let maximumSessions = 1_024
  /// A client silent for this long is forgotten.
  static let idleTime = Duration.seconds(60)

  init(relay: PortRelay) { self.relay = relay }

  /// Runs until cancelled.
  func run() async {
    await withDiscardingTaskGroup { tasks in
      while !Task.isCancelled {
        do {
          while let (bytes, sender) = try DatagramSocket.receive(relay.listener, limit: DatagramSocket.maximumBytes) {
            guard let sender, !relay.service.isShutIn(sender) else { continue }
            guard
              let socket = try? session(
                of: sender,
                start: { session in
                  tasks.addTask { await self.answer(sender, session) }
                })
            else { continue }
            try? DatagramSocket.send(socket, bytes)
            // A flood must not keep a thread of the pool to itself.
            await Task.yield()
          }
          try await relay.service.poller.waitReadable(relay.listener.raw)
        } catch {
          break
        }
      }
      tasks.cancelAll()
    }
  }

  private func session(of client: SocketAddress, start: (Descriptor) -> Void) throws -> Descriptor {
    let now = ContinuousClock.now
    let known = sessions.withLock { sessions -> Descriptor? in
      sessions[client]?.lastUsed = now
      return sessions[client]?.socket
    }
    if let known { return known }
    let socket = try relay.connectToContainer()
    let dropped = sessions.withLock { sessions -> Descriptor? in
      var dropped: Descriptor?
      if sessions.count >= Self.maximumSessions,
        let oldest = sessions.min(by: { $0.value.lastUsed < $1.value.lastUsed })
      {
        dropped = sessions.removeValue(forKey: oldest.key)?.socket
      }
      sessions[client] = Session(socket: socket, lastUsed: now)
      return dropped
    }
    // Wakes the task that waits on it; the descriptor closes with its last user.
    if let dropped { shutdown(dropped.raw, Int32(SHUT_RDWR)) }
    start(socket)
    return socket
  }

  /// Sends the container's answers to one client until it has been silent for long enough.
  private func answer(_ client: SocketAddress, _ socket: Descriptor) async {
    while !Task.isCancelled, isCurrent(client, socket) {
      do {
        while let (bytes, _) = try DatagramSocket.receive(socket, limit: DatagramSocket.maximumBytes) {
          // A socket that was shut down reads empty for ever.
          guard touch(client, socket) else { return }
          try DatagramSocket.send(relay.listener, bytes, to: client)
          await Task.yield()
        }
        guard try await relay.service.poller.waitReadable(socket.raw, within: Self.idleTime) else {
          if isIdle(client, socket) { break }
          continue
        }
        if !isCurrent(client, socket) { break }
      } catch let error as SystemError where error.errno == ECONNREFUSED {
        // The container's port is closed right now; the client may try again.
        continue
      } catch {
        break
      }
    }
    sessions.withLock { sessions in
      if sessions[client]?.socket === socket { sessions[client] = nil }
    }
  }

  private func isCurrent(_ client: SocketAddress, _ socket: Descriptor) -> Bool {
    sessions.withLock { $0[client]?.socket === socket }
  }

  private func touch(_ client: SocketAddress, _ socket: Descriptor) -> Bool {
    sessions.withLock { sessions in
      guard sessions[client]?.socket === socket else { return false }
      sessions[client]?.lastUsed = .now
      return true
    }
  }

  private func isIdle(_ client: SocketAddress, _ socket: Descriptor) -> Bool {
    sessions.withLock { sessions in
      guard let session = sessions[client], session.socket === socket else { return true }
      return session.lastUsed.duration(to: .now) >= Self.idleTime
    }
  }
}
