import LinuxSystem
import Model

/// A sandbox in the engine's memory. Whoever changes it, or makes or starts a container in it, holds its lock; that comes before
/// the containers' own.
final class Sandbox: Sendable {
  let id: ContainerID
  let lock = OperationLock()
  private let state: Locked<SandboxRecord>

  init(record: SandboxRecord) {
    id = record.id
    state = Locked(record)
  }

  var record: SandboxRecord { state.withLock { $0 } }

  func set(_ record: SandboxRecord) { state.withLock { $0 = record } }
}

/// The sandboxes by id; the names of pods are unique among them.
final class SandboxRegistry: Sendable {
  private struct State {
    var byID: [ContainerID: Sandbox] = [:]
    var keys: [String: ContainerID] = [:]
  }

  private let state = Locked(State())

  /// Newest first.
  var all: [Sandbox] {
    let sandboxes = state.withLock { Array($0.byID.values) }
    return sandboxes.map { ($0.record.createdAt, $0) }
      .sorted { ($0.0, $0.1.id.hex) > ($1.0, $1.1.id.hex) }.map(\.1)
  }

  /// Takes a pod's name for a sandbox that is being made.
  /// - Throws: `conflict` where another has it, `resourceExhausted` beyond `limit` sandboxes.
  func reserve(_ key: String, for id: ContainerID, limit: Int) throws {
    try state.withLock { state in
      if let owner = state.keys[key] {
        throw PlatformError(.conflict, "the pod sandbox '\(key.prefix(600))' exists already: \(owner.short)")
      }
      guard state.keys.count < limit else {
        throw PlatformError(.resourceExhausted, "this engine has \(limit) pod sandboxes, the limit (limits.containers)")
      }
      state.keys[key] = id
    }
  }

  func release(_ key: String, of id: ContainerID) {
    state.withLock { if $0.keys[key] == id { $0.keys[key] = nil } }
  }

  func insert(_ sandbox: Sandbox) {
    let key = sandbox.record.request.key
    state.withLock {
      $0.byID[sandbox.id] = sandbox
      $0.keys[key] = sandbox.id
    }
  }

  func remove(_ sandbox: Sandbox) {
    let key = sandbox.record.request.key
    state.withLock {
      $0.byID[sandbox.id] = nil
      if $0.keys[key] == sandbox.id { $0.keys[key] = nil }
    }
  }

  subscript(id: ContainerID) -> Sandbox? { state.withLock { $0.byID[id] } }

  /// Finds a sandbox by its id, or by a beginning of it that no other has.
  func find(_ reference: String) throws -> Sandbox {
    let matches = state.withLock { state -> [Sandbox] in
      if let sandbox = state.byID[ContainerID(unchecked: reference)] { return [sandbox] }
      return reference.isEmpty ? [] : state.byID.values.filter { $0.id.hex.hasPrefix(reference) }
    }
    guard matches.count < 2 else {
      throw PlatformError(
        .invalidArgument, "more than one pod sandbox has an id that begins with \(reference.prefix(64))")
    }
    guard let sandbox = matches.first else {
      throw PlatformError(.notFound, "no such pod sandbox: \(reference.prefix(64))")
    }
    return sandbox
  }
}
