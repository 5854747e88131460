import KubeMachinery
import Testing

@testable import KubeControllers

struct WorkQueueTests {
  private func key(_ name: String) -> WorkKey {
    WorkKey(controller: 0, object: ObjectKey(.pods, namespace: "n", name: name))
  }

  @Test("A key is there once, and again after it came while it was worked on")
  func once() {
    var queue = WorkQueue()
    for _ in 0..<3 { queue.add(key("a")) }
    queue.add(key("b"))
    #expect(queue.take(at: Sample.start) == key("a"))
    queue.add(key("a"))
    #expect(queue.take(at: Sample.start) == key("b"))
    #expect(queue.take(at: Sample.start) == nil, "nobody works on a key twice")
    queue.finish(key("a"), .done(lookAgain: nil), at: Sample.start)
    #expect(queue.take(at: Sample.start) == key("a"))
    queue.finish(key("a"), .done(lookAgain: nil), at: Sample.start)
    queue.finish(key("b"), .done(lookAgain: nil), at: Sample.start)
    #expect(queue.isIdle)
  }

  @Test("Moments: the earliest of a key counts, others are passed over")
  func moments() {
    var queue = WorkQueue()
    queue.add(key("a"), at: Sample.start.adding(seconds: 9))
    queue.add(key("a"), at: Sample.start.adding(seconds: 5))
    queue.add(key("a"), at: Sample.start.adding(seconds: 7))
    queue.add(key("b"), at: Sample.start.adding(seconds: 6))
    #expect(queue.take(at: Sample.start.adding(seconds: 4)) == nil)
    #expect(queue.nextMoment == Sample.start.adding(seconds: 5))
    #expect(queue.take(at: Sample.start.adding(seconds: 8)) == key("a"))
    #expect(queue.take(at: Sample.start.adding(seconds: 20)) == key("b"))
    queue.finish(key("a"), .done(lookAgain: nil), at: Sample.start)
    #expect(queue.take(at: Sample.start.adding(seconds: 20)) == nil)
    #expect(queue.nextMoment == nil)
  }

  @Test("What fails is tried later and later, within a bound, until it succeeds")
  func backOff() {
    var queue = WorkQueue()
    var now = Sample.start
    var waits: [Int64] = []
    queue.add(key("a"))
    for _ in 0..<18 {
      #expect(queue.take(at: now) == key("a"))
      queue.finish(key("a"), .failed, at: now)
      let next = queue.nextMoment ?? now
      waits.append(next.millisecondsSince(now))
      now = next
    }
    #expect(waits.prefix(5) == [5, 10, 20, 40, 80])
    #expect(waits.suffix(2) == [60_000, 60_000])
    #expect(queue.take(at: now) == key("a"))
    queue.finish(key("a"), .done(lookAgain: nil), at: now)
    queue.add(key("a"))
    _ = queue.take(at: now)
    queue.finish(key("a"), .failed, at: now)
    #expect(queue.nextMoment?.millisecondsSince(now) == 5)
  }

  @Test("Beyond its bound keys are dropped, and it says so")
  func bound() {
    var queue = WorkQueue(bounds: WorkQueue.Bounds(keys: 10))
    for name in 0..<10 { queue.add(key("\(name)")) }
    #expect(!queue.isOverflowed)
    queue.add(key("3"))
    #expect(!queue.isOverflowed, "what is there already takes no room")
    queue.add(key("more"))
    #expect(queue.isOverflowed)
    #expect(queue.count == 10)
  }

  @Test("Thousands of keys keep their order")
  func many() {
    var queue = WorkQueue()
    for name in 0..<5_000 { queue.add(key("\(name)")) }
    for name in 0..<5_000 {
      #expect(queue.take(at: Sample.start) == key("\(name)"))
      queue.finish(
        key("\(name)"), .done(lookAgain: Sample.start.adding(seconds: Int64(5_000 - name))), at: Sample.start)
    }
    for name in (0..<5_000).reversed() {
      #expect(queue.take(at: Sample.start.adding(seconds: 9_000)) == key("\(name)"))
    }
  }

  @Test("Nobody looks again before the index shows what was done")
  func expectations() throws {
    var expectations = Expectations()
    var index = Sample.index([try Sample.pod("p")])
    expectations.expect(.pods, 7)
    expectations.expect(.pods, 5)
    expectations.expectGone(ObjectKey(.pods, namespace: "n", name: "p"), uid: "uid-p")
    #expect(!expectations.areMet(by: index))
    index.advance(.pods, to: 6)
    index.remove(ObjectKey(.pods, namespace: "n", name: "p"))
    #expect(!expectations.areMet(by: index))
    index.advance(.pods, to: 7)
    #expect(expectations.areMet(by: index))
  }
}
