import KubeMachinery

/// What a controller is to look at.
public struct WorkKey: Sendable, Hashable {
  /// Place of the controller in the machine's list.
  let controller: Int
  public let object: ObjectKey
}

/// Keys of work, each at most once: those that are due in the order they came, those that are due later, and those that somebody
/// works on. A key that comes while it is worked on is due again afterwards. A pure state; moments come in as values.
struct WorkQueue {
  struct Bounds {
    /// Keys that wait. Beyond them keys are dropped, and `isOverflowed` asks for all of them once there is room.
    var keys = 100_000
    var backOffMilliseconds: Int64 = 5
    var maxBackOffMilliseconds: Int64 = 60_000
  }

  private struct Due: Comparable {
    let moment: Timestamp
    let order: UInt64
    let key: WorkKey

    static func < (one: Due, other: Due) -> Bool { (one.moment, one.order) < (other.moment, other.order) }
    static func == (one: Due, other: Due) -> Bool { one.order == other.order }
  }

  let bounds: Bounds
  private var ready: [WorkKey] = []
  private var head = 0
  private var waiting: Set<WorkKey> = []
  private var running: Set<WorkKey> = []
  private var again: Set<WorkKey> = []
  private var later = Heap<Due>()
  /// The earliest moment of each key in `later`; what does not stand here is passed over there.
  private var moments: [WorkKey: Timestamp] = [:]
  private var failures: [WorkKey: Int] = [:]
  private var order: UInt64 = 0
  private(set) var isOverflowed = false

  init(bounds: Bounds = Bounds()) {
    self.bounds = bounds
  }

  var isIdle: Bool { waiting.isEmpty && running.isEmpty }
  var runningCount: Int { running.count }
  var count: Int { waiting.count + moments.count }

  mutating func add(_ key: WorkKey) {
    if running.contains(key) {
      again.insert(key)
      return
    }
    guard !waiting.contains(key) else { return }
    guard count < bounds.keys else {
      isOverflowed = true
      return
    }
    waiting.insert(key)
    ready.append(key)
  }

  /// The key becomes due at a moment, or sooner where that is wanted already.
  mutating func add(_ key: WorkKey, at moment: Timestamp) {
    if let known = moments[key], known <= moment { return }
    guard moments[key] != nil || count < bounds.keys else {
      isOverflowed = true
      return
    }
    moments[key] = moment
    order += 1
    later.insert(Due(moment: moment, order: order, key: key))
  }

  /// The next key that is due; it is worked on until `finish`.
  mutating func take(at now: Timestamp) -> WorkKey? {
    while let due = later.min, due.moment <= now || moments[due.key] != due.moment {
      _ = later.popMin()
      guard moments[due.key] == due.moment else { continue }
      moments[due.key] = nil
      add(due.key)
    }
    guard head < ready.count else { return nil }
    let key = ready[head]
    head += 1
    if head == ready.count {
      ready.removeAll(keepingCapacity: head <= 1_024)
      head = 0
    } else if head >= 1_024, head * 2 >= ready.count {
      ready.removeFirst(head)
      head = 0
    }
    waiting.remove(key)
    running.insert(key)
    return key
  }

  /// When the next key becomes due; nil where none waits for a moment.
  var nextMoment: Timestamp? {
    mutating get {
      while let due = later.min, moments[due.key] != due.moment { _ = later.popMin() }
      return later.min?.moment
    }
  }

  var hasReady: Bool { head < ready.count }

  /// How work on a key ended.
  enum Outcome {
    case done(lookAgain: Timestamp?)
    /// Is tried anew later, each time a little later.
    case failed
    /// Waits for something that the caller knows of and adds the key for.
    case parked
  }

  mutating func finish(_ key: WorkKey, _ outcome: Outcome, at now: Timestamp) {
    running.remove(key)
    switch outcome {
    case .done(let moment):
      failures[key] = nil
      if let moment { add(key, at: max(moment, now)) }
    case .failed:
      let count = failures[key, default: 0]
      failures[key] = count + 1
      let backOff = min(bounds.backOffMilliseconds << Int64(min(count, 20)), bounds.maxBackOffMilliseconds)
      add(key, at: now.adding(milliseconds: backOff))
    case .parked: break
    }
    if again.remove(key) != nil, !isFailed(outcome) { add(key) }
  }

  /// What failed waits for its moment, whatever came meanwhile.
  private func isFailed(_ outcome: Outcome) -> Bool { if case .failed = outcome { true } else { false } }

  mutating func clearOverflow() { isOverflowed = false }
}

/// The least element first.
private struct Heap<Element: Comparable> {
  private var items: [Element] = []

  var min: Element? { items.first }

  mutating func insert(_ item: Element) {
    items.append(item)
    var child = items.count - 1
    while child > 0, items[child] < items[(child - 1) / 2] {
      items.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func popMin() -> Element? {
    guard !items.isEmpty else { return nil }
    items.swapAt(0, items.count - 1)
    let least = items.removeLast()
    var parent = 0
    while true {
      let left = 2 * parent + 1
      guard left < items.count else { break }
      let child = left + 1 < items.count && items[left + 1] < items[left] ? left + 1 : left
      guard items[child] < items[parent] else { break }
      items.swapAt(child, parent)
      parent = child
    }
    return least
  }
}
