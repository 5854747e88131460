import Glibc
import Synchronization
import Testing

@testable import LinuxSystem

@Suite(.timeLimit(.minutes(1))) struct ReadyLoopTests {
  /// A pipe with one byte in it that nobody takes out: always ready.
  private func ready() throws -> (read: Descriptor, write: Descriptor) {
    let pipe = try Descriptor.pipe()
    try pipe.write.write(all: [1])
    return pipe
  }

  @Test func everyDescriptorGetsItsTurn() async throws {
    let loop = try ReadyLoop(name: "test")
    let first = try ready()
    let second = try ready()
    let (turns, arrival) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingOldest(1_000))
    let tokens = [try loop.add(first.read) { arrival.yield(1) }, try loop.add(second.read) { arrival.yield(2) }]
    var seen: [Int: Int] = [:]
    for await turn in turns {
      seen[turn, default: 0] += 1
      if seen[1, default: 0] >= 10, seen[2, default: 0] >= 10 { break }
    }
    for token in tokens { loop.remove(token) }
    #expect(seen.keys.sorted() == [1, 2])
  }

  @Test func whatIsRemovedIsCalledNoMore() async throws {
    let loop = try ReadyLoop(name: "test")
    let gone = try ready()
    let kept = try ready()
    let calls = Atomic<Int>(0)
    let token = try loop.add(gone.read) { calls.wrappingAdd(1, ordering: .relaxed) }
    loop.remove(token)
    loop.remove(token)
    let (turns, arrival) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingOldest(100))
    let before = Mutex<Int?>(nil)
    let other = try loop.add(kept.read) {
      arrival.yield(
        before.withLock { before in
          if before == nil { before = calls.load(ordering: .relaxed) }
          return calls.load(ordering: .relaxed) - (before ?? 0)
        })
    }
    var count = 0
    for await more in turns {
      #expect(more == 0)
      count += 1
      if count == 20 { break }
    }
    loop.remove(other)
  }

  @Test func filesThatAreNoSocketsAreRefused() throws {
    let loop = try ReadyLoop(name: "test")
    let file = try Descriptor.open("/etc/passwd", flags: O_RDONLY)
    #expect {
      try loop.add(file) {}
    } throws: {
      ($0 as? SystemError)?.errno == EPERM
    }
  }
}
