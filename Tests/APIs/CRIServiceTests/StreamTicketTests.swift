import Model
import Testing

@testable import CRIService

@Suite struct StreamTicketTests {
  private static let minute = StreamTickets.lifeNanoseconds

  private static func ports(_ sandbox: ContainerID) -> StreamingServer.Target { .ports(sandbox: sandbox, [80]) }

  @Test("a ticket for ports is good once, too, so that forwarded connections leave none behind")
  func once() throws {
    var tickets = StreamTickets()
    let sandbox = ContainerID.random()
    for _ in 0..<2 * StreamTickets.limit {
      let ticket = try tickets.issue(for: Self.ports(sandbox), now: 0)
      #expect(tickets.take(ticket, now: 1)?.subject == sandbox)
      #expect(tickets.take(ticket, now: 1) == nil)
    }
  }

  @Test func aTicketIsGoodForAMinute() throws {
    var tickets = StreamTickets()
    let (first, second) = (
      try tickets.issue(for: Self.ports(.random()), now: 5), try tickets.issue(for: Self.ports(.random()), now: 5)
    )
    #expect(tickets.take(first, now: Self.minute + 4) != nil)
    #expect(tickets.take(second, now: Self.minute + 5) == nil)
  }

  @Test func onePodsClientsDoNotTakeAll() throws {
    var tickets = StreamTickets()
    let greedy = ContainerID.random()
    for _ in 0..<StreamTickets.subjectLimit { _ = try tickets.issue(for: Self.ports(greedy), now: 0) }
    let error = #expect(throws: PlatformError.self) { try tickets.issue(for: Self.ports(greedy), now: 0) }
    #expect(error?.code == .resourceExhausted)
    for _ in StreamTickets.subjectLimit..<StreamTickets.limit {
      _ = try tickets.issue(for: Self.ports(.random()), now: 0)
    }
    #expect(throws: PlatformError.self) { try tickets.issue(for: Self.ports(.random()), now: 0) }
    // What nobody asked for makes room with its time.
    _ = try tickets.issue(for: Self.ports(greedy), now: Self.minute)
  }
}
