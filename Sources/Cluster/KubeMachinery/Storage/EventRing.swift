/// The newest changes of one resource, within bounds, for those who follow it closely.
struct EventRing {
  static let maxEvents = 1_024
  static let maxBytes = 1 << 20

  private var events = Queue<ObjectEvent>()
  private var bytes = 0
  /// All changes after this revision are here.
  private(set) var floor: Int64
  private(set) var last: Int64

  init(floor: Int64) {
    self.floor = floor
    last = floor
  }

  mutating func append(_ event: ObjectEvent) {
    events.append(event)
    bytes += event.object.document.count
    last = event.revision
    while events.count > Self.maxEvents || bytes > Self.maxBytes && events.count > 1, let oldest = events.popFirst() {
      bytes -= oldest.object.document.count
      floor = oldest.revision
    }
  }

  /// The changes after a revision that is not before `floor`: at most `limit`, and of so many bytes, but one at least.
  func events(after revision: Int64, limit: Int, byteLimit: Int) -> [ObjectEvent] {
    var low = 0
    var high = events.count
    while low < high {
      let middle = (low + high) / 2
      if events[middle].revision <= revision { low = middle + 1 } else { high = middle }
    }
    var found: [ObjectEvent] = []
    var bytes = 0
    while low < events.count, found.count < limit {
      bytes += events[low].object.document.count
      if bytes > byteLimit, !found.isEmpty { break }
      found.append(events[low])
      low += 1
    }
    return found
  }
}
