import HTTPServing
import KubeMachinery
import KubeResources

/// Turns announcements into events: what is told again is counted, what is told in ever new words is combined, and one object
/// cannot fill the cluster. A pure state.
///
/// Source: Kubernetes client-go `tools/record`, *EventCorrelator*: 25 events at once for an object and source and one more each
/// five minutes, the same reason combined from the tenth message within ten minutes on.
public struct EventRecorder: Sendable {
  public enum Write: Sendable, Equatable {
    case create(JSONValue)
    /// The event is counted on; made anew where it is gone.
    case count(ObjectKey, patch: JSONValue, whole: JSONValue)
  }

  static let burst = 25.0
  static let refillSeconds = 300.0
  static let similarMessages = 10
  static let similarSeconds: Int64 = 600
  static let maxMessageBytes = 1_024

  private struct Bucket {
    var tokens: Double
    var at: Timestamp
  }

  private struct Similar {
    var messages: Set<String>
    var at: Timestamp
  }

  private struct Told {
    let name: String
    let first: Timestamp
    var count: Int64
  }

  /// Objects, reasons and messages that are remembered, of each kind.
  let memory: Int
  private var buckets = Recent<String, Bucket>()
  private var similar = Recent<String, Similar>()
  private var told = Recent<String, Told>()
  private var serial: UInt64

  /// - Parameter serial: where names of events begin, so that they differ from those of earlier runs.
  public init(memory: Int = 4_096, serial: UInt64) {
    self.memory = memory
    self.serial = serial
  }

  /// What is to be written; nil where too much was told of the object lately.
  public mutating func record(_ announcement: Announcement, from component: String, at now: Timestamp) -> Write? {
    let subject = announcement.subject
    let place = "\(component) \(subject.textAt("uid")) \(subject.textAt("kind")) \(subject.textAt("name"))"
    let topic = "\(place) \(announcement.level.rawValue) \(announcement.reason)"
    var message = String(decoding: Array(announcement.message.utf8.prefix(Self.maxMessageBytes)), as: UTF8.self)
    var seen = similar[topic] ?? Similar(messages: [], at: now)
    if now.seconds - seen.at.seconds > Self.similarSeconds { seen.messages = [] }
    seen.at = now
    if seen.messages.count >= Self.similarMessages, !seen.messages.contains(message) {
      message = "(combined from similar events): " + message
    } else {
      seen.messages.insert(message)
    }
    similar.set(topic, seen, bound: memory)
    let isCombined = message.hasPrefix("(combined")
    let words = isCombined ? "\(topic) (combined)" : "\(topic) \(message)"
    guard spend(place, at: now) else { return nil }
    if var known = told[words] {
      known.count += 1
      told.set(words, known, bound: memory)
      let event = Self.event(
        announcement, message, component, name: known.name, first: known.first, last: now, count: known.count)
      return .count(
        ObjectKey(.events, namespace: event.meta.namespace, name: known.name),
        patch: [
          "count": .integer(known.count), "lastTimestamp": .string(now.text), "message": .string(message),
        ], whole: event)
    }
    serial &+= 1
    let name = "\(subject.textAt("name")).\(String(serial, radix: 16))"
    told.set(words, Told(name: name, first: now, count: 1), bound: memory)
    return .create(Self.event(announcement, message, component, name: name, first: now, last: now, count: 1))
  }

  private mutating func spend(_ place: String, at now: Timestamp) -> Bool {
    var bucket = buckets[place] ?? Bucket(tokens: Self.burst, at: now)
    let passed = Double(max(0, now.millisecondsSince(bucket.at))) / 1_000
    bucket.tokens = min(Self.burst, bucket.tokens + passed / Self.refillSeconds)
    bucket.at = now
    let isAllowed = bucket.tokens >= 1
    if isAllowed { bucket.tokens -= 1 }
    buckets.set(place, bucket, bound: memory)
    return isAllowed
  }

  private static func event(
    _ announcement: Announcement, _ message: String, _ component: String, name: String, first: Timestamp,
    last: Timestamp, count: Int64
  ) -> JSONValue {
    let namespace = announcement.subject.textAt("namespace")
    return [
      "apiVersion": "v1", "kind": "Event",
      "metadata": ["name": .string(name), "namespace": .string(namespace.isEmpty ? "default" : namespace)],
      "involvedObject": announcement.subject, "reason": .string(announcement.reason), "message": .string(message),
      "source": ["component": .string(component)], "firstTimestamp": .string(first.text),
      "lastTimestamp": .string(last.text), "count": .integer(count), "type": .string(announcement.level.rawValue),
      "reportingComponent": .string(component), "reportingInstance": "",
    ]
  }
}

/// Values by key, within a bound: what was set longest ago goes first.
private struct Recent<Key: Hashable & Sendable, Value: Sendable>: Sendable {
  private var values: [Key: (value: Value, order: UInt64)] = [:]
  private var order: UInt64 = 0

  subscript(key: Key) -> Value? { values[key]?.value }

  mutating func set(_ key: Key, _ value: Value, bound: Int) {
    order += 1
    values[key] = (value, order)
    guard values.count > bound else { return }
    // Half of them at once, so that the search for the oldest is rare.
    let middle = values.values.map(\.order).sorted()[values.count / 2]
    values = values.filter { $0.value.order >= middle }
  }
}
