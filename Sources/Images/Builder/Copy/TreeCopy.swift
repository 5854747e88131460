import ContentStore
import Layers
import LinuxSystem
import Model

/// Copies a tree of an image into a folder, owners and all.
enum TreeCopy {
  /// - Parameters:
  ///   - directory: of the target.
  ///   - name: of a single file there; empty where a directory's content is copied.
  static func run(
    _ source: RootedDirectory, _ path: String, to target: RootedDirectory, _ directory: String, as name: String
  ) throws {
    let (read, write) = try pipe()
    let job = try ThreadOutcome<Void> {
      guard let output = write.take() else { return }
      try TarExporter.export(
        source, path: path.isEmpty ? "/" : path + (name.isEmpty ? "/." : ""), prefix: name, ids: .host, to: output,
        crossesMounts: false)
    }
    let received = Result { try receive(read, into: target, directory) }
    do {
      try job.wait()
    } catch let error as PlatformError where error.code == .cancelled {
      // The receiver gave up before the sender's end; its own fault says why.
    }
    try received.get()
  }

  private static func receive(_ end: PipeEnd, into target: RootedDirectory, _ directory: String) throws {
    guard let input = end.take() else { return }
    let options = TarExtractor.Options(ids: .host, keepKind: false, copyOwners: true)
    try TarExtractor.extract(from: input, into: target, path: "/" + directory, options: options)
  }

  private static func pipe() throws -> (read: PipeEnd, write: PipeEnd) {
    let ends = try translatingSystemErrors("make a pipe") { try Descriptor.pipe() }
    return (PipeEnd(ends.read), PipeEnd(ends.write))
  }

  /// An end of a pipe until its user takes it, so that it is closed when that one is done and not later: the other side
  /// waits for it.
  private final class PipeEnd: Sendable {
    private let descriptor: Locked<Descriptor?>
    init(_ descriptor: Descriptor) { self.descriptor = Locked(descriptor) }
    func take() -> Descriptor? {
      descriptor.withLock { descriptor in
        defer { descriptor = nil }
        return descriptor
      }
    }
  }
}
