import HTTPServing
import KubeMachinery
import KubeResources
import LinuxSystem
import Synchronization
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1)))
struct ResourceMeterTests {
  private static func usage(
    _ id: String, at seconds: Int64, cpu milliseconds: UInt64, memory: Int64 = 20 << 20, pod: String = "p"
  ) -> ContainerUsage {
    ContainerUsage(
      id: id, pod: PodIdentity(namespace: "ns", name: pod, uid: "u-\(pod)"), name: "c-\(id)", at: moment(seconds),
      processorNanoseconds: milliseconds * 1_000_000, workingSetBytes: memory)
  }

  private static func moment(_ seconds: Int64) -> Timestamp { Timestamp(seconds: Sample.start.seconds + seconds) }

  private static func sample(
    _ seconds: Int64, cpu milliseconds: UInt64 = 0, _ containers: [ContainerUsage] = []
  ) -> ResourceSample {
    ResourceSample(
      machine: MachineUsage(
        at: moment(seconds), processorNanoseconds: milliseconds * 1_000_000, workingSetBytes: 3 << 30),
      containers: Dictionary(uniqueKeysWithValues: containers.map { ($0.id, $0) }))
  }

  // MARK: two looks

  @Test("rates are told of what was seen twice")
  func rates() {
    let before = Self.sample(0, cpu: 1_000, [Self.usage("a", at: 0, cpu: 100), Self.usage("b", at: 5, cpu: 0)])
    let now = Self.sample(
      10, cpu: 6_000,
      [Self.usage("a", at: 10, cpu: 2_600), Self.usage("b", at: 10, cpu: 5, memory: 1_500)])
    let report = ResourceReport(node: "n1", from: before, to: now)
    #expect(
      report.nodes == [
        [
          "metadata": ["name": "n1"], "timestamp": .string(Self.moment(10).text), "window": "10s",
          "usage": ["cpu": "500m", "memory": "3Gi"],
        ]
      ])
    #expect(
      report.pods == [
        [
          "metadata": ["name": "p", "namespace": "ns", "uid": "u-p"], "timestamp": .string(Self.moment(10).text),
          "window": "5s",
          "containers": [
            ["name": "c-a", "usage": ["cpu": "250m", "memory": "20Mi"]],
            ["name": "c-b", "usage": ["cpu": "1m", "memory": "1Ki"]],
          ],
        ]
      ])
  }

  private static let seen = usage("a", at: 0, cpu: 100)

  @Test(
    "nothing is told of what cannot be known",
    arguments: [
      ("a container that was seen once", [seen], [usage("a", at: 10, cpu: 200), usage("b", at: 10, cpu: 0)]),
      ("a count that began anew", [seen], [usage("a", at: 10, cpu: 50)]),
      ("a clock that was set back", [seen], [usage("a", at: -1, cpu: 200)]),
      ("no time between", [seen], [usage("a", at: 0, cpu: 200)]),
      ("nothing that runs", [seen], []),
    ])
  func unknown(_ what: String, _ before: [ContainerUsage], _ now: [ContainerUsage]) {
    let other = Self.usage("z", at: 0, cpu: 0, pod: "other")
    let report = ResourceReport(
      node: "n1", from: Self.sample(0, before + [other]),
      to: Self.sample(10, now + [Self.usage("z", at: 10, cpu: 0, pod: "other")]))
    #expect(report.pods.map { $0.at("metadata", "name") } == ["other"], "\(what)")
    #expect(ResourceReport(node: "n1", from: Self.sample(10), to: Self.sample(10)).nodes == [])
  }

  @Test("processors work in all their times but idle and waiting ones")
  func ticks() {
    let stat = "cpu  10 20 30 1000 2000 60 70 80 90 100\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr 5\n"
    #expect(NodeInspector.processorTicks(Array(stat.utf8)) == 270)
    #expect(NodeInspector.processorTicks([]) == 0)
  }

  @Test("this machine has worked and uses memory")
  func machine() throws {
    let usage = try NodeInspector.usage(at: Sample.start)
    #expect(usage.processorNanoseconds > 0 && usage.workingSetBytes > 0 && usage.at == Sample.start)
  }

  // MARK: when it looks

  /// Nobody waits: it is counted how often somebody would.
  private final class CountingClock: Swift.Clock {
    typealias Instant = ContinuousClock.Instant

    let sleeps = Mutex(0)
    var now: Instant { ContinuousClock.now }
    var minimumResolution: Swift.Duration { .nanoseconds(1) }
    func sleep(until deadline: Instant, tolerance: Swift.Duration?) async throws { sleeps.withLock { $0 += 1 } }
  }

  private struct Meter {
    let runtime = FakeRuntime()
    let clock = CountingClock()
    let meter: ResourceMeter
    let machine = Machine()

    final class Machine: Sendable {
      let seconds = Mutex<[Int64]>([])
    }

    init() throws {
      let machine = machine
      meter = ResourceMeter(
        node: "n1", runtime: runtime,
        machine: {
          let second = machine.seconds.withLock { $0.count > 1 ? $0.removeFirst() : $0.first ?? 0 }
          return MachineUsage(
            at: ResourceMeterTests.moment(second), processorNanoseconds: UInt64(second) * 1_000_000, workingSetBytes: 1)
        }, clock: clock, executor: try BlockingExecutor(maxThreads: 1, name: "meter-test"))
    }

    /// What the next looks see: the moment, and containers with what they have used.
    func sees(_ looks: [(Int64, [(String, UInt64)])]) {
      machine.seconds.withLock { $0 = looks.map(\.0) }
      runtime.state.withLock { state in
        state.calls = []
        state.usages = looks.map { second, containers in
          containers.map { ResourceMeterTests.usage($0.0, at: second, cpu: $0.1) }
        }
      }
      clock.sleeps.withLock { $0 = 0 }
    }

    /// The rate of each container, the node's window, and how often it was looked and slept for that.
    struct Answer: Equatable {
      let rates: [String]
      let window: String?
      let looks: Int
      let sleeps: Int

      init(_ rates: [String], _ window: String?, looks: Int, sleeps: Int) {
        self.rates = rates
        self.window = window
        self.looks = looks
        self.sleeps = sleeps
      }
    }

    func ask(at second: Int64) async throws -> Answer {
      let report = try await meter.report(at: ResourceMeterTests.moment(second))
      let containers = report.pods.flatMap { $0.listAt("containers") }
      return Answer(
        containers.map { "\($0.textAt("name"))=\($0.textAt("usage", "cpu"))" }, report.nodes.first?.textAt("window"),
        looks: runtime.calls.count, sleeps: clock.sleeps.withLock { $0 })
    }
  }

  @Test("it looks twice at first, once after that, and not at all for a while")
  func looks() async throws {
    let meter = try Meter()
    meter.sees([(0, [("a", 0)]), (1, [("a", 100)])])
    #expect(try await meter.ask(at: 0) == Meter.Answer(["c-a=100m"], "1s", looks: 2, sleeps: 1))
    #expect(try await meter.ask(at: 15) == Meter.Answer(["c-a=100m"], "1s", looks: 2, sleeps: 1))
    meter.sees([(21, [("a", 4_100)])])
    #expect(try await meter.ask(at: 21) == Meter.Answer(["c-a=200m"], "20s", looks: 1, sleeps: 0))
    // One has begun: it is waited for, the other's rate begins where it was seen first.
    meter.sees([(41, [("a", 4_100), ("b", 0)]), (42, [("a", 5_150), ("b", 500)])])
    #expect(try await meter.ask(at: 41) == Meter.Answer(["c-a=50m", "c-b=500m"], "21s", looks: 2, sleeps: 1))
    // So long ago that its rate would tell nothing of now.
    meter.sees([(200, [("a", 10_000)]), (201, [("a", 11_000)])])
    #expect(try await meter.ask(at: 200) == Meter.Answer(["c-a=1"], "1s", looks: 2, sleeps: 1))
    // A clock that was set back is no reason to give an old answer for ever.
    meter.sees([(50, [("a", 11_000)]), (51, [("a", 11_100)])])
    #expect(try await meter.ask(at: 50) == Meter.Answer(["c-a=100m"], "1s", looks: 2, sleeps: 1))
  }

  @Test("those who ask at once share an answer, and a runtime that fails is asked again")
  func sharing() async throws {
    let meter = try Meter()
    meter.sees([(0, [("a", 0)])])
    meter.runtime.state.withLock { $0.failure = RuntimeFailure(.unavailable, "gone") }
    await #expect(throws: RuntimeFailure(.unavailable, "gone")) { try await meter.ask(at: 0) }
    meter.sees([(0, [("a", 0)]), (1, [("a", 100)])])
    meter.runtime.state.withLock { $0.failure = nil }
    async let one = meter.ask(at: 0)
    async let other = meter.ask(at: 0)
    #expect(try await one.rates == ["c-a=100m"])
    #expect(try await other.rates == ["c-a=100m"])
    #expect(meter.runtime.calls.count == 2)
  }
}
