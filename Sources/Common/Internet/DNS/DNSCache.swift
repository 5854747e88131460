import LinuxSystem

/// Answers of servers, kept for as long as they allow within bounds, for clients that ask the same again.
public final class DNSCache: Sendable {
  public struct Bounds: Sendable {
    public var entries: Int
    public var sizeBytes: Int
    /// Answers are kept no longer, whatever servers allow.
    public var seconds: UInt32

    public init(entries: Int = 4_096, sizeBytes: Int = 4 << 20, seconds: UInt32 = 30) {
      self.entries = entries
      self.sizeBytes = sizeBytes
      self.seconds = seconds
    }
  }

  private struct Entry {
    let answer: [UInt8]
    /// Where times to live are in it.
    let times: [(offset: Int, seconds: UInt32)]
    let kept: ContinuousClock.Instant
    let end: ContinuousClock.Instant
    let number: UInt64
  }

  private struct State {
    var entries: [[UInt8]: Entry] = [:]
    /// Keys in the order in which they were kept, with some that were replaced since.
    var order: [(key: [UInt8], number: UInt64)] = []
    var first = 0
    var next: UInt64 = 0
    var sizeBytes = 0
  }

  private let bounds: Bounds
  private let state = Locked(State())

  public init(bounds: Bounds = Bounds()) { self.bounds = bounds }

  /// Everything that a client asks but the message's number and the case of letters: options ask for other answers.
  private static func key(_ query: DNSQuery) -> [UInt8] {
    query.bytes[2..<DNSMessage.headerBytes] + query.question.map(DNSMessage.lowercased)
      + query.bytes[query.questionEnd...]
  }

  /// An answer with this client's number and spelling, and with what is left of its times to live.
  public func answer(to query: DNSQuery, at now: ContinuousClock.Instant = .now) -> [UInt8]? {
    guard let entry = state.withLock({ $0.entries[Self.key(query)] }), now < entry.end else { return nil }
    var bytes = entry.answer
    bytes[0] = UInt8(query.id >> 8)
    bytes[1] = UInt8(query.id & 255)
    bytes.replaceSubrange(DNSMessage.headerBytes..<query.questionEnd, with: query.question)
    let age = UInt32(clamping: entry.kept.duration(to: now).components.seconds)
    for (offset, seconds) in entry.times {
      let left = seconds - min(age, seconds)
      for (index, shift) in [24, 16, 8, 0].enumerated() {
        bytes[offset + index] = UInt8(truncatingIfNeeded: left >> UInt32(shift))
      }
    }
    return bytes
  }

  /// Keeps what a server answered, where it is an answer and may be kept.
  public func keep(_ answer: [UInt8], to query: DNSQuery, at now: ContinuousClock.Instant = .now) {
    guard let reply = DNSReply(parsing: answer), !reply.isTruncated,
      reply.code == DNSMessage.ResponseCode.noError.rawValue
        || reply.code == DNSMessage.ResponseCode.noSuchName.rawValue,
      DNSMessage.number(answer, at: 4) == 1, query.isAnswered(by: answer, id: DNSMessage.number(answer, at: 0) ?? 0),
      let seconds = reply.timeToLiveSeconds.map({ min($0, bounds.seconds) }), seconds > 0
    else { return }
    let key = Self.key(query)
    let size = answer.count + key.count
    guard size <= bounds.sizeBytes / 16 else { return }
    let times = (reply.answers + reply.authority + reply.additional).map { ($0.timeOffset, $0.timeToLiveSeconds) }
    state.withLock { state in
      Self.remove(key, from: &state)
      while let oldest = Self.oldest(&state),
        state.entries.count >= bounds.entries || state.sizeBytes + size > bounds.sizeBytes
      {
        Self.remove(oldest, from: &state)
      }
      state.entries[key] = Entry(
        answer: answer, times: times, kept: now, end: now + .seconds(Int64(seconds)), number: state.next)
      state.order.append((key, state.next))
      state.next += 1
      state.sizeBytes += size
    }
  }

  private static func remove(_ key: [UInt8], from state: inout State) {
    guard let entry = state.entries.removeValue(forKey: key) else { return }
    state.sizeBytes -= entry.answer.count + key.count
  }

  /// The key that was kept first of those that are there.
  private static func oldest(_ state: inout State) -> [UInt8]? {
    while state.first < state.order.count {
      let (key, number) = state.order[state.first]
      if state.entries[key]?.number == number { return key }
      state.first += 1
      if state.first * 2 > state.order.count {
        state.order.removeFirst(state.first)
        state.first = 0
      }
    }
    return nil
  }
}
