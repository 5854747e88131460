import Glibc
import LinuxSystem
import Model

/// Reads a process's stdout and stderr pipes together, in the order in which output comes.
///
/// Used by one task at a time.
actor PipeOutputs {
  private static let blockBytes = 32 << 10
  /// How long output may still come from a process's children once it has ended.
  private static let graceSeconds = 0.1

  private var open: [(stream: OutputStream, pipe: AsyncDescriptor)] = []

  init(stdout: AsyncDescriptor?, stderr: AsyncDescriptor?) {
    if let stdout { open.append((.stdout, stdout)) }
    if let stderr { open.append((.stderr, stderr)) }
  }

  /// The next output; nil when both pipes are closed, or the process has ended and they are empty.
  func next(processEnd: OneShot<Void>) async throws -> OutputChunk? {
    while !open.isEmpty {
      for (index, entry) in open.enumerated().reversed() {
        guard let bytes = try Self.readNow(entry.pipe) else { continue }
        if bytes.isEmpty { open.remove(at: index) } else { return OutputChunk(stream: entry.stream, bytes: bytes) }
      }
      if open.isEmpty { return nil }
      let pipes = open.map(\.pipe)
      let isOver = try await withThrowingTaskGroup(of: Bool.self) { group in
        for pipe in pipes {
          group.addTask {
            try await pipe.waitReadable()
            return false
          }
        }
        group.addTask {
          try await processEnd.wait()
          try await Task.sleep(for: .seconds(Self.graceSeconds))
          return true
        }
        defer { group.cancelAll() }
        return try await group.next() ?? true
      }
      if isOver { return try lastBytes() }
    }
    return nil
  }

  /// What is in the pipe now: nil when nothing is, no bytes at its end.
  private static func readNow(_ pipe: AsyncDescriptor) throws -> [UInt8]? {
    do {
      return try [UInt8](unsafeUninitializedCapacity: blockBytes) { buffer, count in
        count = try pipe.descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
      }
    } catch let error as SystemError where error.errno == EAGAIN {
      return nil
    }
  }

  private func lastBytes() throws -> OutputChunk? {
    for entry in open {
      if let bytes = try Self.readNow(entry.pipe), !bytes.isEmpty {
        return OutputChunk(stream: entry.stream, bytes: bytes)
      }
    }
    return nil
  }
}

/// The writing end of a process's stdin pipe, which is closed once.
final class PipeInput: Sendable {
  private let pipe: Locked<AsyncDescriptor?>

  init(_ pipe: AsyncDescriptor?) { self.pipe = Locked(pipe) }

  /// Writes everything; a process that reads no more (EPIPE) is not an error.
  func write(_ bytes: [UInt8]) async throws {
    guard let pipe = pipe.withLock({ $0 }) else { return }
    do {
      try await pipe.write(bytes)
    } catch let error as SystemError where error.errno == EPIPE {
      close()
    }
  }

  func close() { pipe.withLock { $0 = nil } }
}
