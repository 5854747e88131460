import LinuxSystem
import Model

/// The containers by id and by name; names are unique.
final class ContainerRegistry: Sendable {
  private struct State {
    var byID: [ContainerID: Container] = [:]
    var byName: [String: ContainerID] = [:]
    /// Sorted newest first; nil when it has to be made anew.
    var sorted: [Container]?
  }

  private let state = Locked(State())

  var count: Int { state.withLock { $0.byID.count } }

  /// Takes a name for a container that is being made.
  /// - Throws: `conflict` with docker's words when it is in use.
  func reserve(name: String, for id: ContainerID) throws {
    try state.withLock { state in
      if let owner = state.byName[name], owner != id {
        throw PlatformError(
          .conflict,
          "Conflict. The container name \"/\(name)\" is already in use by container \"\(owner)\". "
            + "You have to remove (or rename) that container to be able to reuse that name.")
      }
      state.byName[name] = id
    }
  }

  /// Gives a name back, if that container has it.
  func release(name: String, of id: ContainerID) {
    state.withLock { if $0.byName[name] == id { $0.byName[name] = nil } }
  }

  func isTaken(_ name: String) -> Bool { state.withLock { $0.byName[name] != nil } }

  func insert(_ container: Container) {
    let name = container.name
    state.withLock {
      $0.byID[container.id] = container
      $0.byName[name] = container.id
      $0.sorted = nil
    }
  }

  func remove(_ container: Container) {
    let name = container.name
    state.withLock {
      $0.byID[container.id] = nil
      if $0.byName[name] == container.id { $0.byName[name] = nil }
      $0.sorted = nil
    }
  }

  /// All containers, newest first.
  var all: [Container] {
    if let sorted = state.withLock({ $0.sorted }) { return sorted }
    let containers = state.withLock { Array($0.byID.values) }
    let created = containers.map { ($0.record.createdAt, $0) }
    let sorted = created.sorted { ($0.0, $0.1.id.hex) > ($1.0, $1.1.id.hex) }.map(\.1)
    state.withLock { if $0.byID.count == sorted.count { $0.sorted = sorted } }
    return sorted
  }

  /// Finds a container by full id, name (with or without the leading slash) or unique prefix of its id, in this order.
  func find(_ reference: String) throws -> Container {
    let name = reference.hasPrefix("/") ? String(reference.dropFirst()) : reference
    let found = try state.withLock { state -> Container? in
      if let container = state.byID[ContainerID(unchecked: reference)] { return container }
      if let id = state.byName[name], let container = state.byID[id] { return container }
      guard !reference.isEmpty, reference.utf8.count <= 64, reference.utf8.allSatisfy(Self.isHexDigit) else {
        return nil
      }
      let matches = state.byID.values.filter { $0.id.hex.hasPrefix(reference) }
      if matches.count > 1 {
        throw PlatformError(.invalidArgument, "multiple IDs found with provided prefix: \(reference)")
      }
      return matches.first
    }
    guard let found else { throw PlatformError(.notFound, "No such container: \(reference.prefix(256))") }
    return found
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (97...102).contains(byte)
  }
}
