import Glibc
import Model

/// A bounded queue of buffers between two threads: one writes, the other reads. Memory is fixed at the start.
///
/// Either side may give up: `finish(throwing:)` hands the writer's error to the reader behind what was written before,
/// `cancel` makes the writer's next call throw `cancelled`.
public final class BytePipe: ChunkSource, @unchecked Sendable {
  // Unchecked: everything below is touched under `lock`, except that a buffer belongs to the writer alone between taking
  // it from `free` and appending it to `full`, and to the reader alone from `full` until its next call.
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>
  private var free: [UnsafeMutableRawBufferPointer]
  private var full: [(buffer: UnsafeMutableRawBufferPointer, count: Int)] = []
  private let buffers: [UnsafeMutableRawBufferPointer]
  private var isFinished = false
  private var isCancelled = false
  private var failure: (any Error)?
  /// The reader's.
  private var lent: UnsafeMutableRawBufferPointer?
  /// The writer's: a buffer that is not full yet.
  private var partial: (buffer: UnsafeMutableRawBufferPointer, count: Int)?

  public init(buffers count: Int = 4, bufferBytes: Int = 256 << 10) {
    lock = .allocate(capacity: 1)
    changed = .allocate(capacity: 1)
    pthread_mutex_init(lock, nil)
    pthread_cond_init(changed, nil)
    buffers = (0..<count).map { _ in .allocate(byteCount: bufferBytes, alignment: 4096) }
    free = buffers
  }

  deinit {
    buffers.forEach { $0.deallocate() }
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(lock)
    changed.deallocate()
    lock.deallocate()
  }

  /// Writer: copies bytes in; waits while all buffers are in use.
  public func write(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let (buffer, used) = try partial ?? (takeFree(), 0)
      let count = min(rest.count, buffer.count - used)
      UnsafeMutableRawBufferPointer(rebasing: buffer[used...])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
      rest = rest.dropFirst(count)
      partial = (buffer, used + count)
      if used + count == buffer.count { flush() }
    }
  }

  /// Writer: lets `fill` write into a buffer directly; false when it returned 0, the end.
  func fill(_ fill: (UnsafeMutableRawBufferPointer) throws -> Int) throws -> Bool {
    let buffer = try takeFree()
    partial = (buffer, 0)
    let count = try fill(buffer)
    partial = (buffer, count)
    flush()
    return count > 0
  }

  /// Writer: no more bytes follow; the reader gets `error` after the last of them, or the end.
  public func finish(throwing error: (any Error)? = nil) {
    flush()
    locked {
      guard !isFinished else { return }
      isFinished = true
      failure = error
    }
  }

  /// Reader: wants no more.
  public func cancel() {
    locked { isCancelled = true }
  }

  public func nextChunk() throws -> UnsafeRawBufferPointer {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    if let lent {
      free.append(lent)
      self.lent = nil
      pthread_cond_signal(changed)
    }
    while full.isEmpty && !isFinished { pthread_cond_wait(changed, lock) }
    guard !full.isEmpty else {
      if let failure { throw failure }
      return UnsafeRawBufferPointer(start: nil, count: 0)
    }
    let (buffer, count) = full.removeFirst()
    lent = buffer
    return UnsafeRawBufferPointer(rebasing: buffer[..<count])
  }

  private func takeFree() throws -> UnsafeMutableRawBufferPointer {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while free.isEmpty && !isCancelled { pthread_cond_wait(changed, lock) }
    if isCancelled { throw PlatformError(.cancelled, "the reader of the stream went away") }
    return free.removeLast()
  }

  private func flush() {
    guard let (buffer, count) = partial else { return }
    partial = nil
    locked {
      if count > 0 { full.append((buffer, count)) } else { free.append(buffer) }
    }
  }

  private func locked(_ body: () -> Void) {
    pthread_mutex_lock(lock)
    body()
    pthread_cond_signal(changed)
    pthread_mutex_unlock(lock)
  }
}
