import KubeMachinery
import LinuxSystem

/// Tells what the node and its pods use. It looks when it is asked: while nobody asks, nothing is measured.
///
/// Use of processors is a rate between two looks. Where the last one is too old, or something has begun to run since, it looks twice with
/// a second between.
actor ResourceMeter {
  /// So long an answer is given again.
  static let freshSeconds: Int64 = 15
  /// So old a look may be that rates begin at.
  static let longestWindowSeconds: Int64 = 90
  static let shortestWindowSeconds: Int64 = 1

  private let node: String
  private let runtime: any PodRuntime
  /// Blocks for a moment.
  private let machine: @Sendable () throws -> MachineUsage
  private let clock: any Swift.Clock<Duration>
  private let executor: BlockingExecutor
  private var last: ResourceSample?
  private var answer: ResourceReport?
  /// What all who ask meanwhile wait for.
  private var running: Task<ResourceReport, any Error>?

  init(
    node: String, runtime: any PodRuntime, machine: @escaping @Sendable () throws -> MachineUsage,
    clock: any Swift.Clock<Duration>, executor: BlockingExecutor
  ) {
    self.node = node
    self.runtime = runtime
    self.machine = machine
    self.clock = clock
    self.executor = executor
  }

  /// Throws `RuntimeFailure` where the runtime does not answer, `SystemError`.
  /// - Parameter now: by the clock that usages are dated with.
  func report(at now: Timestamp) async throws -> ResourceReport {
    // It may have come while this question was on its way.
    let ages = -2 * Self.shortestWindowSeconds..<Self.freshSeconds
    if let answer, let last, ages.contains(now.seconds - last.machine.at.seconds) { return answer }
    if let running { return try await running.value }
    // Owned by this meter. Ends by itself: calls to the runtime have deadlines.
    let task = Task(executorPreference: executor) { try await self.measure(at: now) }
    running = task
    defer { running = nil }
    return try await task.value
  }

  private func measure(at now: Timestamp) async throws -> ResourceReport {
    var base = last
    if let before = base {
      let ages = Self.shortestWindowSeconds...Self.longestWindowSeconds
      if !ages.contains(now.seconds - before.machine.at.seconds) { base = nil }
    }
    var sample = try await look()
    if let before = base, sample.containers.keys.allSatisfy({ before.containers[$0] != nil }) {
      return keep(from: before, to: sample)
    }
    // Of what was seen before, rates begin there; of all else, here.
    let start = base.map { sample.replaced(by: $0) } ?? sample
    try await clock.sleep(for: .seconds(Self.shortestWindowSeconds))
    sample = try await look()
    return keep(from: start, to: sample)
  }

  private func look() async throws -> ResourceSample {
    let containers = try await runtime.usages()
    return ResourceSample(
      machine: try machine(), containers: Dictionary(containers.map { ($0.id, $0) }, uniquingKeysWith: { $1 }))
  }

  private func keep(from before: ResourceSample, to sample: ResourceSample) -> ResourceReport {
    let report = ResourceReport(node: node, from: before, to: sample)
    last = sample
    answer = report
    return report
  }
}
