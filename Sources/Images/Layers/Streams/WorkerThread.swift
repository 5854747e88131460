import Glibc
import Model

/// A thread of our own for one blocking job. It is detached: whoever needs its outcome shares something with it.
enum WorkerThread {
  private static let stackBytes = 512 << 10

  static func start(_ body: @escaping @Sendable () -> Void) throws {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, stackBytes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    let box = Unmanaged.passRetained(Box(body))
    var thread = pthread_t()
    let code = pthread_create(
      &thread, &attributes,
      { context in
        // A pipe whose reader went away is an error of write(2) here, not a signal that ends the program.
        var pipeSignal = sigset_t()
        sigemptyset(&pipeSignal)
        sigaddset(&pipeSignal, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &pipeSignal, nil)
        if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
        return nil
      }, box.toOpaque())
    if code != 0 {
      box.release()
      throw PlatformError(.resourceExhausted, "cannot start a thread", context: ["errno": "\(code)"])
    }
  }

  private final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
}

/// Runs a source on a thread of its own, some buffers ahead of whoever pulls from this one.
///
/// The thread ends with the source, or at its next buffer after `cancel`.
public final class PrefetchingSource: ChunkSource {
  private let pipe: BytePipe

  public convenience init(_ source: sending any ByteSource) throws { try self.init(moving: source) }

  /// - Parameter source: must not be used by the caller any more.
  init(moving source: any ByteSource, buffers: Int = 4, bufferBytes: Int = 256 << 10) throws {
    let pipe = BytePipe(buffers: buffers, bufferBytes: bufferBytes)
    self.pipe = pipe
    let handed = Handed(source)
    try WorkerThread.start {
      do {
        while try pipe.fill({ try Self.fill($0, from: handed.source) }) {}
        pipe.finish()
      } catch {
        pipe.finish(throwing: error)
      }
    }
  }

  deinit { pipe.cancel() }

  public func nextChunk() throws -> UnsafeRawBufferPointer { try pipe.nextChunk() }

  public func cancel() { pipe.cancel() }

  /// Fills the whole buffer where the source gives less at a time, so that few hand-overs are needed.
  private static func fill(_ buffer: UnsafeMutableRawBufferPointer, from source: any ByteSource) throws -> Int {
    var filled = 0
    while filled < buffer.count {
      let count = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  /// Carries the source to its thread. Unchecked: whoever starts the thread gives the source away.
  private final class Handed: @unchecked Sendable {
    let source: any ByteSource
    init(_ source: any ByteSource) { self.source = source }
  }
}
