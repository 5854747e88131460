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
    /// Where a file has zeroes only, make holes, which take no room.
    public var makesHoles: Bool
    public var limits: LayerLimits

    public init(
      ids: IDRange, keepKind: Bool, copyOwners: Bool, makesDevices: Bool = false, takesRoot: Bool = false,
      makesHoles: Bool = false, limits: LayerLimits = .standard
    ) {
      self.ids = ids
      self.keepKind = keepKind
      self.copyOwners = copyOwners
      self.makesDevices = makesDevices
      self.takesRoot = takesRoot
      self.makesHoles = makesHoles
      self.limits = limits
    }
  }

  /// Unpacks an archive that is not packed, and reads `source` to its end. Blocks.
  ///
  /// Every name is walked inside `root`, as a process of the container would; an entry's own name is never followed, what
  /// is there is replaced, directories are kept and take the entry's attributes. Nothing is undone after an error.
  /// - Parameters:
  ///   - path: a directory below `root`.
  ///   - check: told now and then how many bytes of the archive, unpacked, have been taken; what it throws ends the work.
  /// - Throws: `notFound` for a missing directory, `invalidArgument` for a damaged or hostile archive,
  ///   `resourceExhausted` over a limit or a full disk, `forbidden` where it is read-only.
  public static func extract(
    unpacked source: any ChunkSource, into root: RootedDirectory, path: String, options: Options,
    check: @escaping (_ takenBytes: Int64) throws -> Void = { _ in }
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

  /// Reads an archive to its end and checks each entry as far as that goes without a tree to write to: what `extract` would
  /// refuse whatever is there is refused here.
  /// - Returns: how many entries it has.
  public static func verify(unpacked source: any ChunkSource, options: Options) throws -> Int64 {
    let reader = TarReader(source, limits: options.limits)
    let rules = EntryRules(options: options, base: "/")
    var entries: Int64 = 0
    while let entry = try reader.nextEntry() {
      entries += 1
      guard entries <= Int64(options.limits.entries) else { throw EntryRules.tooMany(options.limits) }
      try rules.check(entry)
    }
    try reader.drain()
    return entries
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
