import LinuxSystem
import Model

/// Lets a bounded number of archives in and out at once, on threads of their own, so that clients that send or read slowly
/// never take the threads that everything else needs.
public final class TransferGate: Sendable {
  /// Transfers at once.
  static let standardPermits = 16
  /// Requests that may wait for a permit.
  static let waitingLimit = 256
  static let patienceSeconds = 30.0
  /// One reads or writes the pipe between client and engine, the other works at its other end.
  private static let threadsPerTransfer = 2

  private struct State {
    var free: Int
    var waiting: [OneShot<Void>] = []
  }

  /// Runs the transfers' blocking work.
  public let executor: BlockingExecutor
  private let permits: Int
  private let patienceSeconds: Double
  private let state: Locked<State>

  init(permits: Int = standardPermits, patienceSeconds: Double = patienceSeconds) throws {
    self.permits = permits
    self.patienceSeconds = patienceSeconds
    executor = try BlockingExecutor(maxThreads: permits * Self.threadsPerTransfer, name: "transfer")
    state = Locked(State(free: permits))
  }

  /// The right to one transfer; waits a while for it, without a thread.
  /// - Throws: `unavailable` where none becomes free, `CancellationError`.
  public func enter() async throws -> TransferPermit {
    let place = OneShot<Void>()
    let isFree = try state.withLock { state in
      if state.free > 0 {
        state.free -= 1
        return true
      }
      guard state.waiting.count < Self.waitingLimit else { throw busy }
      state.waiting.append(place)
      return false
    }
    if isFree { return TransferPermit(self) }
    let isServed: Bool
    do {
      isServed = try await place.wait(seconds: patienceSeconds) != nil
    } catch {
      if !leave(place) { release() }
      throw error
    }
    if isServed || !leave(place) { return TransferPermit(self) }
    throw busy
  }

  private var busy: PlatformError {
    PlatformError(
      .unavailable, "\(permits) archives are on their way in and out of the engine already; try again in a while")
  }

  /// Gives up waiting; false where the permit came in the same moment.
  private func leave(_ place: OneShot<Void>) -> Bool {
    state.withLock { state in
      guard let index = state.waiting.firstIndex(where: { $0 === place }) else { return false }
      state.waiting.remove(at: index)
      return true
    }
  }

  fileprivate func release() {
    let next = state.withLock { state -> OneShot<Void>? in
      if state.waiting.isEmpty {
        state.free += 1
        return nil
      }
      return state.waiting.removeFirst()
    }
    next?.resolve(())
  }
}

/// One transfer's place; given back when it goes.
public final class TransferPermit: Sendable {
  private let gate: TransferGate

  fileprivate init(_ gate: TransferGate) { self.gate = gate }

  deinit { gate.release() }

  /// Runs a transfer's work on the gate's threads; the place is kept until it ends.
  public func run<Result: Sendable>(_ body: @Sendable () async throws -> Result) async rethrows -> Result {
    defer { withExtendedLifetime(self) {} }
    return try await withTaskExecutorPreference(gate.executor) { try await body() }
  }
}
