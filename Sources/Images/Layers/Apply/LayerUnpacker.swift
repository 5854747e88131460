import ContentStore
import Glibc
import LinuxSystem
import Model

/// Writes a layer's entries below a directory in the form that overlay wants: OCI's whiteout files become character
/// devices 0:0 and opaque marks (OCI image specification, layer.md, *Whiteouts*; overlayfs.rst).
final class LayerUnpacker {
  /// The largest id that a container's range can stand for.
  private static let maximumID = Int64(IDRange.standardCount) - 1
  private static let maximumNotes = 100
  private static let whiteoutPrefix = Array(".wh.".utf8)
  private static let opaqueMarker = Array(".wh..wh..opq".utf8)
  private static let metaPrefix = Array(".wh..wh.".utf8)

  private let limits: LayerLimits
  private let writer: TreeWriter
  private let counter: Counter
  private var directoryTimes: [(path: EntryPath, modified: FileTime)] = []
  private var directoryNameBytes = 0

  private(set) var notes: [String] = []
  /// Directories without an entry of their own, parents first.
  private(set) var impliedDirectories: [String] = []
  private(set) var fileBytes: Int64 = 0
  var entries: Int { counter.entries }

  /// Counts what is made, implied directories too.
  private final class Counter {
    var entries = 0
    let limit: Int
    init(limit: Int) { self.limit = limit }
    func add() throws {
      entries += 1
      guard entries <= limit else {
        throw PlatformError(.resourceExhausted, "the layer has more than \(limit) entries, which is the limit")
      }
    }
  }

  init(directory: RootedDirectory, limits: LayerLimits) {
    self.limits = limits
    let counter = Counter(limit: limits.entries)
    self.counter = counter
    writer = TreeWriter(root: directory, replacesWhiteouts: true) { parent, name in
      try counter.add()
      try systemCall("mkdirat") { mkdirat(parent.raw, name, 0o755) }
      try systemCall("fchmodat") { fchmodat(parent.raw, name, 0o755, 0) }
    }
    writer.onImplied = { [unowned self] path in
      try countName(path.count)
      impliedDirectories.append(PathText.text(of: path))
    }
  }

  /// Writes one entry; takes its content from the reader.
  func unpack(_ entry: TarEntry, content reader: TarReader) throws {
    try counter.add()
    let path = try EntryPath(entry.name, limits: limits)
    do {
      if path.isRoot { return try unpackRoot(entry) }
      if path.name.starts(with: Self.whiteoutPrefix) { return try unpackMarker(entry, at: path) }
      try checkIDs(entry)
      switch entry.kind {
      case .directory: try unpackDirectory(entry, at: path)
      case .file: try unpackFile(entry, at: path, content: reader)
      case .symbolicLink: try unpackSymbolicLink(entry, at: path)
      case .hardLink: try unpackHardLink(entry, at: path)
      case .fifo: try unpackFIFO(entry, at: path)
      case .characterDevice, .blockDevice:
        note("device '\(TarEntry.printable(entry.name))' was left out")
      }
    } catch let error as SystemError {
      throw Self.translate(error, entry)
    }
  }

  /// Sets the directories' times, which their entries have changed meanwhile.
  func finish() throws {
    for (path, modified) in directoryTimes.reversed() {
      do {
        try writer.root.utimens(PathText.text(of: path.bytes), access: modified, modification: modified)
      } catch let error as SystemError where [ENOENT, ENOTDIR, ELOOP].contains(error.errno) {
        continue  // replaced by a later entry
      } catch let error as SystemError {
        throw platformError("set the time of a directory of the layer", error)
      }
    }
  }

  // MARK: - Kinds

  private func unpackRoot(_ entry: TarEntry) throws {
    guard entry.kind == .directory else {
      throw PlatformError(.invalidArgument, "an entry of the layer stands for its root but is no directory")
    }
    try checkIDs(entry)
    let root = try writer.root.open(".", flags: O_RDONLY | O_DIRECTORY)
    try setAttributes(entry, of: root)
    try remember(time: entry.modified, of: try EntryPath([UInt8(ascii: ".")], limits: limits))
  }

  private func unpackDirectory(_ entry: TarEntry, at path: EntryPath) throws {
    let parent = try writer.parent(of: path)
    let name = TreeWriter.terminated(path.name)
    var hidesLower = false
    if mkdirat(parent.raw, name, 0o700) != 0 {
      guard errno == EEXIST else { throw SystemError(errno: errno, operation: "mkdirat") }
      let existing = try writer.existing(name, in: parent)
      if existing != .directory {
        // The same layer deleted what lower layers have here, and now puts its own in place.
        hidesLower = existing == .whiteout
        try writer.clear(name, in: parent)
        try systemCall("mkdirat") { mkdirat(parent.raw, name, 0o700) }
      }
    }
    let directory = try TreeWriter.openDirectory(name, in: parent)
    try setAttributes(entry, of: directory)
    if hidesLower { try directory.setxattr(OverlayAttributes.opaque, OverlayAttributes.yes) }
    writer.remember(path, directory)
    try remember(time: entry.modified, of: path)
  }

  private func unpackFile(_ entry: TarEntry, at path: EntryPath, content reader: TarReader) throws {
    guard entry.name.last != UInt8(ascii: "/") else {
      throw PlatformError(
        .invalidArgument, "the file '\(TarEntry.printable(entry.name))' in the archive is named like a directory")
    }
    let parent = try writer.parent(of: path)
    let raw = try writer.creating("openat", TreeWriter.terminated(path.name), in: parent) { directory, name in
      openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    }
    let file = Descriptor(owning: raw)
    while true {
      let piece = try reader.readContent()
      if piece.isEmpty { break }
      try file.write(all: piece)
    }
    fileBytes += entry.sizeBytes
    try setAttributes(entry, of: file)
    let times = [Self.timespec(entry.modified), Self.timespec(entry.modified)]
    try systemCall("futimens") { futimens(file.raw, times) }
  }

  private func unpackSymbolicLink(_ entry: TarEntry, at path: EntryPath) throws {
    let target = try linkTarget(entry)
    let parent = try writer.parent(of: path)
    let name = TreeWriter.terminated(path.name)
    let text = TreeWriter.terminated(target)
    _ = try writer.creating("symlinkat", name, in: parent) { directory, name in symlinkat(text, directory, name) }
    try setOwnerAndTime(entry, name, in: parent)
  }

  private func unpackHardLink(_ entry: TarEntry, at path: EntryPath) throws {
    let target = try EntryPath(try linkTarget(entry), limits: limits)
    guard !target.isRoot, target.bytes != path.bytes else {
      throw PlatformError(
        .invalidArgument, "the hard link '\(TarEntry.printable(entry.name))' in the archive leads nowhere")
    }
    let source = try writer.existingParent(of: target)
    let sourceName = TreeWriter.terminated(target.name)
    guard try writer.existing(sourceName, in: source) == .other else {
      throw SystemError(errno: ENOENT, operation: "linkat")
    }
    let parent = try writer.parent(of: path)
    _ = try writer.creating("linkat", TreeWriter.terminated(path.name), in: parent) { directory, name in
      linkat(source.raw, sourceName, directory, name, 0)
    }
  }

  private func unpackFIFO(_ entry: TarEntry, at path: EntryPath) throws {
    let parent = try writer.parent(of: path)
    let name = TreeWriter.terminated(path.name)
    _ = try writer.creating("mkfifoat", name, in: parent) { directory, name in
      mknodat(directory, name, S_IFIFO | 0o600, 0)
    }
    try setOwnerAndTime(entry, name, in: parent)
    let fifo = Descriptor(
      owning: try systemCall("openat") { openat(parent.raw, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) })
    try fifo.chmod(entry.mode)
  }

  /// A whiteout or an opaque mark.
  private func unpackMarker(_ entry: TarEntry, at path: EntryPath) throws {
    guard entry.kind == .file || entry.kind == .hardLink else {
      throw PlatformError(
        .invalidArgument, "the whiteout '\(TarEntry.printable(entry.name))' in the layer is no regular file")
    }
    if path.name.elementsEqual(Self.opaqueMarker) {
      let parent = try writer.parent(of: path)
      return try parent.setxattr(OverlayAttributes.opaque, OverlayAttributes.yes)
    }
    // AUFS kept its own books under such names; they mean nothing here.
    if path.name.starts(with: Self.metaPrefix) { return }
    let hidden = path.name.dropFirst(Self.whiteoutPrefix.count)
    guard !hidden.isEmpty, !hidden.elementsEqual([UInt8(ascii: ".")]), !hidden.elementsEqual("..".utf8) else {
      throw PlatformError(
        .invalidArgument, "the whiteout '\(TarEntry.printable(entry.name))' in the layer names no file of its directory"
      )
    }
    let parent = try writer.parent(of: path)
    let name = TreeWriter.terminated(hidden)
    if mknodat(parent.raw, name, S_IFCHR, 0) == 0 { return }
    guard errno == EEXIST else { throw SystemError(errno: errno, operation: "mknodat") }
    // What this very layer brings stays; it hides a lower file by being there, a directory by being opaque.
    if try writer.existing(name, in: parent) == .directory {
      let directory = try TreeWriter.openDirectory(name, in: parent)
      try directory.setxattr(OverlayAttributes.opaque, OverlayAttributes.yes)
    }
  }

  // MARK: - Attributes

  private func setAttributes(_ entry: TarEntry, of file: Descriptor) throws {
    // The owner first: changing it takes set-user-id bits and capabilities away.
    try systemCall("fchown") { fchown(file.raw, UInt32(entry.uid), UInt32(entry.gid)) }
    try systemCall("fchmod") { fchmod(file.raw, mode_t(entry.mode & 0o7777)) }
    for (name, value) in entry.attributes {
      let name = PathText.text(of: name)
      guard let value = OverlayAttributes.filtered(name: name, value: value) else {
        note("attribute '\(TarEntry.printable(name.utf8))' of '\(TarEntry.printable(entry.name))' was left out")
        continue
      }
      try file.setxattr(name, value)
    }
  }

  private func setOwnerAndTime(_ entry: TarEntry, _ name: [CChar], in parent: Descriptor) throws {
    try systemCall("fchownat") {
      fchownat(parent.raw, name, UInt32(entry.uid), UInt32(entry.gid), AT_SYMLINK_NOFOLLOW)
    }
    let times = [Self.timespec(entry.modified), Self.timespec(entry.modified)]
    try systemCall("utimensat") { utimensat(parent.raw, name, times, AT_SYMLINK_NOFOLLOW) }
  }

  private func remember(time: FileTime, of path: EntryPath) throws {
    try countName(path.bytes.count)
    directoryTimes.append((path, time))
  }

  private func countName(_ bytes: Int) throws {
    directoryNameBytes += bytes + 64
    guard directoryNameBytes <= limits.directoryNameBytes else {
      throw PlatformError(.resourceExhausted, "the names of the layer's directories are too long together")
    }
  }

  private func checkIDs(_ entry: TarEntry) throws {
    guard entry.uid <= Self.maximumID, entry.gid <= Self.maximumID else {
      throw PlatformError(
        .invalidArgument,
        "'\(TarEntry.printable(entry.name))' in the layer belongs to \(entry.uid):\(entry.gid); ids end at \(Self.maximumID)"
      )
    }
  }

  private func linkTarget(_ entry: TarEntry) throws -> [UInt8] {
    guard !entry.linkName.isEmpty, entry.linkName.count <= limits.pathBytes, !entry.linkName.contains(0) else {
      throw PlatformError(
        .invalidArgument, "the link '\(TarEntry.printable(entry.name))' in the archive has no usable target")
    }
    return entry.linkName
  }

  private func note(_ text: String) {
    if notes.count < Self.maximumNotes { notes.append(text) }
  }

  private static func timespec(_ time: FileTime) -> timespec {
    Glibc.timespec(tv_sec: Int(time.seconds), tv_nsec: Int(time.nanoseconds))
  }

  private static func translate(_ error: SystemError, _ entry: TarEntry) -> PlatformError {
    let name = TarEntry.printable(entry.name)
    switch error.errno {
    case ENOENT where entry.kind == .hardLink:
      let target = TarEntry.printable(entry.linkName)
      return PlatformError(
        .invalidArgument, "the hard link '\(name)' in the layer leads to '\(target)', which the layer does not have",
        cause: error)
    case ENOTDIR, EEXIST, ELOOP, ENAMETOOLONG, EXDEV, EINVAL, ENOENT:
      return PlatformError(
        .invalidArgument, "'\(name)' in the layer cannot be stored: \(SystemError.message(for: error.errno))",
        cause: error)
    default: return platformError("unpack '\(name)' of the layer", error)
    }
  }
}
