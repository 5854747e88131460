import ContentStore
import LinuxSystem
import Model

/// Whether containers stand still while their volume is copied.
public enum CopyMode: Sendable, Equatable {
  /// They do, for so long at most.
  case still(seconds: Double)
  /// They work on; files may not fit together.
  case live

  /// How long they may stand still, in seconds.
  public static let stillSeconds = 1...3_600
  public static let standard = CopyMode.still(seconds: 900)
  static let liveSeconds = 6.0 * 3_600
}

/// What a copy came to, and how long containers stood still for it; nil where none did.
struct CopyOutcome<Value: Sendable>: Sendable {
  var value: Value
  var stillSeconds: Double?
}

extension Engine {
  /// Runs `body` while nothing that this engine runs writes to the volume, unless `live`.
  /// - Parameter body: gets how long it may take.
  func withStill<Value: Sendable>(
    _ name: String, _ mode: CopyMode, _ body: (VolumeManifest.Consistency, CopyTime) throws -> Value
  ) async throws -> CopyOutcome<Value> {
    _ = try volumeStore.record(name)
    guard case .still(let seconds) = mode else {
      let hold = try volumeStore.gate.share(name)
      defer { withExtendedLifetime(hold) {} }
      let isUsed = registry.all.contains { $0.process != nil && Self.writes($0.record, name) }
      let time = CopyTime(isStill: false, seconds: CopyMode.liveSeconds)
      return CopyOutcome(value: try body(isUsed ? .live : .idle, time))
    }
    let hold = try volumeStore.gate.hold(name)
    defer { withExtendedLifetime(hold) {} }
    return try await withUsers(of: name) { users in
      let running = users.filter { $0.process != nil && Self.writes($0.record, name) }
      // Those that their user has paused stand still already, and go on doing so.
      let moving = running.filter { $0.status != .paused }
      guard !moving.isEmpty else {
        let time = CopyTime(isStill: false, seconds: CopyMode.liveSeconds)
        return CopyOutcome(value: try body(running.isEmpty ? .idle : .frozen, time))
      }
      let start = Clock.monotonicNanoseconds()
      let value = try standingStill(moving) { try body(.frozen, CopyTime(isStill: true, seconds: seconds)) }
      let stood = Double(Clock.monotonicNanoseconds() - start) / 1e9
      let names = moving.prefix(10).map(\.record.name).joined(separator: ", ")
      logger.info("\(moving.count) containers (\(names)) stood still for \(stood) s while volume \(name) was read")
      return CopyOutcome(value: value, stillSeconds: stood)
    }
  }

  private func standingStill<Value>(_ containers: [Container], _ body: () throws -> Value) throws -> Value {
    var frozen: [Container] = []
    defer { for container in frozen { thawAfterCopy(container) } }
    for container in containers {
      // Before it stands: a failure half-way must leave nobody standing.
      frozen.append(container)
      try translatingSystemErrors("let container \(container.record.name) stand still") {
        try cgroups.freeze(try cgroupPath(container.record))
      }
    }
    return try body()
  }

  private func thawAfterCopy(_ container: Container) {
    do {
      try cgroups.thaw(try cgroupPath(container.record))
    } catch {
      // A container that was killed meanwhile is gone, and so is its control group.
      if container.process != nil {
        logger.error("container \(container.id.short) could not be let go on after a copy: \(error)")
      }
    }
  }

  private static func writes(_ record: ContainerRecord, _ volume: String) -> Bool {
    record.mounts.contains { $0.volumeName == volume && !$0.readOnly }
  }

  /// Runs `body` with the locks of all containers that have the volume. The volume is held: none is started meanwhile.
  func withUsers<Value: Sendable>(
    of volume: String, _ body: ([Container]) throws -> Value
  ) async throws -> Value {
    let users = registry.all.filter { $0.record.mounts.contains { $0.volumeName == volume } }
      .sorted { $0.id.hex < $1.id.hex }
    return try await withLocks(users[...]) { try body(users) }
  }

  private func withLocks<Value: Sendable>(
    _ rest: ArraySlice<Container>, _ body: () throws -> Value
  ) async throws -> Value {
    guard let first = rest.first else { return try body() }
    return try await first.lock.withLock { _ in try await withLocks(rest.dropFirst(), body) }
  }
}
