import ContentStore
import Layers
import LinuxSystem
import Model

/// Writes what COPY and ADD take as a layer's archive. The same items give the same bytes.
struct LayerWriter: Sendable {
  let items: [CopyItem]
  let source: any CopySource
  /// Nothing is younger than this, in seconds since 1970.
  let epoch: Int64?
  let limits: LayerLimits
  /// Of what archives bring, where it was said.
  let owner: (uid: UInt32, gid: UInt32)?

  func write(to output: Descriptor) throws {
    let writer = TarWriter(to: output)
    for item in items {
      if case .archive(let node) = item.content {
        try unpack(node, below: item.path, into: writer)
        continue
      }
      try write(item, to: writer)
    }
    try writer.finish()
  }

  private func write(_ item: CopyItem, to writer: TarWriter) throws {
    var entry = TarEntry(kind: .file, name: PathText.bytes(of: item.path))
    entry.mode = item.mode & 0o7777
    entry.uid = Int64(item.uid)
    entry.gid = Int64(item.gid)
    entry.modified = clamped(item.modified)
    switch item.content {
    case .directory:
      entry.kind = .directory
      try writer.write(entry: entry, content: nil)
    case .symbolicLink(let target):
      entry.kind = .symbolicLink
      entry.linkName = PathText.bytes(of: target)
      try writer.write(entry: entry, content: nil)
    case .inline(let bytes): try writer.write(entry: entry, bytes: bytes)
    case .file(let node):
      guard case .file(let size) = node.kind else { return }
      entry.sizeBytes = size
      try writer.write(entry: entry, content: try source.open(node))
    case .archive: return
    }
  }

  private func clamped(_ time: FileTime) -> FileTime {
    FileTime(seconds: epoch.map { min($0, time.seconds) } ?? time.seconds)
  }

  /// Entries keep their own order; what leads upwards is refused, as in layers.
  private func unpack(_ node: SourceNode, below path: String, into writer: TarWriter) throws {
    let stream = try UnpackedStream.open(DescriptorSource(source.open(node)), limits: limits)
    let reader = TarReader(stream, limits: limits)
    let prefix = path.isEmpty ? [] : PathText.bytes(of: path) + [UInt8(ascii: "/")]
    while var entry = try reader.nextEntry() {
      guard let name = try Self.clean(entry.name) else { continue }
      guard !name.split(separator: UInt8(ascii: "/")).contains(where: { $0.starts(with: ".wh.".utf8) }) else {
        throw PlatformError(
          .invalidArgument,
          "'\(TarEntry.printable(entry.name))' in the archive cannot be added: in a layer such a name means a deletion")
      }
      entry.name = prefix + name
      if entry.kind == .hardLink {
        guard let target = try Self.clean(entry.linkName) else { continue }
        entry.linkName = prefix + target
      }
      if let owner { (entry.uid, entry.gid) = (Int64(owner.uid), Int64(owner.gid)) }
      entry.modified = clamped(entry.modified)
      try writer.add(entry)
      if entry.kind == .file {
        while true {
          let piece = try reader.readContent()
          if piece.isEmpty { break }
          try writer.write(piece)
        }
      }
    }
    try reader.drain()
  }

  /// Nil for the archive's root.
  static func clean(_ name: [UInt8]) throws -> [UInt8]? {
    let parts = name.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }
    guard !parts.contains(where: { $0.elementsEqual("..".utf8) }) else {
      throw PlatformError(
        .invalidArgument, "the name '\(TarEntry.printable(name))' in the archive leads upwards, out of its root")
    }
    return parts.isEmpty ? nil : Array(parts.joined(separator: [UInt8(ascii: "/")]))
  }

  /// Whether a file is an archive that ADD unpacks: a tar archive, packed or not.
  static func isArchive(_ node: SourceNode, in source: any CopySource, limits: LayerLimits) throws -> Bool {
    guard case .file(let size) = node.kind, size > 0 else { return false }
    var start = [UInt8](repeating: 0, count: 512)
    let file = try source.open(node)
    let count = try translatingSystemErrors("read '\(node.path.prefix(200))'") {
      try start.withUnsafeMutableBytes { try file.read(into: $0) }
    }
    guard
      start.withUnsafeBytes({
        LayerSniffer.looksLikeLayer(UnsafeRawBufferPointer(rebasing: $0[..<count]), sizeBytes: size)
      })
    else { return false }
    do {
      let stream = try UnpackedStream.open(DescriptorSource(source.open(node)), limits: limits)
      return try TarReader(stream, limits: limits).nextEntry() != nil
    } catch let error as PlatformError where error.code == .invalidArgument {
      return false  // Packed, but no archive: it is copied as it is.
    }
  }
}
