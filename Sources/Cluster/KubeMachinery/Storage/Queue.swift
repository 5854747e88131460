/// First in, first out, in an array whose spent front is cut off now and then.
struct Queue<Element> {
  private var items: [Element?] = []
  private var head = 0

  var count: Int { items.count - head }
  var isEmpty: Bool { count == 0 }
  var first: Element? { head < items.count ? items[head] : nil }

  /// By age, 0 being the oldest.
  subscript(_ index: Int) -> Element {
    guard let item = items[head + index] else { preconditionFailure("an item before the head was asked for") }
    return item
  }

  mutating func append(_ item: Element) { items.append(item) }

  mutating func removeFirst() {
    items[head] = nil
    head += 1
    if head >= 64, head * 2 >= items.count {
      items.removeFirst(head)
      head = 0
    }
  }

  mutating func popFirst() -> Element? {
    guard let item = first else { return nil }
    removeFirst()
    return item
  }

  mutating func removeAll(where isUnwanted: (Element) -> Bool) {
    items = items[head...].filter { $0.map { !isUnwanted($0) } ?? false }
    head = 0
  }
}
