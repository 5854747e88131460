import ContentStore
import Glibc
import LinuxSystem
import Model

/// A directory tree as a tar archive: `docker export`, `docker cp` out.
///
/// The same tree gives the same bytes. Sockets, overlay's attributes and the contents of file systems that only show the
/// kernel (proc, sysfs, …) are left out; device nodes and file capabilities are kept.
public enum TarExporter {
  /// Writes a file, or a directory with all below it. Blocks.
  /// - Parameters:
  ///   - path: below `root`; the last component is followed only where the path ends in "/" or "/.".
  ///   - prefix: stands in the archive for the path itself: "./" and "./name" for ".", "name" alone for "".
  ///   - ids: the container's on the host; other owners become 65534.
  ///   - output: in blocking mode.
  ///   - crossesMounts: when false, directories of other file systems are shown empty.
  ///   - limits: of whoever is to unpack it; nil where that is not this engine. What is beyond is refused, by its path.
  /// - Throws: `notFound` for a missing path, `invalidArgument` for one that cannot be walked, `cancelled` when the reader
  ///   of `output` went away, `conflict` when directories are moved about meanwhile.
  public static func export(
    _ root: RootedDirectory, path: String, prefix: String, ids: IDRange, to output: Descriptor,
    crossesMounts: Bool = true, limits: LayerLimits? = nil
  ) throws {
    let start: Descriptor
    do {
      start = try root.openPath(path, followLink: path.hasSuffix("/") || path.hasSuffix("/."))
    } catch let error as SystemError {
      throw TreeErrors.opening(path, error)
    }
    do {
      let archiver = TreeArchiver(ids: ids, limits: limits, to: output)
      try write(start, prefix: PathText.bytes(of: prefix), archiver, crossesMounts: crossesMounts)
    } catch let error as SystemError {
      throw TreeErrors.reading(path, error)
    }
  }

  private static func write(
    _ start: Descriptor, prefix: [UInt8], _ archiver: TreeArchiver, crossesMounts: Bool
  ) throws {
    let status = try start.status()
    guard status.type == .directory else {
      try archiver.add(start, status, name: prefix)
      return try archiver.finish()
    }
    if !prefix.isEmpty { try archiver.add(start, status, name: prefix) }
    let namePrefix = prefix.isEmpty ? [] : prefix + [UInt8(ascii: "/")]
    let walk = try TreeWalk(start)
    while let entry = try walk.next() {
      try archiver.add(entry.file, entry.status, name: namePrefix + entry.path)
      guard entry.status.type == .directory else { continue }
      if entry.status.device != status.device {
        if !crossesMounts { continue }
        if try isKernelView(entry.file) { continue }
      }
      try walk.enter(entry)
    }
    try archiver.finish()
  }

  /// Whether a file system has no room of its own (statvfs(3)): proc, sysfs, cgroups and the like, which df(1) passes over
  /// by the same sign.
  private static func isKernelView(_ directory: Descriptor) throws -> Bool {
    var status = statvfs()
    try systemCall("fstatvfs") { fstatvfs(directory.raw, &status) }
    return status.f_blocks == 0
  }
}
