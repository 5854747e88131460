import CLinuxShim
import Glibc
import Synchronization

/// What the poller's thread and its callers share. A class apart from `Poller`, so that the thread does not keep the
/// latter alive.
final class PollerCore: Sendable {
  enum Direction: Sendable {
    case read, write
  }

  private typealias Continuation = CheckedContinuation<Void, any Error>

  private struct Waiter {
    let id: UInt64
    let direction: Direction
    let continuation: Continuation
  }

  private struct Entry {
    /// Names the latest arming: events of earlier ones are stale.
    var generation: UInt32
    var waiters: [Waiter]
  }

  private struct State {
    var entries: [Int32: Entry] = [:]
    var nextGeneration: UInt32 = 1
    var isStopped = false
  }

  // sys/epoll.h
  private enum Event {
    static let input: UInt32 = 0x001
    static let output: UInt32 = 0x004
    static let error: UInt32 = 0x008
    static let hangUp: UInt32 = 0x010
    static let oneShot: UInt32 = 1 << 30
  }
  private enum Control {
    static let add: Int32 = 1
    static let delete: Int32 = 2
    static let modify: Int32 = 3
  }
  /// Cannot be a waiter's data: no descriptor has this number.
  private static let stopData = UInt64.max
  private static let batch = 64

  private let epoll: Descriptor
  private let stopEvent: Descriptor
  private let state = Locked(State())
  private let nextID = Atomic<UInt64>(1)

  init() throws {
    epoll = Descriptor(owning: try systemCall("epoll_create1") { bh_epoll_create() })
    stopEvent = Descriptor(owning: try systemCall("eventfd") { bh_eventfd(0, O_CLOEXEC | O_NONBLOCK) })
    try systemCall("epoll_ctl") {
      bh_epoll_control(epoll.raw, Control.add, stopEvent.raw, Event.input, Self.stopData)
    }
  }

  func wait(_ fd: Int32, _ direction: Direction) async throws {
    let id = nextID.wrappingAdd(1, ordering: .relaxed).oldValue
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        add(Waiter(id: id, direction: direction, continuation: continuation), to: fd)
        // A cancellation before the line above found nothing to cancel.
        if Task.isCancelled { cancel(id, on: fd) }
      }
    } onCancel: {
      cancel(id, on: fd)
    }
  }

  func waiterCount(_ fd: Int32) -> Int {
    state.withLock { $0.entries[fd]?.waiters.count ?? 0 }
  }

  func stop() {
    let waiters = state.withLock { state -> [Waiter] in
      state.isStopped = true
      defer { state.entries = [:] }
      return state.entries.values.flatMap(\.waiters)
    }
    var one: UInt64 = 1
    _ = Glibc.write(stopEvent.raw, &one, MemoryLayout<UInt64>.size)
    for waiter in waiters { waiter.continuation.resume(throwing: CancellationError()) }
  }

  func loop() {
    var data = [UInt64](repeating: 0, count: Self.batch)
    var events = [UInt32](repeating: 0, count: Self.batch)
    while true {
      let count = Int(bh_epoll_wait(epoll.raw, &data, &events, Int32(Self.batch)))
      for index in 0..<max(0, count) {
        if data[index] == Self.stopData { return }
        deliver(data[index], events[index])
      }
      // Anything but an interruption means that the epoll descriptor is broken: do not spin on it.
      if count < 0 && errno != EINTR { return stop() }
    }
  }

  private func add(_ waiter: Waiter, to fd: Int32) {
    enum Outcome {
      case waits
      case ready
      case failed(any Error)
    }
    let (outcome, stale) = state.withLock { state -> (Outcome, [Waiter]) in
      if state.isStopped { return (.failed(CancellationError()), []) }
      if fd < 0 { return (.failed(SystemError(errno: EBADF, operation: "epoll_ctl", subject: "\(fd)")), []) }
      let existing = state.entries[fd]?.waiters ?? []
      switch arm(fd, existing + [waiter], &state) {
      case .armed: return (.waits, [])
      case .armedAnew: return (.waits, keepOnly(waiter, of: fd, &state))
      case .failed(EPERM): return (.ready, [])
      case .failed(let code):
        return (.failed(SystemError(errno: code, operation: "epoll_ctl", subject: "\(fd)")), [])
      }
    }
    for waiter in stale {
      waiter.continuation.resume(throwing: SystemError(errno: EBADF, operation: "poll", subject: "\(fd)"))
    }
    switch outcome {
    case .waits: break
    case .ready: waiter.continuation.resume()
    case .failed(let error): waiter.continuation.resume(throwing: error)
    }
  }

  private enum Arming {
    case armed
    /// The kernel did not know the descriptor: waiters that were there meant a file that has been closed.
    case armedAnew
    case failed(Int32)
  }

  private func arm(_ fd: Int32, _ waiters: [Waiter], _ state: inout State) -> Arming {
    let generation = state.nextGeneration
    state.nextGeneration &+= 1
    var events = Event.oneShot
    for waiter in waiters { events |= waiter.direction == .read ? Event.input : Event.output }
    let data = UInt64(generation) << 32 | UInt64(fd)
    var result = Arming.armed
    if bh_epoll_control(epoll.raw, Control.modify, fd, events, data) != 0 {
      if errno != ENOENT { return .failed(errno) }
      if bh_epoll_control(epoll.raw, Control.add, fd, events, data) != 0 { return .failed(errno) }
      result = .armedAnew
    }
    state.entries[fd] = Entry(generation: generation, waiters: waiters)
    return result
  }

  private func keepOnly(_ waiter: Waiter, of fd: Int32, _ state: inout State) -> [Waiter] {
    let stale = state.entries[fd]?.waiters.filter { $0.id != waiter.id } ?? []
    if !stale.isEmpty { _ = arm(fd, [waiter], &state) }
    return stale
  }

  private func deliver(_ data: UInt64, _ events: UInt32) {
    let fd = Int32(truncatingIfNeeded: data & 0xFFFF_FFFF)
    let generation = UInt32(truncatingIfNeeded: data >> 32)
    let ended = events & (Event.error | Event.hangUp) != 0
    let ready = state.withLock { state -> [Waiter] in
      guard let entry = state.entries[fd], entry.generation == generation else { return [] }
      let isReady = { (waiter: Waiter) in
        ended || events & (waiter.direction == .read ? Event.input : Event.output) != 0
      }
      let rest = entry.waiters.filter { !isReady($0) }
      state.entries[fd] = nil
      if rest.isEmpty { return entry.waiters }
      if case .failed = arm(fd, rest, &state) { return entry.waiters }
      return entry.waiters.filter(isReady)
    }
    for waiter in ready { waiter.continuation.resume() }
  }

  private func cancel(_ id: UInt64, on fd: Int32) {
    let waiter = state.withLock { state -> Waiter? in
      guard var entry = state.entries[fd], let index = entry.waiters.firstIndex(where: { $0.id == id }) else {
        return nil
      }
      let waiter = entry.waiters.remove(at: index)
      if entry.waiters.isEmpty {
        state.entries[fd] = nil
        // ENOENT and EBADF only say that the descriptor has gone already.
        _ = bh_epoll_control(epoll.raw, Control.delete, fd, 0, 0)
      } else {
        // What remains armed in excess wakes nobody.
        state.entries[fd] = entry
      }
      return waiter
    }
    waiter?.continuation.resume(throwing: CancellationError())
  }
}
