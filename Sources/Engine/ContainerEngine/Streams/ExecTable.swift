import Model
import Synchronization

/// The exec sessions of all containers, by id.
final class ExecTable: Sendable {
  private let sessions = Mutex<[ExecID: ExecSession]>([:])

  func insert(_ session: ExecSession) { sessions.withLock { $0[session.id] = session } }

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

  func running(of container: ContainerID) -> [ExecSession] {
    sessions.withLock { $0.values.filter { $0.container == container && $0.isRunning } }
  }

  func removeAll(of container: ContainerID) {
    sessions.withLock { sessions in sessions = sessions.filter { $0.value.container != container } }
  }
}
