import LinuxSystem
import Model

/// Hands every container a range of host ids of its own, so that no two containers ever share one.
///
/// The pool is cut into slices, one for each engine on the host. The first range of a slice belongs to the engine's volumes.
public final class IDRangeAllocator: Sendable {
  /// Slices in the pool.
  static let sliceCount = IDRange.pool.count / (IDRange.perEngine * IDRange.standardCount)

  private struct State {
    /// How many records have each range that is given out.
    var users: [UInt32: Int] = [:]
    var next: UInt32 = 1
  }

  private let first: UInt32
  private let state = Locked(State())

  /// - Parameter first: first id of this engine's slice.
  public init(first: UInt32) { self.first = first }

  /// The range that owns the files of all volumes, whichever container they are mounted in.
  public var volumeRange: IDRange { IDRange(first: first) }

  /// A range that no container has.
  /// - Throws: `resourceExhausted` when the slice is used up.
  public func allocate() throws -> IDRange {
    try state.withLock { state in
      // Ranges come round robin, so that a range that was just given back is not given out again at once.
      for step in 0..<(IDRange.perEngine - 1) {
        let index = (state.next - 1 + step) % (IDRange.perEngine - 1) + 1
        if state.users[index] == nil {
          state.users[index] = 1
          state.next = index % (IDRange.perEngine - 1) + 1
          return IDRange(first: first + index * IDRange.standardCount)
        }
      }
      throw PlatformError(
        .resourceExhausted,
        "no free range of user ids: this engine has \(IDRange.perEngine - 1) containers; remove some first")
    }
  }

  /// Counts a container that was there before this start.
  func adopt(_ range: IDRange) {
    guard let index = index(of: range) else { return }
    state.withLock { $0.users[index, default: 0] += 1 }
  }

  /// Counts one more container with the ids of another, unless that one has given them back already.
  func share(_ range: IDRange) -> Bool {
    guard let index = index(of: range) else { return true }
    return state.withLock { state in
      guard let users = state.users[index] else { return false }
      state.users[index] = users + 1
      return true
    }
  }

  /// One container fewer has the range; the last one gives it back.
  func release(_ range: IDRange) {
    guard let index = index(of: range) else { return }
    state.withLock { state in
      guard let users = state.users[index] else { return }
      state.users[index] = users > 1 ? users - 1 : nil
    }
  }

  private func index(of range: IDRange) -> UInt32? {
    guard range.first > first, (range.first - first) % IDRange.standardCount == 0 else { return nil }
    let index = (range.first - first) / IDRange.standardCount
    return index < IDRange.perEngine ? index : nil
  }
}
