import Glibc
import LinuxSystem
import Model

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
    /// Owners and file capabilities are set at all; otherwise what is made belongs to who makes it, who need not be root.
    public var setsOwners = true
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

  /// Unpacks an archive that is not packed, and reads `source` to its end. Blocks.
  ///
  /// Every name is walked inside `root`, as a process of the container would; an entry's own name is never followed, what
  /// is there is replaced, directories are kept and take the entry's attributes. Nothing is undone after an error.
  /// - Parameter path: a directory below `root`.
  /// - Throws: `notFound` for a missing directory, `invalidArgument` for a damaged or hostile archive,
  ///   `resourceExhausted` over a limit or a full disk, `forbidden` where it is read-only.
  public static func extract(
    unpacked source: any ChunkSource, into root: RootedDirectory, path: String, options: Options
  ) throws {
    try extract(source, into: root, path: path, options: options) { _ in }
  }

  /// - Parameter check: told how much of the archive has been read.
  package static func extract(
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
