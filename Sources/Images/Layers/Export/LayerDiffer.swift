import ContentStore
import Glibc
import LinuxSystem
import Model

/// What a container changed, from the upper directory of its overlay (overlayfs.rst).
public enum LayerDiffer {
  private static let whiteoutPrefix = Array(".wh.".utf8)
  private static let opaqueMarker = Array(".wh..wh..opq".utf8)

  /// What differs from the image, as `docker diff` tells it: sorted by path, directories above a change as modified, the
  /// root never. What overlay only copied, without a change to it or below it, does not count. Blocks.
  /// - Parameters:
  ///   - lowers: the image's layers in overlay's form, lowest first.
  ///   - ids: the container's on the host; nil takes the range that the upper directory's own owner is in.
  /// - Throws: `resourceExhausted` above a million changes.
  public static func changes(upper: String, lowers: [String], ids: IDRange? = nil) throws -> [TreeChange] {
    try translating("compare '\(upper)' with its image") {
      let root = try Descriptor.open(upper, flags: O_PATH | O_DIRECTORY | O_NOFOLLOW)
      let comparison = UpperComparison(lowers: try LowerLayers(lowers), ids: try ids ?? range(of: root))
      return try comparison.run(root)
    }
  }

  /// The upper directory as a layer's archive, with deletions in OCI's form (OCI image specification, layer.md,
  /// *Representing Changes*). The same directory gives the same bytes. Blocks.
  ///
  /// Left out are sockets, overlay's attributes, and files whose own names would read as deletions.
  /// - Parameters:
  ///   - ids: the container's on the host; other owners become 65534.
  ///   - latestSeconds: times after this one, in seconds since 1970, become it.
  /// - Throws: `cancelled` when the reader of `output` went away, `invalidArgument` for the deletion of a file whose name
  ///   is too long to be noted.
  public static func writeLayer(
    upper: String, ids: IDRange, latestSeconds: Int64? = nil, to output: Descriptor
  ) throws {
    try translating("read '\(upper)'") {
      let root = try Descriptor.open(upper, flags: O_PATH | O_DIRECTORY | O_NOFOLLOW)
      let archiver = TreeArchiver(ids: ids, latestSeconds: latestSeconds, to: output)
      let walk = try TreeWalk(root)
      while let entry = try walk.next() {
        if try OverlayAttributes.isWhiteout(entry.file, entry.status) {
          try archiver.addMarker(try whiteoutName(entry))
          continue
        }
        if entry.name.starts(with: whiteoutPrefix) { continue }
        try archiver.add(entry.file, entry.status, name: entry.path)
        guard entry.status.type == .directory else { continue }
        if try OverlayAttributes.isOpaque(entry.file) {
          try archiver.addMarker(entry.path + [UInt8(ascii: "/")] + opaqueMarker)
        }
        try walk.enter(entry)
      }
      try archiver.finish()
    }
  }

  private static func whiteoutName(_ entry: TreeWalk.Entry) throws -> [UInt8] {
    let name = whiteoutPrefix + entry.name
    guard name.count <= Limits.nameBytes else {
      throw PlatformError(
        .invalidArgument,
        "the deletion of '/\(TarEntry.printable(entry.path))' cannot be noted in a layer: its name is too long")
    }
    return entry.path.dropLast(entry.name.count) + name
  }

  /// Ranges start at multiples of their size, so any owner inside tells which one it is.
  private static func range(of upper: Descriptor) throws -> IDRange {
    let owner = try upper.status().uid
    return owner < IDRange.standardCount ? .host : IDRange(first: owner / IDRange.standardCount * IDRange.standardCount)
  }

  private static func translating<Result>(_ action: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as SystemError {
      switch error.errno {
      case EPIPE, ECONNRESET: throw PlatformError(.cancelled, "the reader of the archive went away", cause: error)
      case ESTALE: throw PlatformError(.conflict, "failed to \(action): it was changed meanwhile", cause: error)
      default: throw platformError(action, error)
      }
    }
  }
}
