import ContentStore
import Layers
import LinuxSystem
import Model

/// Ends a stream only when a check at its end succeeds.
final class CheckedSource: ByteSource {
  private let source: any ByteSource
  private let check: () throws -> Void

  init(_ source: any ByteSource, _ check: @escaping () throws -> Void) {
    self.source = source
    self.check = check
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try source.read(into: buffer)
    if count == 0 { try check() }
    return count
  }
}

/// Reads what a job on a thread of its own writes to a pipe; the job's failure becomes the stream's.
final class PipedSource: ByteSource {
  private let source: CheckedSource

  init(_ body: @escaping @Sendable (Descriptor) throws -> Void) throws {
    let (read, write) = try translatingSystemErrors("make a pipe") { try Descriptor.pipe() }
    let end = Locked<Descriptor?>(write)
    // The job takes the pipe's end out, so that it is closed, and the stream ends, when the job is done.
    let job = try ThreadOutcome<Void> {
      guard let write = end.withLock({ $0.take() }) else { return }
      try body(write)
    }
    source = CheckedSource(DescriptorSource(read)) { try job.wait() }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try source.read(into: buffer) }
}
