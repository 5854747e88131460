import LinuxSystem
import Model

/// The exec sessions of all containers, by id.
final class ExecTable: Sendable {
  /// Sessions that nobody starts are forgotten after this time.
  static let patienceNanoseconds: UInt64 = 300_000_000_000
  /// What all sessions that wait for their start may keep in memory.
  static let waitingLimitBytes = 64 << 20

  private let sessions = Locked<[ExecID: ExecSession]>([:])

  /// Takes a session in.
  /// - Parameter limit: of sessions of its container that run or wait for their start.
  /// - Returns: sessions that waited for too long and are gone now.
  /// - Throws: `resourceExhausted` beyond a limit.
  func insert(_ session: ExecSession, limit: Int) throws -> [ExecSession] {
    try sessions.withLock { sessions in
      let expired = sessions.values.filter { other in
        other.isWaiting && session.createdAt > other.createdAt &+ Self.patienceNanoseconds
      }
      for other in expired { sessions[other.id] = nil }
      let open = sessions.values.count { $0.container == session.container && ($0.isRunning || $0.isWaiting) }
      guard open < limit else {
        throw PlatformError(
          .resourceExhausted,
          "container \(session.container.short) has \(limit) execs that run or wait for their start, the limit of the "
            + "engine's policy (limits.execsPerContainer)")
      }
      let waitingBytes = sessions.values.reduce(session.sizeBytes) { $0 + ($1.isWaiting ? $1.sizeBytes : 0) }
      guard waitingBytes <= Self.waitingLimitBytes else {
        throw PlatformError(.resourceExhausted, "too many execs wait for their start; start or forget some first")
      }
      sessions[session.id] = session
      return expired
    }
  }

  func find(_ id: String) throws -> ExecSession {
    guard let session = sessions.withLock({ $0[ExecID(unchecked: id)] }) else {
      throw PlatformError(.notFound, "No such exec instance: \(id.prefix(128))")
    }
    return session
  }

  /// Ended sessions beyond `keep` go, oldest first is not kept track of: any will do.
  func trim(of container: ContainerID, keep: Int) {
    sessions.withLock { sessions in
      let ended = sessions.values.filter { $0.container == container && $0.view.exitCode != nil }
      for session in ended.prefix(max(0, ended.count - keep)) { sessions[session.id] = nil }
    }
  }

  func removeAll(of container: ContainerID) {
    sessions.withLock { sessions in sessions = sessions.filter { $0.value.container != container } }
  }
}
