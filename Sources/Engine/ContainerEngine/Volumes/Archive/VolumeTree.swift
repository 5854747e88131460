import Glibc
import Layers
import LinuxSystem
import Model

/// How long a volume may be read.
struct CopyTime: Sendable {
  /// Containers stand still meanwhile.
  var isStill: Bool
  var seconds: Double

  func check(since start: UInt64) throws {
    guard Double(Clock.monotonicNanoseconds() - start) / 1e9 > seconds else { return }
    throw PlatformError(
      .unavailable,
      isStill
        ? "it takes more than \(Int(seconds)) s, too long for its containers to stand still: stop them, allow more by --max-still, "
          + "or use --live"
        : "it takes more than \(Int(seconds)) s, which is the limit")
  }
}

/// A volume's files as a tar archive with the ids that containers see, and back.
enum VolumeTree {
  private static let bufferBytes = 256 << 10

  /// Reads a directory with all below it. Blocks.
  /// - Parameters:
  ///   - ids: the owners' on the host; others become 65534.
  ///   - time: `unavailable` is thrown when it takes longer.
  ///   - sink: takes the archive piece by piece; the memory is lent.
  /// - Throws: `resourceExhausted` for what could not be unpacked again, by its path.
  static func read(
    _ root: RootedDirectory, path: String = "/", ids: IDRange, time: CopyTime? = nil,
    _ sink: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    let (read, write) = try heldPipe()
    let exporter = try ThreadOutcome {
      try write.use {
        try TarExporter.export(
          root, path: path, prefix: ".", ids: ids, to: $0, crossesMounts: false, limits: VolumeArchiveReader.limits)
      }
    }
    let start = Clock.monotonicNanoseconds()
    try read.use { pipe in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferBytes, alignment: 4096)
      defer { buffer.deallocate() }
      while true {
        let count = try pipe.read(into: buffer)
        if count == 0 { break }
        try time?.check(since: start)
        try sink(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
    try exporter.wait()
  }

  /// Writes an archive that is not packed into an empty directory, which becomes the archive's root. Device nodes are left out.
  static func write(
    _ source: any ChunkSource, to root: RootedDirectory, ids: IDRange, room: VolumeRoom? = nil
  ) throws {
    try TarExtractor.extract(unpacked: source, into: root, path: "/", options: options(ids)) { try room?.taken($0) }
    try room?.check()
  }

  /// The same for one that may be packed by gzip, zstd, xz or bzip2.
  static func write(
    foreign input: Descriptor, to root: RootedDirectory, ids: IDRange, room: VolumeRoom? = nil
  ) throws {
    try TarExtractor.extract(from: input, into: root, path: "/", options: options(ids)) { try room?.taken($0) }
    try room?.check()
  }

  /// Reads an archive that is not packed to its end, and checks that it could be written.
  /// - Returns: how many entries it has.
  static func verify(_ source: any ChunkSource, ids: IDRange) throws -> Int64 {
    try TarExtractor.verify(unpacked: source, options: options(ids))
  }

  /// Copies a directory with all below it into an empty one.
  static func copy(
    _ source: RootedDirectory, ids: IDRange, to target: RootedDirectory, as targetIDs: IDRange,
    time: CopyTime? = nil, room: VolumeRoom? = nil
  ) throws {
    let (read, write) = try heldPipe()
    let reader = try ThreadOutcome {
      try write.use { pipe in
        try Self.read(source, ids: ids, time: time) { try pipe.write(all: $0) }
      }
    }
    do {
      // The end is closed before the reader is waited for, who may stand before a full pipe.
      try read.use {
        try Self.write(BufferedSource(DescriptorSource($0)), to: target, ids: targetIDs, room: room)
      }
    } catch let error as PlatformError where error.code == .invalidArgument {
      // Where what came was cut short the reader knows why.
      do {
        try reader.wait()
      } catch let reason as PlatformError where reason.code != .cancelled {
        throw reason
      } catch let reason as SystemError where reason.errno == EPIPE {
        // He was cut short himself.
      }
      throw error
    }
    try reader.wait()
  }

  private static func options(_ ids: IDRange) -> TarExtractor.Options {
    TarExtractor.Options(
      ids: ids, keepKind: false, copyOwners: true, takesRoot: true, makesHoles: true,
      limits: VolumeArchiveReader.limits)
  }

  /// A pipe whose ends are closed once they have been used.
  private static func heldPipe() throws -> (read: PipeEnd, write: PipeEnd) {
    let (read, write) = try Descriptor.pipe()
    return (PipeEnd(read), PipeEnd(write))
  }
}
