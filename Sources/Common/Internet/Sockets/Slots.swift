import LinuxSystem

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

/// A bound on things that go on at the same time, in all and for each address that they are for.
final class AddressSlots: Sendable {
  private let count: Int
  private let countOfOne: Int
  private let taken = Locked<[String: Int]>([:])

  init(count: Int, countOfOne: Int) {
    self.count = count
    self.countOfOne = countOfOne
  }

  /// Takes a slot for an address, whatever its port; false when it has too many or all are taken.
  func take(for address: SocketAddress) -> Bool {
    taken.withLock { taken in
      let own = taken[address.host] ?? 0
      guard own < countOfOne, taken.values.reduce(0, +) < count else { return false }
      taken[address.host] = own + 1
      return true
    }
  }

  func giveBack(for address: SocketAddress) {
    taken.withLock { taken in
      let own = taken[address.host] ?? 0
      taken[address.host] = own > 1 ? own - 1 : nil
    }
  }
}
