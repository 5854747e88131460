import LinuxSystem
import Model
import Registry
import Synchronization
import Testing

@testable import Replication

@Suite struct SharedFetchesTests {
  private let executor: BlockingExecutor
  private let gate = Gate()
  private let deadline = Gate()
  private let fetches: SharedFetches<Int>
  private let epoch: ProjectEpoch
  private let fixture: Fixture

  init() throws {
    fixture = try Fixture()
    executor = fixture.executor
    epoch = fixture.registry.epoch(of: "hub")
    fetches = SharedFetches(
      limit: 2, executor: executor, deadline: { [deadline] in try await deadline.wait() },
      late: UpstreamFailure(kind: .silent, message: "late"))
  }

  private func key(_ subject: String, _ project: String = "hub") -> SharedFetches<Int>.Key {
    .init(project: project, epoch: epoch, subject: subject)
  }

  /// Begins a fetch that ends when `gate` opens, and returns once it has its place.
  private func begin(_ subject: String, _ project: String = "hub") async throws -> Task<Int, any Error> {
    let began = Gate()
    let task = Task { [self] in
      try await fetches.value(key(subject, project)) { [gate] in
        began.open()
        try await gate.wait()
        return 7
      }
    }
    try await began.wait()
    return task
  }

  /// Returns once so many wait.
  private func joined(_ count: Int) async {
    while fetches.waiters < count { await Task.yield() }
  }

  @Test func `a waiter that is cancelled leaves at once, and others go on`() async throws {
    let first = try await begin("a")
    let second = Task { [self] in try await fetches.value(key("a")) { 8 } }
    await joined(2)
    first.cancel()
    await #expect(throws: CancellationError.self) { try await first.value }
    #expect(fetches.count == 1)
    gate.open()
    #expect(try await second.value == 7)
    #expect(fetches.count == 0)
  }

  @Test func `a fetch ends with the last who waits for it`() async throws {
    let isCancelled = Gate()
    let began = Gate()
    let only = Task { [self] in
      try await fetches.value(key("a")) {
        began.open()
        do {
          try await Gate().wait()
        } catch {
          isCancelled.open()
        }
        return 7
      }
    }
    try await began.wait()
    only.cancel()
    await #expect(throws: CancellationError.self) { try await only.value }
    try await isCancelled.wait()
    #expect(fetches.count == 0)
  }

  @Test func `each project has its places`() async throws {
    let running = [try await begin("a"), try await begin("b")]
    let error = await #expect(throws: PlatformError.self) { try await fetches.value(key("c")) { 1 } }
    #expect(error?.code == .resourceExhausted)
    // What is under way already takes no place, and other projects have theirs.
    let same = Task { [self] in try await fetches.value(key("a")) { 1 } }
    #expect(try await fetches.value(key("a", "other")) { 5 } == 5)
    await joined(3)
    gate.open()
    for task in running + [same] { #expect(try await task.value == 7) }
    #expect(try await fetches.value(key("c")) { 1 } == 1)
  }

  @Test func `a fetch that goes on for ever is given up`() async throws {
    let task = try await begin("a")
    deadline.open()
    let error = await #expect(throws: UpstreamFailure.self) { try await task.value }
    #expect(error?.kind == .silent)
    #expect(fetches.count == 0)
  }

  @Test func `fetches end with their project`() async throws {
    let task = try await begin("a")
    let other = try await begin("b", "other")
    fetches.end(where: { $0.project == "hub" }, PlatformError(.notFound, "gone"))
    let error = await #expect(throws: PlatformError.self) { try await task.value }
    #expect(error?.code == .notFound)
    gate.open()
    #expect(try await other.value == 7)
  }
}

/// Opens once; whoever waits is let through, also later.
final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var lastID = 0
    var waiters: [Int: CheckedContinuation<Void, any Error>] = [:]
  }
  private let state = Mutex(State())

  func open() {
    let waiters = state.withLock { state in
      state.isOpen = true
      defer { state.waiters = [:] }
      return state.waiters
    }
    for waiter in waiters.values { waiter.resume() }
  }

  /// Throws `CancellationError`.
  func wait() async throws {
    let id = state.withLock { state in
      state.lastID += 1
      return state.lastID
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        let isOpen = state.withLock { state in
          if !state.isOpen { state.waiters[id] = continuation }
          return state.isOpen
        }
        if isOpen { continuation.resume() } else if Task.isCancelled { leave(id) }
      }
    } onCancel: {
      leave(id)
    }
  }

  private func leave(_ id: Int) {
    state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(throwing: CancellationError())
  }
}
