import Glibc
import LinuxSystem
import Model

/// Turns open files into entries of an archive: owners as a container sees them, hard links, attributes.
package final class TreeArchiver {
  /// Who owns what belongs to nobody in the container's range (the kernel's overflow id, user_namespaces(7)).
  private static let nobody: UInt32 = 65_534
  /// Bytes of one file's extended attributes; what is above is left out, so that every reader takes the header.
  private static let maxAttributeBytes = LayerLimits.standard.extendedHeaderBytes / 2

  private let writer: TarWriter
  private let ids: IDRange
  private let latestSeconds: Int64?
  private let limits: LayerLimits?
  /// Bytes of the contents so far.
  private var contentBytes: Int64 = 0
  private var links = LinkNames()

  /// - Parameters:
  ///   - latestSeconds: times after this one become it.
  ///   - limits: what is beyond them is refused.
  package init(ids: IDRange, latestSeconds: Int64? = nil, limits: LayerLimits? = nil, to output: Descriptor) {
    self.ids = ids
    self.latestSeconds = latestSeconds
    self.limits = limits
    writer = TarWriter(to: output)
  }

  /// Adds a file with its content; passes over sockets, which archives cannot hold.
  /// - Parameter file: open, O_PATH is enough.
  package func add(_ file: Descriptor, _ status: FileStatus, name: [UInt8]) throws {
    guard let kind = Self.kind(status.type) else { return }
    // Directories are named with a slash at the end.
    let nameBytes = name.count + (kind == .directory ? 1 : 0)
    if let limits, nameBytes > limits.pathBytes {
      throw PlatformError(
        .resourceExhausted,
        "the path '\(TarEntry.printable(name))' has \(nameBytes) bytes, of which an archive holds \(limits.pathBytes)")
    }
    var entry = TarEntry(kind: kind, name: name)
    entry.mode = status.mode
    entry.uid = Int64(ids.inside(status.uid) ?? Self.nobody)
    entry.gid = Int64(ids.inside(status.gid) ?? Self.nobody)
    entry.modified = FileTime(
      seconds: min(status.modificationTime.seconds, latestSeconds ?? .max))
    switch kind {
    case .file:
      if let first = links.earlierName(of: status, name: name) {
        entry.kind = .hardLink
        entry.linkName = first
        return try writer.write(entry: entry, content: nil)
      }
      entry.attributes = try attributes(of: file)
      entry.sizeBytes = status.sizeBytes
      try count(status.sizeBytes, name)
      let content = try file.reopen(flags: O_RDONLY | O_NONBLOCK)
      return try writer.write(entry: entry, content: content)
    case .directory: entry.attributes = try attributes(of: file)
    case .symbolicLink: entry.linkName = PathText.bytes(of: try file.readLink())
    case .characterDevice, .blockDevice: entry.device = status.rawDevice
    case .fifo, .hardLink: break
    }
    try writer.write(entry: entry, content: nil)
  }

  /// Adds one of a layer's empty marker files.
  package func addMarker(_ name: [UInt8]) throws {
    var entry = TarEntry(kind: .file, name: name)
    entry.mode = 0
    try writer.write(entry: entry, content: nil)
  }

  package func finish() throws { try writer.finish() }

  /// A file may have far more bytes than it takes on disk: what cannot be unpacked is not begun.
  private func count(_ sizeBytes: Int64, _ name: [UInt8]) throws {
    contentBytes = contentBytes.clampedAdding(sizeBytes)
    guard let limits, contentBytes > limits.totalBytes else { return }
    throw PlatformError(
      .resourceExhausted,
      "with the \(sizeBytes) bytes of '\(TarEntry.printable(name))' the archive would have more than \(limits.totalBytes), "
        + "which is the limit")
  }

  private func attributes(of file: Descriptor) throws -> [(name: [UInt8], value: [UInt8])] {
    var result: [(name: [UInt8], value: [UInt8])] = []
    var total = 0
    for name in try file.listxattr() where OverlayAttributes.mayBeExported(name) {
      let value: [UInt8]
      do {
        value = try file.getxattr(name)
      } catch let error as SystemError where [ENODATA, EOVERFLOW, EOPNOTSUPP].contains(error.errno) {
        // Taken away meanwhile, or a capability that holds for another user namespace's root only.
        continue
      }
      guard let shown = OverlayAttributes.exported(name: name, value: value, root: ids.first) else { continue }
      let bytes = PathText.bytes(of: name)
      total += bytes.count + shown.count + 32
      if total > Self.maxAttributeBytes { break }
      result.append((bytes, shown))
    }
    return result
  }

  private static func kind(_ type: FileType) -> TarEntryKind? {
    switch type {
    case .regular: .file
    case .directory: .directory
    case .symbolicLink: .symbolicLink
    case .blockDevice: .blockDevice
    case .characterDevice: .characterDevice
    case .fifo: .fifo
    case .socket: nil
    }
  }
}

/// The first name of each file with several.
private struct LinkNames {
  private struct Inode: Hashable {
    var device: UInt64
    var inode: UInt64
  }

  /// Memory for names; files met above it are written once for each of their names.
  private static let maxBytes = 64 << 20
  private static let overheadBytes = 100

  private var names: [Inode: (name: [UInt8], remaining: UInt64)] = [:]
  private var usedBytes = 0

  /// The name that this very file was added by before; nil for its first.
  mutating func earlierName(of status: FileStatus, name: [UInt8]) -> [UInt8]? {
    guard status.linkCount > 1 else { return nil }
    let inode = Inode(device: status.device, inode: status.inode)
    guard let known = names[inode] else {
      let cost = name.count + Self.overheadBytes
      if usedBytes + cost <= Self.maxBytes {
        usedBytes += cost
        names[inode] = (name, status.linkCount - 1)
      }
      return nil
    }
    if known.remaining > 1 {
      names[inode] = (known.name, known.remaining - 1)
    } else {
      names[inode] = nil
      usedBytes -= known.name.count + Self.overheadBytes
    }
    return known.name
  }
}
