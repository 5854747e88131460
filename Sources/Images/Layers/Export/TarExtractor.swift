import Glibc
import LinuxSystem
import Model
import Synchronization

/// A client's archive into a container: `docker cp` in.
public enum TarExtractor {
  public struct Options: Sendable {
    /// The container's ids on the host.
    public var ids: IDRange
    /// Refuse to put a directory in a file's place or a file in a directory's.
    public var keepKind: Bool
    /// Keep the owners that the archive names; otherwise everything belongs to the container's root.
    public var copyOwners: Bool
    /// Make the device nodes that the archive names; otherwise they are passed over.
    public var makesDevices: Bool
    /// The archive's entry for its root (`./`) decides over owner, mode and attributes of the directory written into.
    public var takesRoot: Bool
    public var limits: LayerLimits

    public init(
      ids: IDRange, keepKind: Bool, copyOwners: Bool, makesDevices: Bool = false, takesRoot: Bool = false,
      limits: LayerLimits = .standard
    ) {
      self.ids = ids
      self.keepKind = keepKind
      self.copyOwners = copyOwners
      self.makesDevices = makesDevices
      self.takesRoot = takesRoot
      self.limits = limits
    }
  }

  /// Unpacks an archive, packed or not, and reads `input` to its end. Blocks.
  ///
  /// Every name is walked inside `root`, as a process of the container would; an entry's own name is never followed, what
  /// is there is replaced, directories are kept and take the entry's attributes. Nothing is undone after an error.
  /// - Parameter path: a directory below `root`.
  /// - Throws: `notFound` for a missing directory, `invalidArgument` for a damaged or hostile archive,
  ///   `resourceExhausted` over a limit or a full disk, `forbidden` where it is read-only.
  public static func extract(
    from input: Descriptor, into root: RootedDirectory, path: String, options: Options
  ) throws {
    let meter = InputMeter()
    let source = try UnpackedStream.open(CountedSource(input, meter), limits: options.limits)
    try extract(source, into: root, path: path, options: options) { pulled in
      try meter.check(unpackedBytes: pulled, options.limits)
    }
  }

  /// The same for an archive that is not packed, or not any more.
  public static func extract(
    unpacked source: any ChunkSource, into root: RootedDirectory, path: String, options: Options
  ) throws {
    try extract(source, into: root, path: path, options: options) { _ in }
  }

  private static func extract(
    _ source: any ChunkSource, into root: RootedDirectory, path: String, options: Options,
    check: @escaping (Int64) throws -> Void
  ) throws {
    let base = cleaned(path)
    do {
      _ = try root.open(base, flags: O_PATH | O_DIRECTORY)
    } catch let error as SystemError {
      throw TreeErrors.opening(path, error)
    }
    let reader = TarReader(source, limits: options.limits)
    let extraction = TreeExtraction(root: root, base: base, options: options, check: check)
    while let entry = try reader.nextEntry() { try extraction.extract(entry, content: reader) }
    try reader.drain()
    try extraction.finish()
  }

  /// The path without "." and "..", taken away by the text alone as docker does it.
  private static func cleaned(_ path: String) -> String {
    var parts: [[UInt8]] = []
    for part in PathText.bytes(of: path).split(separator: UInt8(ascii: "/")) {
      if part.elementsEqual(".".utf8) { continue }
      if part.elementsEqual("..".utf8) { _ = parts.popLast() } else { parts.append(Array(part)) }
    }
    return "/" + PathText.text(of: parts.joined(separator: [UInt8(ascii: "/")]))
  }
}

/// Counts what came in on the thread that reads it.
private final class InputMeter: Sendable {
  private let bytes = Atomic<Int64>(0)

  func add(_ count: Int) { bytes.wrappingAdd(Int64(count), ordering: .relaxed) }

  /// - Throws: `resourceExhausted` when the archive unpacks to far more than it is.
  func check(unpackedBytes: Int64, _ limits: LayerLimits) throws {
    guard unpackedBytes > limits.ratioGraceBytes else { return }
    if unpackedBytes / limits.ratio > bytes.load(ordering: .relaxed) {
      throw PlatformError(
        .resourceExhausted, "the archive unpacks to more than \(limits.ratio) times its size, which is the limit")
    }
  }
}

private final class CountedSource: ByteSource {
  private let descriptor: Descriptor
  private let meter: InputMeter

  init(_ descriptor: Descriptor, _ meter: InputMeter) {
    self.descriptor = descriptor
    self.meter = meter
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try descriptor.read(into: buffer)
    meter.add(count)
    return count
  }
}
