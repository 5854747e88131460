import ContentStore
import Layers
import LinuxSystem
import Model

extension ContextStore {
  /// Takes a context as `docker build` sends it: a tar archive, packed or not. Blocks.
  ///
  /// Entries that lead upwards, or lie below a link or a file, are refused, as are devices; a later entry of the same name
  /// replaces the earlier one.
  /// - Throws: `invalidArgument`, `resourceExhausted`.
  public func receive(archive source: any ChunkSource) throws -> BuildContext {
    var bounds = LayerLimits.standard
    bounds.totalBytes = limits.contextBytes
    let reader = TarReader(source, limits: bounds)
    var tree = ContextTree(limits: limits)
    var pins: [ContextPin] = []
    while let entry = try reader.nextEntry() {
      let path = try ContextTree.path(of: entry.name)
      guard !path.isEmpty else { continue }
      switch entry.kind {
      case .directory: try tree.set(path, .directory, entry)
      case .symbolicLink: try tree.set(path, .symbolicLink(target: PathText.text(of: entry.linkName)), entry)
      case .hardLink: try tree.link(path, to: ContextTree.path(of: entry.linkName))
      case .file:
        let (digest, size, pin) = try store(reader, entry.sizeBytes)
        pins.append(pin)
        try tree.set(path, .file(sizeBytes: size, digest: digest), entry)
      case .characterDevice, .blockDevice, .fifo:
        throw PlatformError(
          .invalidArgument, "'\(TarEntry.printable(entry.name))' in the build context is a device or a pipe")
      }
    }
    try reader.drain()
    let entries = try tree.entries()
    let bytes = ContextList.encode(entries)
    let list = try ContextList(parsing: bytes, limits: limits)
    guard let pin = pin(list) else { throw Self.unknown(list.id) }
    withExtendedLifetime(pins) {}
    try keep(list, bytes: bytes)
    return BuildContext(list, contents: contents, pin: pin)
  }

  private func store(_ reader: TarReader, _ sizeBytes: Int64) throws -> (Digest, Int64, ContextPin) {
    let writer = try contents.writer(expectedSizeBytes: sizeBytes, limitBytes: sizeBytes)
    while true {
      let piece = try reader.readContent()
      if piece.isEmpty { break }
      try writer.append(piece)
    }
    // Held before it is there, so that no eviction comes in between.
    let pin = pin([writer.progress().digest])
    let (digest, size) = try writer.commit()
    hold(digest, sizeBytes: size)
    return (digest, size, pin)
  }
}

/// Gathers an archive's entries until they can be put in order.
private struct ContextTree {
  private let limits: ContextLimits
  private var nodes: [[UInt8]: ContextEntry] = [:]

  init(limits: ContextLimits) { self.limits = limits }

  /// The clean path of a name: `./a/` is `a`; empty for the root.
  /// - Throws: `invalidArgument` for one that leads upwards or is absolute.
  static func path(of name: [UInt8]) throws -> [UInt8] {
    let parts = name.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }
    guard name.first != UInt8(ascii: "/"), !parts.contains(where: { $0.elementsEqual("..".utf8) }) else {
      throw PlatformError(
        .invalidArgument, "the name '\(TarEntry.printable(name))' leads out of the build context")
    }
    return Array(parts.joined(separator: [UInt8(ascii: "/")]))
  }

  mutating func set(_ path: [UInt8], _ kind: ContextEntry.Kind, _ entry: TarEntry) throws {
    try ContextPath.check(path, limits: limits)
    let mode = if case .symbolicLink = kind { UInt32(0) } else { entry.mode }
    nodes[path] = ContextEntry(bytes: path, kind: kind, mode: mode, modified: entry.modified)
    guard nodes.count <= limits.entries else {
      throw PlatformError(.resourceExhausted, "the build context has more than \(limits.entries) entries")
    }
  }

  mutating func link(_ path: [UInt8], to target: [UInt8]) throws {
    try ContextPath.check(path, limits: limits)
    guard let node = nodes[target], node.kind != .directory else {
      throw PlatformError(
        .invalidArgument, "'\(TarEntry.printable(path))' in the build context is a link to something that is not there")
    }
    nodes[path] = ContextEntry(bytes: path, kind: node.kind, mode: node.mode, modified: node.modified)
  }

  /// In the order of a walk; directories that the archive left out are made.
  mutating func entries() throws -> [ContextEntry] {
    for path in Array(nodes.keys) {
      var above = ContextPath.parent(path)
      while !above.isEmpty {
        let parent = Array(above)
        guard let node = nodes[parent] else {
          nodes[parent] = ContextEntry(bytes: parent, kind: .directory, mode: 0o755, modified: FileTime(seconds: 0))
          above = ContextPath.parent(parent)
          continue
        }
        guard node.kind == .directory else {
          throw PlatformError(
            .invalidArgument,
            "'\(TarEntry.printable(path))' in the build context lies below a link or a file")
        }
        above = ContextPath.parent(parent)
      }
    }
    return nodes.values.sorted { ContextEntry.precedes($0.bytes, $1.bytes) }
  }
}
