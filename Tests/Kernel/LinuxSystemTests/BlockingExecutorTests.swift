import Glibc
import Synchronization
import Testing

@testable import LinuxSystem

@Suite(.timeLimit(.minutes(1))) struct BlockingExecutorTests {
  /// Blocks until `count` threads are here at once.
  private final class Meeting: Sendable {
    private let ends: (read: Descriptor, write: Descriptor)
    private let arrived = Atomic<Int>(0)
    private let count: Int

    init(_ count: Int) throws {
      self.count = count
      ends = try Descriptor.pipe()
    }

    func join() throws {
      if arrived.add(1, ordering: .sequentiallyConsistent).newValue == count {
        try ends.write.write(all: [UInt8](repeating: 0, count: count))
      }
      _ = try ends.read.readAllOfOne()
    }
  }

  private final class Counter: Sendable {
    let value = Atomic<Int>(0)
  }

  @Test func blockingTasksRunInParallel() async throws {
    let executor = try BlockingExecutor(maxThreads: 16)
    let meeting = try Meeting(16)
    // Would never end on fewer threads than there are tasks.
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<16 { group.addTask { try await executor.run { try meeting.join() } } }
      try await group.waitForAll()
    }
    #expect(executor.load.threads <= 16)
    executor.shutdown()
  }

  @Test func moreWorkThanThreadsWaits() async throws {
    let executor = try BlockingExecutor(maxThreads: 2)
    let gate = try Descriptor.pipe()
    let done = Counter()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<50 {
        group.addTask {
          try await executor.run {
            _ = try gate.read.readAllOfOne()
            done.value.add(1, ordering: .sequentiallyConsistent)
          }
        }
      }
      while executor.load.queuedJobs < 40 { await Task.yield() }
      #expect(executor.load.threads == 2)
      try gate.write.write(all: [UInt8](repeating: 0, count: 50))
      try await group.waitForAll()
    }
    #expect(done.value.load(ordering: .sequentiallyConsistent) == 50)
    executor.shutdown()
  }

  @Test func codeUnderThePreferenceLeavesThePool() async throws {
    let executor = try BlockingExecutor(maxThreads: 4, name: "test-blocking")
    let names = try await withTaskExecutorPreference(executor) {
      var names = [try Self.threadName()]
      await Task.yield()
      names.append(try Self.threadName())
      return names
    }
    #expect(names == ["test-blocking\n", "test-blocking\n"])
    #expect(try await executor.run { try Self.threadName() } == "test-blocking\n")
    executor.shutdown()
  }

  @Test func idleThreadsEndButOne() async throws {
    let executor = try BlockingExecutor(maxThreads: 8, name: "short", idleSeconds: 0)
    let meeting = try Meeting(8)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<8 { group.addTask { try await executor.run { try meeting.join() } } }
      try await group.waitForAll()
    }
    while executor.load != BlockingExecutor.Load(threads: 1, idleThreads: 1, queuedJobs: 0) { await Task.yield() }
    #expect(try await executor.run { 5 } == 5)
    executor.shutdown()
    #expect(try await executor.run { 6 } == 6)
    while executor.load.threads > 0 { await Task.yield() }
  }

  private static func threadName() throws -> String {
    text(try FileSystem.read("/proc/thread-self/comm", maxBytes: 100))
  }
}

extension Descriptor {
  /// Blocks for one byte.
  fileprivate func readAllOfOne() throws -> UInt8 {
    var byte: UInt8 = 0
    _ = try withUnsafeMutableBytes(of: &byte) { try read(into: $0) }
    return byte
  }
}
