import Model
import Testing

@testable import ContainerEngine

@Suite(.timeLimit(.minutes(1))) struct TransferGateTests {
  @Test func refusesWhereNoPlaceBecomesFree() async throws {
    let gate = try TransferGate(permits: 2, patienceSeconds: 0.01)
    let first = try await gate.enter()
    let second = try await gate.enter()
    let error = await #expect(throws: PlatformError.self) { _ = try await gate.enter() }
    #expect(error?.code == .unavailable)
    withExtendedLifetime((first, second)) {}
  }

  @Test func aPlaceIsGivenBackWithItsPermit() async throws {
    let gate = try TransferGate(permits: 1, patienceSeconds: 0.01)
    for _ in 0..<3 { _ = try await gate.enter() }
    let permit = try await gate.enter()
    #expect(await permit.run { 5 } == 5)
  }

  @Test func whoeverWaitsGetsThePlaceThatBecomesFree() async throws {
    let gate = try TransferGate(permits: 1, patienceSeconds: 30)
    var permit: TransferPermit? = try await gate.enter()
    let waiter = Task { _ = try await gate.enter() }
    _ = permit
    permit = nil
    try await waiter.value
  }

  @Test func aWaiterThatIsCancelledTakesNoPlace() async throws {
    let gate = try TransferGate(permits: 1, patienceSeconds: 30)
    do {
      let permit = try await gate.enter()
      let waiter = Task { _ = try await gate.enter() }
      waiter.cancel()
      await #expect(throws: CancellationError.self) { try await waiter.value }
      withExtendedLifetime(permit) {}
    }
    _ = try await gate.enter()
  }

  @Test func transfersCannotTakeMoreThanTheirThreads() async throws {
    let gate = try TransferGate(permits: 3, patienceSeconds: 30)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<20 { group.addTask { try await gate.enter().run {} } }
      try await group.waitForAll()
    }
    #expect(gate.executor.load.threads <= 6)
  }
}
