import Layers
import LinuxSystem
import Model

/// A volume's files as a tar archive with the ids that containers see, and back.
enum VolumeTree {
  private static let bufferBytes = 256 << 10

  /// Reads a directory with all below it. Blocks.
  /// - Parameters:
  ///   - ids: the owners' on the host; others become 65534.
  ///   - withinSeconds: `unavailable` is thrown when it takes longer.
  ///   - sink: takes the archive piece by piece; the memory is lent.
  static func read(
    _ root: RootedDirectory, path: String = "/", ids: IDRange, withinSeconds seconds: Double? = nil,
    _ sink: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let (read, write) = try heldPipe()
    let exporter = try ThreadOutcome {
      try write.use { try TarExporter.export(root, path: path, prefix: ".", ids: ids, to: $0, crossesMounts: false) }
    }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferBytes, alignment: 4096)
    defer { buffer.deallocate() }
    let end = seconds.map { Clock.monotonicNanoseconds() + UInt64($0 * 1e9) }
    while true {
      let count = try read.read(into: buffer)
      if count == 0 { break }
      if let end, let seconds, Clock.monotonicNanoseconds() > end {
        throw PlatformError(
          .unavailable,
          "it takes more than \(Int(seconds)) s, too long for its containers to stand still: stop them, or use --live")
      }
      try sink(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
    try exporter.wait()
  }

  /// Writes an archive that is not packed into an empty directory, which becomes the archive's root. Device nodes are left out.
  static func write(_ source: any ChunkSource, to root: RootedDirectory, ids: IDRange) throws {
    try TarExtractor.extract(unpacked: source, into: root, path: "/", options: options(ids))
  }

  /// The same for one that may be packed by gzip, zstd, xz or bzip2.
  static func write(foreign input: Descriptor, to root: RootedDirectory, ids: IDRange) throws {
    try TarExtractor.extract(from: input, into: root, path: "/", options: options(ids))
  }

  /// Copies a directory with all below it into an empty one.
  static func copy(
    _ source: RootedDirectory, ids: IDRange, to target: RootedDirectory, as targetIDs: IDRange,
    withinSeconds seconds: Double? = nil
  ) throws {
    let (read, write) = try heldPipe()
    let reader = try ThreadOutcome {
      try write.use { pipe in
        try Self.read(source, ids: ids, withinSeconds: seconds) { try pipe.write(all: $0) }
      }
    }
    do {
      try Self.write(BufferedSource(DescriptorSource(read)), to: target, ids: targetIDs)
    } catch let error as PlatformError where error.code == .invalidArgument {
      // What came was cut short: the reader knows why.
      try reader.wait()
      throw error
    }
    try reader.wait()
  }

  private static func options(_ ids: IDRange) -> TarExtractor.Options {
    TarExtractor.Options(
      ids: ids, keepKind: false, copyOwners: true, takesRoot: true, limits: VolumeArchiveReader.limits)
  }

  /// A pipe whose writing end nobody but its holder keeps open.
  private static func heldPipe() throws -> (read: Descriptor, write: PipeEnd) {
    let (read, write) = try Descriptor.pipe()
    return (read, PipeEnd(write))
  }
}
