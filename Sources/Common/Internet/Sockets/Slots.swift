import Synchronization

/// A bound on things that go on at the same time.
public final class Slots: Sendable {
  private let free: Mutex<Int>

  public init(count: Int) { free = Mutex(count) }

  /// Takes a slot; false when all are taken.
  // Never inlined: in an asynchronous function the optimizer (Swift 6.3) takes the thread's id for the lock from before a suspension.
  @inline(never)
  public func take() -> Bool {
    free.withLock { free in
      guard free > 0 else { return false }
      free -= 1
      return true
    }
  }

  // As above.
  @inline(never)
  public func giveBack() { free.withLock { $0 += 1 } }
}

/// A bound on things that go on at the same time, in all and for each address that they are for.
final class AddressSlots: Sendable {
  private let count: Int
  private let countOfOne: Int
  private let taken = Mutex<[String: Int]>([:])

  init(count: Int, countOfOne: Int) {
    self.count = count
    self.countOfOne = countOfOne
  }

  /// Takes a slot for an address, whatever its port; false when it has too many or all are taken.
  // As above.
  @inline(never)
  func take(for address: SocketAddress) -> Bool {
    taken.withLock { taken in
      let own = taken[address.host] ?? 0
      guard own < countOfOne, taken.values.reduce(0, +) < count else { return false }
      taken[address.host] = own + 1
      return true
    }
  }

  // As above.
  @inline(never)
  func giveBack(for address: SocketAddress) {
    taken.withLock { taken in
      let own = taken[address.host] ?? 0
      taken[address.host] = own > 1 ? own - 1 : nil
    }
  }
}
