import CLinuxShim
import Glibc

/// Calls a function whenever a descriptor can be read, on one thread: for many small messages that are answered at once, where
/// a task that is woken for each would cost more than the answer.
///
/// Descriptors take turns: one whose function leaves something unread is called again after the others.
/// Source: epoll(7), level-triggered.
public final class ReadyLoop: Sendable {
  /// Names one registration.
  public struct Token: Sendable, Hashable { fileprivate let number: UInt64 }

  private let core: ReadyLoopCore

  /// Starts the thread.
  /// - Parameter name: the thread's; at most 15 bytes are shown.
  public init(name: String) throws {
    core = try ReadyLoopCore()
    let core = core
    do {
      try SystemThread.start(name: name, stackBytes: 256 << 10) { core.loop() }
    } catch {
      core.stop()
      throw error
    }
  }

  deinit { core.stop() }

  /// Begins. `body` must not block; the loop keeps the descriptor until `remove`.
  public func add(_ descriptor: Descriptor, _ body: @escaping @Sendable () -> Void) throws -> Token {
    Token(number: try core.add(descriptor, body))
  }

  /// Ends a registration; a second time does nothing. A call that is under way ends later.
  public func remove(_ token: Token) { core.remove(token.number) }
}

/// What the thread and its callers share; apart from `ReadyLoop`, so that the thread does not keep that alive.
final class ReadyLoopCore: Sendable {
  private struct Entry {
    let descriptor: Descriptor
    let body: @Sendable () -> Void
  }

  private struct State {
    var entries: [UInt64: Entry] = [:]
    var next: UInt64 = 1
  }

  // sys/epoll.h
  private static let input: UInt32 = 0x001
  private static let addition: Int32 = 1
  private static let deletion: Int32 = 2
  private static let stopNumber: UInt64 = 0
  private static let batch = 64

  private let epoll: Descriptor
  private let stopEvent: Descriptor
  private let state = Locked(State())

  init() throws {
    epoll = Descriptor(owning: try systemCall("epoll_create1") { bh_epoll_create() })
    stopEvent = Descriptor(owning: try systemCall("eventfd") { bh_eventfd(0, O_CLOEXEC | O_NONBLOCK) })
    try systemCall("epoll_ctl") {
      bh_epoll_control(epoll.raw, Self.addition, stopEvent.raw, Self.input, Self.stopNumber)
    }
  }

  func add(_ descriptor: Descriptor, _ body: @escaping @Sendable () -> Void) throws -> UInt64 {
    let number = state.withLock { state in
      defer { state.next += 1 }
      state.entries[state.next] = Entry(descriptor: descriptor, body: body)
      return state.next
    }
    do {
      try systemCall("epoll_ctl") { bh_epoll_control(epoll.raw, Self.addition, descriptor.raw, Self.input, number) }
    } catch {
      state.withLock { _ = $0.entries.removeValue(forKey: number) }
      throw error
    }
    return number
  }

  func remove(_ number: UInt64) {
    guard let entry = state.withLock({ $0.entries.removeValue(forKey: number) }) else { return }
    // ENOENT and EBADF only say that the file behind the descriptor has gone already.
    _ = bh_epoll_control(epoll.raw, Self.deletion, entry.descriptor.raw, 0, 0)
  }

  func stop() {
    var one: UInt64 = 1
    _ = Glibc.write(stopEvent.raw, &one, MemoryLayout<UInt64>.size)
  }

  func loop() {
    var data = [UInt64](repeating: 0, count: Self.batch)
    var events = [UInt32](repeating: 0, count: Self.batch)
    while true {
      let count = Int(bh_epoll_wait(epoll.raw, &data, &events, Int32(Self.batch)))
      for index in 0..<max(0, count) {
        if data[index] == Self.stopNumber { return }
        state.withLock({ $0.entries[data[index]] })?.body()
      }
      // Anything but an interruption means that the epoll descriptor is broken: do not spin on it.
      if count < 0 && errno != EINTR { return }
    }
  }
}
