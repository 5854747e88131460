import KubeMachinery
import LinuxSystem
import Logging

/// Moves a machine in life: follows every resource, runs work that is due with a bounded number of workers, sleeps until
/// there is more.
public final class ControllerLoop: Sendable {
  public struct Bounds: Sendable {
    public var workers = 4
    /// The longest sleep. A wall clock that jumps is noticed after it.
    public var sleepSeconds: Int64 = 60
    /// Before a list that failed is tried again.
    public var retryMilliseconds: Int64 = 500

    public init() {}
  }

  private let machine: ControllerMachine
  private let service: ObjectService
  private let bounds: Bounds
  private let clock: any Swift.Clock<Duration>
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  /// Rings for one worker each time there is work; that one rings for the next where there is more.
  private let work = Bell()
  private let news = Bell()

  /// - Parameters:
  ///   - clock: to sleep by.
  ///   - now: the wall clock, the same as the machine's.
  public init(
    machine: ControllerMachine, service: ObjectService, bounds: Bounds = Bounds(), clock: any Swift.Clock<Duration>,
    now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    self.machine = machine
    self.service = service
    self.bounds = bounds
    self.clock = clock
    self.now = now
    self.logger = logger
  }

  /// Runs until it is cancelled; work that has begun is done then. Blocks as the store does, so that it belongs on threads that may.
  public func run() async {
    await withTaskGroup { tasks in
      for kind in machine.kinds { tasks.addTask { await self.follow(kind) } }
      for _ in 0..<bounds.workers { tasks.addTask { await self.toil() } }
      tasks.addTask { await self.tell() }
      await tasks.waitForAll()
    }
  }

  private func follow(_ kind: Kind) async {
    while !Task.isCancelled {
      do {
        var follower = try await Follower(kind, service, machine)
        while true {
          if machine.hasWork { work.ringOnce() }
          try await follower.step()
        }
      } catch is CancellationError {
        return
      } catch let error as StatusError where error.code == 410 {
        continue
      } catch {
        logger.error("a resource cannot be followed", metadata: ["resource": "\(kind.resource)", "error": "\(error)"])
        try? await clock.sleep(for: .milliseconds(bounds.retryMilliseconds))
      }
    }
  }

  private func toil() async {
    var hasRun = false
    while !Task.isCancelled {
      let heard = work.count
      if let job = machine.next() {
        // Another one takes what else is due, or sleeps until the moment that the work before asked for.
        if hasRun || machine.hasWork { work.ringOnce() }
        await machine.run(job)
        if machine.hasNews { news.ring() }
        hasRun = true
        continue
      }
      hasRun = false
      await sleep(since: heard)
    }
  }

  private func tell() async {
    while !Task.isCancelled {
      let heard = news.count
      if await machine.writeEvents() { continue }
      await news.wait(since: heard)
    }
  }

  /// Until the bell rings or the next moment comes.
  private func sleep(since heard: UInt64) async {
    let longest = bounds.sleepSeconds * 1_000
    let wait = machine.nextMoment.map { min(max($0.millisecondsSince(now()), 0) + 1, longest) } ?? longest
    await withTaskGroup { tasks in
      tasks.addTask { [work] in await work.wait(since: heard) }
      tasks.addTask { [clock] in try? await clock.sleep(for: .milliseconds(wait)) }
      await tasks.next()
      tasks.cancelAll()
    }
  }
}

/// One resource's way into a machine: a list, then every change.
struct Follower {
  static let pageSize = 500

  private let kind: Kind
  private let machine: ControllerMachine
  private var watch: ObjectWatch

  /// Lists what is there. Throws `StatusError`.
  init(_ kind: Kind, _ service: ObjectService, _ machine: ControllerMachine) async throws {
    self.kind = kind
    self.machine = machine
    var options = ListOptions()
    options.limit = Self.pageSize
    options.byteLimit = ListRequest.pageBytes
    var objects: [ClusterObject] = []
    var revision: Int64 = 0
    while true {
      let page = try await service.list(kind, in: nil, options)
      revision = page.revision
      objects += machine.select(page.objects, kind)
      guard !page.continueToken.isEmpty else { break }
      options.continueToken = try ContinueToken(parsing: page.continueToken)
    }
    machine.replace(kind, with: objects, at: revision)
    var following = ListOptions()
    following.resourceVersion = revision
    following.sendsInitialEvents = false
    watch = try await service.watch(kind, in: nil, following)
  }

  /// Takes the next changes in; waits where there are none. Throws `StatusError` (410: list anew), `CancellationError`.
  mutating func step() async throws {
    let events = try await watch.next()
    machine.observe(kind, events, upTo: watch.revision)
  }
}

/// Wakes those who wait for something to happen. Rings are counted, so that none is missed between a look and the wait.
public final class Bell: Sendable {
  private struct State {
    var count: UInt64 = 0
    var nextWaiter = 0
    var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
  }

  private let state = Locked(State())

  public init() {}

  public var count: UInt64 { state.withLock { $0.count } }

  public func ring() {
    let waiters = state.withLock { state in
      state.count += 1
      let waiters = state.waiters.values
      state.waiters = [:]
      return Array(waiters)
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Wakes one of those who wait, and none of those who come to wait on a count that they read before.
  public func ringOnce() {
    let waiter = state.withLock { state in
      state.count += 1
      return state.waiters.popFirst()?.value
    }
    waiter?.resume()
  }

  /// Returns once it has rung after the count was read, or at once where the task is cancelled.
  public func wait(since heard: UInt64) async {
    let id = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let waits = state.withLock { state -> Bool in
          guard state.count == heard else { return false }
          state.waiters[id] = continuation
          return true
        }
        if !waits { continuation.resume() } else if Task.isCancelled { wake(id) }
      }
    } onCancel: {
      wake(id)
    }
  }

  private func wake(_ id: Int) { state.withLock { $0.waiters.removeValue(forKey: id) }?.resume() }
}
