/// A bound on things that go on at the same time.
public final class Slots: Sendable {
  private let free: Locked<Int>

  public init(count: Int) { free = Locked(count) }

  /// Takes a slot; false when all are taken.
  public func take() -> Bool {
    free.withLock { free in
      guard free > 0 else { return false }
      free -= 1
      return true
    }
  }

  public func giveBack() { free.withLock { $0 += 1 } }
}
