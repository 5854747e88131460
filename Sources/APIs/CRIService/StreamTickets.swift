import Model

/// Addresses of streams that were given out and not asked for yet. Each is good once and for a minute. Pure.
struct StreamTickets {
  /// Tickets at a time, and those of one container or sandbox, so that its clients cannot take all.
  static let limit = 1024
  static let subjectLimit = 128
  static let lifeNanoseconds: UInt64 = 60_000_000_000

  private struct Ticket {
    var target: StreamingServer.Target
    /// On the monotonic clock, in nanoseconds.
    var endsAt: UInt64
  }

  private var tickets: [String: Ticket] = [:]

  /// A new ticket. Throws `PlatformError` (`resourceExhausted`).
  mutating func issue(for target: StreamingServer.Target, now: UInt64) throws -> String {
    tickets = tickets.filter { $0.value.endsAt > now }
    let own = tickets.values.count { $0.target.subject == target.subject }
    guard tickets.count < Self.limit, own < Self.subjectLimit else {
      throw PlatformError(
        .resourceExhausted,
        "\(own) streams of \(target.subject.short) and \(tickets.count) in all wait for their clients, a limit")
    }
    let ticket = ContainerID.random().hex
    tickets[ticket] = Ticket(target: target, endsAt: now + Self.lifeNanoseconds)
    return ticket
  }

  /// What a ticket leads to, once.
  mutating func take(_ ticket: String, now: UInt64) -> StreamingServer.Target? {
    guard let found = tickets.removeValue(forKey: ticket), found.endsAt > now else { return nil }
    return found.target
  }
}
