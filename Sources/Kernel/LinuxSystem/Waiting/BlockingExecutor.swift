import Glibc

/// Runs code that blocks on threads of its own, so that the cooperative pool stays free:
/// `withTaskExecutorPreference(executor) { … }`.
///
/// Threads start when work comes in and none is idle, up to a bound; the thread that became idle last takes the next job,
/// and one that has been idle for ten seconds ends. One thread always remains, so that a job can always run.
/// Jobs beyond the bound wait in a queue whose length is exposed. It must outlive the tasks that prefer it.
public final class BlockingExecutor: TaskExecutor {
  public static let defaultMaxThreads = 64
  static let defaultIdleSeconds = 10
  private static let stackBytes = 512 << 10

  /// How busy an executor is.
  public struct Load: Sendable, Equatable {
    public var threads: Int
    public var idleThreads: Int
    /// Jobs that wait for a thread.
    public var queuedJobs: Int
  }

  private struct State {
    var queue: [UnownedJob] = []
    var queueHead = 0
    /// Idle threads, the latest last.
    var idle: [IdleThread] = []
    var threads = 0
    var isStopped = false

    mutating func takeJob() -> UnownedJob? {
      if queueHead == queue.count { return nil }
      let job = queue[queueHead]
      queueHead += 1
      if queueHead == queue.count {
        queue.removeAll(keepingCapacity: queue.capacity <= 1024)
        queueHead = 0
      } else if queueHead >= 1024 && queueHead * 2 >= queue.count {
        queue.removeFirst(queueHead)
        queueHead = 0
      }
      return job
    }
  }

  private let name: String
  private let maxThreads: Int
  private let idleSeconds: Int
  private let state = Locked(State())

  /// - Parameter name: of its threads.
  public convenience init(maxThreads: Int = BlockingExecutor.defaultMaxThreads, name: String = "blocking") throws {
    try self.init(maxThreads: maxThreads, name: name, idleSeconds: Self.defaultIdleSeconds)
  }

  init(maxThreads: Int, name: String, idleSeconds: Int) throws {
    self.name = name
    self.maxThreads = max(1, maxThreads)
    self.idleSeconds = idleSeconds
    state.withLock { $0.threads = 1 }
    try start(with: nil)
  }

  public var load: Load {
    state.withLock { state in
      Load(
        threads: state.threads, idleThreads: state.idle.count, queuedJobs: state.queue.count - state.queueHead)
    }
  }

  public func enqueue(_ job: consuming ExecutorJob) {
    place(UnownedJob(job))
  }

  /// Runs blocking code here and returns its result to the caller's executor.
  public func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withTaskExecutorPreference(self) { try body() }
  }

  /// Lets idle threads end at once; work that still comes in is done.
  public func shutdown() {
    let idle = state.withLock { state -> [IdleThread] in
      state.isStopped = true
      defer { state.idle = [] }
      state.threads -= state.idle.count
      return state.idle
    }
    for thread in idle { thread.wake(with: nil) }
  }

  private enum Placement {
    case handed(IdleThread)
    case startsThread
    case queued
  }

  private func place(_ job: UnownedJob) {
    let placement = state.withLock { state -> Placement in
      if let thread = state.idle.popLast() { return .handed(thread) }
      if state.threads < maxThreads {
        state.threads += 1
        return .startsThread
      }
      state.queue.append(job)
      return .queued
    }
    switch placement {
    case .handed(let thread): thread.wake(with: job)
    case .queued: break
    case .startsThread:
      do {
        try start(with: job)
      } catch {
        startFailed(job)
      }
    }
  }

  /// Without a new thread the job waits for one of those there are; after shutdown there may be none.
  private func startFailed(_ job: UnownedJob) {
    let placement = state.withLock { state -> IdleThread?? in
      state.threads -= 1
      if let thread = state.idle.popLast() { return thread }
      if state.threads == 0 { return nil }
      state.queue.append(job)
      return .some(nil)
    }
    switch placement {
    case .some(.some(let thread)): thread.wake(with: job)
    case .some(.none): break
    case .none: job.runSynchronously(on: asUnownedTaskExecutor())
    }
  }

  private func start(with job: UnownedJob?) throws {
    try SystemThread.start(name: name, stackBytes: Self.stackBytes) { self.work(job) }
  }

  private func work(_ first: UnownedJob?) {
    let idle = IdleThread()
    var next = first
    while true {
      if let job = next { job.runSynchronously(on: asUnownedTaskExecutor()) }
      enum Step {
        case run(UnownedJob)
        case sleep
        case end
      }
      let step = state.withLock { state -> Step in
        if let job = state.takeJob() { return .run(job) }
        if state.isStopped {
          state.threads -= 1
          return .end
        }
        state.idle.append(idle)
        return .sleep
      }
      switch step {
      case .run(let job): next = job
      case .end: return
      case .sleep:
        switch idle.sleep(seconds: idleSeconds) {
        case .woken(let job):
          // Without a job it is the shutdown, which has counted this thread out already.
          if job == nil { return }
          next = job
        case .timedOut:
          if leave(idle) { return }
          next = nil
          // Either it stays as the last one, or a job is on its way to it.
          if case .woken(let job) = idle.sleep(seconds: nil) {
            if job == nil { return }
            next = job
          }
        }
      }
    }
  }

  /// Whether the thread may end: it is still idle and not the last one.
  private func leave(_ thread: IdleThread) -> Bool {
    state.withLock { state in
      guard state.threads > 1, let index = state.idle.firstIndex(where: { $0 === thread }) else { return false }
      state.idle.remove(at: index)
      state.threads -= 1
      return true
    }
  }
}
