import Synchronization

/// How much there is of something at once, in all and for each that asks, so that one cannot take what is there for all.
public final class FairBound: Sendable {
  /// A share; given back with the last reference to it, if not before.
  public final class Place: Sendable {
    private let bound: FairBound
    private let key: String
    private let weight: Int
    private let isHeld = Atomic<Bool>(true)

    fileprivate init(_ bound: FairBound, _ key: String, _ weight: Int) {
      self.bound = bound
      self.key = key
      self.weight = weight
    }

    deinit { giveBack() }

    /// Once; later calls do nothing.
    public func giveBack() {
      if isHeld.exchange(false, ordering: .relaxed) { bound.giveBack(key, weight) }
    }
  }

  private struct Counts {
    var all = 0
    var of: [String: Int] = [:]
  }

  private let each: Int
  private let all: Int
  private let counts = Locked(Counts())

  public init(each: Int, all: Int) {
    self.each = each
    self.all = all
  }

  /// Nil where there is not so much left.
  /// - Parameters:
  ///   - key: who asks: a user, or an address without its port.
  ///   - weight: how much, at least 1.
  public func take(_ key: String, weight: Int = 1) -> Place? {
    let hasRoom = counts.withLock { counts in
      let own = counts.of[key] ?? 0
      guard own + weight <= each, counts.all + weight <= all else { return false }
      counts.of[key] = own + weight
      counts.all += weight
      return true
    }
    return hasRoom ? Place(self, key, weight) : nil
  }

  private func giveBack(_ key: String, _ weight: Int) {
    counts.withLock { counts in
      let own = (counts.of[key] ?? 0) - weight
      counts.of[key] = own > 0 ? own : nil
      counts.all -= weight
    }
  }
}
