import LinuxSystem
import Model

/// Who copies or replaces a volume as a whole: meanwhile no container that has it is started, and nobody removes it.
final class VolumeGate: Sendable {
  private struct State {
    var exclusive: Set<String> = []
    /// Readers that nobody stands still for.
    var shared: [String: Int] = [:]
  }

  private let state = Locked(State())

  /// The volume is one's own until the hold ends. Then come the locks of its containers, never before: a start that holds
  /// its container's lock is refused here and does not wait.
  /// - Throws: `conflict` where somebody has it.
  func hold(_ volume: String) throws -> VolumeHold {
    try state.withLock { state in
      guard !state.exclusive.contains(volume), state.shared[volume] == nil else { throw Self.busy(volume) }
      state.exclusive.insert(volume)
    }
    return VolumeHold { [self] in state.withLock { _ = $0.exclusive.remove(volume) } }
  }

  /// The volume is there until the hold ends, and containers work on.
  func share(_ volume: String) throws -> VolumeHold {
    try state.withLock { state in
      guard !state.exclusive.contains(volume) else { throw Self.busy(volume) }
      state.shared[volume, default: 0] += 1
    }
    return VolumeHold { [self] in
      state.withLock { state in
        let left = (state.shared[volume] ?? 1) - 1
        state.shared[volume] = left > 0 ? left : nil
      }
    }
  }

  /// - Throws: `conflict` while somebody holds it for himself.
  func requireStartable(_ volume: String) throws {
    guard !state.withLock({ $0.exclusive.contains(volume) }) else { throw Self.busy(volume) }
  }

  private static func busy(_ volume: String) -> PlatformError {
    PlatformError(
      .conflict,
      "volume \(volume.prefix(VolumeStore.nameLimit)) is being copied or restored: try again when that has ended")
  }
}

/// Ends with itself.
final class VolumeHold: Sendable {
  private let end: @Sendable () -> Void
  init(_ end: @escaping @Sendable () -> Void) { self.end = end }
  deinit { end() }
}
