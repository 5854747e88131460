import LinuxSystem
import NIOCore
import Synchronization

/// One connection's bytes, between the event loop and the connection's task.
///
/// The event loop delivers (`received`, `ended`); the task takes (`read`). What nobody takes is bounded: beyond
/// `maxReadAheadBytes` the socket is not read. One reader at a time.
final class ConnectionIO: Sendable {
  private static let maxAheadBytes = 64 << 10

  /// How the incoming bytes came to an end.
  private enum End {
    case closed
    case failed(any Error)
  }

  /// What ends the work on an answer when the client goes away.
  enum Disconnect {
    /// The client closed its sending side, or more.
    case inputClosed
    /// Nothing can be sent any more.
    case gone
  }

  private struct Waiter {
    var id: UInt64
    /// Nothing of a request has come yet.
    var isBetweenRequests: Bool
    var resume: @Sendable (Result<ByteBuffer?, any Error>) -> Void
  }

  private struct State {
    var queue = CircularBuffer<ByteBuffer>()
    var queuedBytes = 0
    var end: End?
    var isGone = false
    var holdsBackRead = false
    var waiter: Waiter?
    var lastWaiterID: UInt64 = 0
    var watch: (kind: Disconnect, action: @Sendable () -> Void)?
    var deadline: NIODeadline?
    var waitingSince: NIODeadline?
    /// When the timer fires that counts; one set for later is ignored.
    var timerAt: NIODeadline?
    var clientCertificate: [UInt8]?
  }

  /// What nobody waits for.
  private final class Ahead: Sendable {
    /// That is not with the kernel yet.
    let bytes = Atomic(0)
    let hasFailed = Atomic(false)
  }

  private enum Taken {
    case bytes(ByteBuffer)
    case end
    case nothing
  }

  let channel: any Channel
  /// The client's IP address; nil on unix sockets.
  let remoteAddress: String?
  let isEncrypted: Bool
  private let maxReadAheadBytes: Int
  private let hasSpoken = Atomic<Bool>(false)
  private let ahead = Ahead()
  private let state = Locked(State())

  init(channel: any Channel, maxReadAheadBytes: Int, isEncrypted: Bool = false) {
    self.channel = channel
    self.maxReadAheadBytes = maxReadAheadBytes
    self.isEncrypted = isEncrypted
    remoteAddress = channel.remoteAddress?.ipAddress
  }

  // MARK: the event loop's side

  /// Whether the client has sent anything; over TLS, whether its handshake came that far.
  var clientHasSpoken: Bool { hasSpoken.load(ordering: .relaxed) }

  /// - Parameter certificate: what the client has shown over TLS, in DER form.
  func clientSpeaks(showing certificate: [UInt8]?) {
    if let certificate { state.withLock { $0.clientCertificate = certificate } }
    hasSpoken.store(true, ordering: .relaxed)
  }

  var clientCertificate: [UInt8]? { isEncrypted ? state.withLock { $0.clientCertificate } : nil }

  func received(_ bytes: ByteBuffer) {
    let waiter = state.withLock { state -> Waiter? in
      if let waiter = state.waiter {
        state.waiter = nil
        return waiter
      }
      state.queue.append(bytes)
      state.queuedBytes += bytes.readableBytes
      return nil
    }
    waiter?.resume(.success(bytes))
  }

  /// Whether the connection's task sleeps until the next request begins. It stays so for as long as the event loop, which
  /// alone delivers, hands it nothing.
  var awaitsRequest: Bool { state.withLock { $0.waiter?.isBetweenRequests == true && $0.queue.isEmpty } }

  /// No more bytes come; `isGone` when none can be sent either.
  func ended(_ error: (any Error)? = nil, isGone: Bool) {
    let (waiter, action) = state.withLock { state -> (Waiter?, (@Sendable () -> Void)?) in
      if state.end == nil { state.end = error.map(End.failed) ?? .closed }
      if isGone { state.isGone = true }
      defer { state.waiter = nil }
      guard let watch = state.watch, state.isGone || watch.kind == .inputClosed else { return (state.waiter, nil) }
      state.watch = nil
      return (state.waiter, watch.action)
    }
    waiter?.resume(error.map { .failure($0) } ?? .success(nil))
    action?()
  }

  /// Whether the socket may be read now; remembers the wish where not.
  func mayRead() -> Bool {
    state.withLock { state in
      state.holdsBackRead = state.queuedBytes >= maxReadAheadBytes
      return !state.holdsBackRead
    }
  }

  // MARK: reading

  /// The next bytes, or nil when the client closed its side. Throws `CancellationError`, or what ended the connection.
  func read(isBetweenRequests: Bool = false) async throws -> ByteBuffer? {
    switch try take() {
    case .bytes(let bytes): return bytes
    case .end: return nil
    case .nothing: break
    }
    let id = state.withLock { state in
      state.lastWaiterID += 1
      return state.lastWaiterID
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<ByteBuffer?, any Error>) in
        wait(id: id, isBetweenRequests) { continuation.resume(with: $0) }
        if Task.isCancelled { cancelWaiter(id) }
      }
    } onCancel: {
      cancelWaiter(id)
    }
  }

  /// `read` for a thread that may block.
  @available(*, noasync)
  func readBlocking() throws -> ByteBuffer? {
    switch try take() {
    case .bytes(let bytes): return bytes
    case .end: return nil
    case .nothing: break
    }
    let promise = channel.eventLoop.makePromise(of: ByteBuffer?.self)
    wait(id: 0) { promise.completeWith($0) }
    return try promise.futureResult.wait()
  }

  /// Puts bytes back in front of those that come.
  func pushBack(_ bytes: ByteBuffer) {
    guard bytes.readableBytes > 0 else { return }
    state.withLock { state in
      state.queue.prepend(bytes)
      state.queuedBytes += bytes.readableBytes
    }
  }

  private func take() throws -> Taken {
    let (taken, resumesReading) = try state.withLock { state -> (Taken, Bool) in
      guard let bytes = state.queue.popFirst() else {
        switch state.end {
        case .none: return (.nothing, false)
        case .closed: return (.end, false)
        case .failed(let error): throw error
        }
      }
      state.queuedBytes -= bytes.readableBytes
      let resumes = state.holdsBackRead && state.queuedBytes < maxReadAheadBytes
      if resumes { state.holdsBackRead = false }
      return (.bytes(bytes), resumes)
    }
    if resumesReading { channel.read() }
    return taken
  }

  private func wait(
    id: UInt64, _ isBetweenRequests: Bool = false, resume: @escaping @Sendable (Result<ByteBuffer?, any Error>) -> Void
  ) {
    let result = Result { try take() }
    switch result {
    case .success(.bytes(let bytes)): return resume(.success(bytes))
    case .success(.end): return resume(.success(nil))
    case .failure(let error): return resume(.failure(error))
    case .success(.nothing): break
    }
    // The event loop may deliver between the look above and this lock, so the look is repeated under it.
    let mustRetry = state.withLock { state in
      if !state.queue.isEmpty || state.end != nil { return true }
      precondition(state.waiter == nil, "a connection has one reader at a time")
      state.waiter = Waiter(id: id, isBetweenRequests: isBetweenRequests, resume: resume)
      return false
    }
    if mustRetry { wait(id: id, isBetweenRequests, resume: resume) }
  }

  private func cancelWaiter(_ id: UInt64) {
    let waiter = state.withLock { state -> Waiter? in
      guard let waiter = state.waiter, waiter.id == id else { return nil }
      state.waiter = nil
      return waiter
    }
    waiter?.resume(.failure(CancellationError()))
  }

  // MARK: writing

  /// Returns when the bytes, or the part of a file, are with the kernel; throws `ClientDisconnected`.
  func write(_ bytes: some Sendable) async throws {
    do {
      try await channel.writeAndFlush(bytes).get()
    } catch {
      throw ClientDisconnected()
    }
  }

  /// `write` that closes the connection where it takes longer.
  func write(_ bytes: some Sendable, withinMilliseconds patience: Int64) async throws {
    let written = channel.eventLoop.makePromise(of: Void.self)
    // One visit to the event loop: what the kernel takes at once needs no timer.
    channel.eventLoop.execute { [channel] in
      let isWaiting = NIOLoopBoundBox(true, eventLoop: channel.eventLoop)
      written.futureResult.whenComplete { _ in isWaiting.value = false }
      channel.writeAndFlush(bytes, promise: written)
      guard isWaiting.value else { return }
      let timer = channel.eventLoop.scheduleTask(in: .milliseconds(patience)) {
        channel.close(mode: .all, promise: nil)
      }
      written.futureResult.whenComplete { _ in timer.cancel() }
    }
    do {
      try await written.futureResult.get()
    } catch {
      throw ClientDisconnected()
    }
  }

  /// `write` within a time that does not wait as long as little is under way. Throws `ClientDisconnected` where an earlier one has
  /// failed.
  func writeAhead(_ bytes: ByteBuffer, withinMilliseconds patience: Int64) async throws {
    let count = bytes.readableBytes
    guard !ahead.hasFailed.load(ordering: .relaxed) else { throw ClientDisconnected() }
    guard ahead.bytes.load(ordering: .relaxed) + count <= Self.maxAheadBytes else {
      return try await write(bytes, withinMilliseconds: patience)
    }
    ahead.bytes.add(count, ordering: .relaxed)
    channel.eventLoop.execute { [channel, ahead] in
      let written = channel.eventLoop.makePromise(of: Void.self)
      written.futureResult.whenComplete { result in
        ahead.bytes.subtract(count, ordering: .relaxed)
        if case .failure = result { ahead.hasFailed.store(true, ordering: .relaxed) }
      }
      channel.writeAndFlush(bytes, promise: written)
    }
  }

  /// `write` that does not wait as long as little is under way; a failure shows at the next read.
  func writeAhead(_ bytes: ByteBuffer) async throws {
    guard channel.isWritable else { return try await write(bytes) }
    channel.writeAndFlush(bytes, promise: nil)
  }

  /// `write` for a thread that may block.
  @available(*, noasync)
  func writeBlocking(_ bytes: ByteBuffer) throws {
    do {
      try channel.writeAndFlush(bytes).wait()
    } catch {
      throw ClientDisconnected()
    }
  }

  /// Closes the sending side; the client may go on sending.
  func closeOutput() async {
    try? await channel.close(mode: .output).get()
  }

  /// Closes the sending side once what was written is with the kernel; the client may go on sending. Closes all where
  /// that takes longer.
  func closeOutput(withinMilliseconds patience: Int64) async {
    let timer = channel.eventLoop.scheduleTask(in: .milliseconds(patience)) { [channel] in
      channel.close(mode: .all, promise: nil)
    }
    defer { timer.cancel() }
    let promise = channel.eventLoop.makePromise(of: Void.self)
    // TLS that is cut in between forgets that somebody waits.
    channel.closeFuture.whenComplete { _ in promise.succeed(()) }
    channel.close(mode: .output, promise: promise)
    try? await promise.futureResult.get()
  }

  func close() {
    channel.close(mode: .all, promise: nil)
  }

  // MARK: the client's disappearance

  /// Calls `action` once when the client goes away, at once where it has already.
  func watch(_ kind: Disconnect, action: @escaping @Sendable () -> Void) {
    let isAway = state.withLock { state in
      if state.isGone || (kind == .inputClosed && state.end != nil) { return true }
      state.watch = (kind, action)
      return false
    }
    if isAway { action() }
  }

  func unwatch() {
    state.withLock { $0.watch = nil }
  }

  // MARK: deadlines

  /// Since when this connection has held its place without giving a complete request, or nil while it is at work.
  var waitingSince: NIODeadline? { state.withLock { $0.waitingSince } }

  /// The client must deliver within `milliseconds`; until `clearDeadline` its place may be given to another.
  func beginWait(_ milliseconds: Int64) {
    setDeadline(milliseconds, isWaiting: true)
  }

  /// A request was answered at once: the wait for the next one begins.
  func renewWait(_ milliseconds: Int64) {
    state.withLock { $0.waitingSince = nil }
    setDeadline(milliseconds, isWaiting: true)
  }

  /// Bounds the next read unless a deadline stands already; true where it set one.
  func armIdleDeadline(_ milliseconds: Int64) -> Bool {
    guard state.withLock({ $0.deadline == nil }) else { return false }
    setDeadline(milliseconds, isWaiting: false)
    return true
  }

  func clearDeadline() {
    state.withLock { state in
      state.deadline = nil
      state.waitingSince = nil
    }
  }

  private func setDeadline(_ milliseconds: Int64, isWaiting: Bool) {
    let now = NIODeadline.now()
    let deadline = now + .milliseconds(milliseconds)
    let setsTimer = state.withLock { state in
      state.deadline = deadline
      if isWaiting, state.waitingSince == nil { state.waitingSince = now }
      // A timer that fires earlier sets the next one then.
      if let timerAt = state.timerAt, timerAt <= deadline { return false }
      state.timerAt = deadline
      return true
    }
    if setsTimer { schedule(deadline) }
  }

  private func schedule(_ deadline: NIODeadline) {
    channel.eventLoop.scheduleTask(deadline: deadline) { [weak self] in self?.timerFired(deadline) }
  }

  private func timerFired(_ time: NIODeadline) {
    let (isLate, next) = state.withLock { state -> (Bool, NIODeadline?) in
      guard state.timerAt == time else { return (false, nil) }
      state.timerAt = nil
      guard let deadline = state.deadline, !state.isGone else { return (false, nil) }
      if deadline <= time { return (true, nil) }
      state.timerAt = deadline
      return (false, deadline)
    }
    if let next { schedule(next) }
    if isLate { ended(HTTPRefusal(.requestTimeout, "the request took too long to arrive"), isGone: false) }
  }
}
