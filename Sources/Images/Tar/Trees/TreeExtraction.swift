import ContentStore
import Glibc
import LinuxSystem
import Model

/// Writes an archive's entries into a container's tree, which the container may change at the same time: after a file is
/// made, all further calls go to its descriptor, never again to its name.
package final class TreeExtraction {
  private let options: TarExtractor.Options
  private let base: String
  private let rules: EntryRules
  private let writer: TreeWriter
  private let counter: Counter
  /// Told how much of the archive has been read.
  private let check: (Int64) throws -> Void
  private var directoryTimes: [(path: EntryPath, modified: FileTime)] = []
  private var directoryNameBytes = 0
  private var rootModified: FileTime?

  /// Counts what is made, implied directories too.
  private final class Counter {
    private var entries = 0
    private let limits: LayerLimits
    init(_ limits: LayerLimits) { self.limits = limits }

    func add() throws {
      entries += 1
      guard entries <= limits.entries else { throw EntryRules.tooMany(limits) }
    }
  }

  /// - Parameter base: the directory to write into, absolute below `root` and clean.
  package init(
    root: RootedDirectory, base: String, options: TarExtractor.Options, check: @escaping (Int64) throws -> Void
  ) {
    self.options = options
    self.base = base
    self.check = check
    rules = EntryRules(options: options, base: base)
    let counter = Counter(options.limits)
    self.counter = counter
    let owner = options.setsOwners ? options.ids.first : nil
    writer = TreeWriter(root: root, replacesWhiteouts: false) { parent, name in
      try counter.add()
      try systemCall("mkdirat") { mkdirat(parent.raw, name, 0o700) }
      let directory = try TreeWriter.openDirectory(name, in: parent)
      if let owner { try systemCall("fchown") { fchown(directory.raw, owner, owner) } }
      try systemCall("fchmod") { fchmod(directory.raw, 0o755) }
    }
  }

  /// Writes one entry; takes its content from the reader.
  package func extract(_ entry: TarEntry, content reader: TarReader) throws {
    try counter.add()
    try check(reader.consumedBytes)
    guard let path = try rules.place(of: entry) else {
      // The directory that was named by the request stays as it is, unless asked otherwise.
      if options.takesRoot { try takeRoot(entry) }
      return
    }
    do {
      switch entry.kind {
      case .directory: try makeDirectory(entry, at: path)
      case .file: try makeFile(entry, at: path, content: reader)
      case .symbolicLink: try makeSymbolicLink(entry, at: path)
      case .hardLink: try makeHardLink(entry, at: path)
      case .fifo: try makeNode(entry, .fifo, at: path)
      case .characterDevice, .blockDevice:
        if options.makesDevices {
          try makeNode(entry, entry.kind == .blockDevice ? .blockDevice : .characterDevice, at: path)
        }
      }
    } catch let error as SystemError {
      throw TreeErrors.writing(entry, error)
    }
  }

  /// Sets the directories' times, which their entries have changed meanwhile.
  package func finish() throws {
    for (path, modified) in directoryTimes.reversed() {
      do {
        try writer.root.utimens(PathText.text(of: path.bytes), access: modified, modification: modified)
      } catch let error as SystemError where [ENOENT, ENOTDIR, ELOOP].contains(error.errno) {
        continue  // replaced by a later entry or by the container
      } catch let error as SystemError {
        throw platformError("set the time of '\(TarEntry.printable(path.bytes))'", error)
      }
    }
    if let rootModified {
      try translatingSystemErrors("set the time of the directory") {
        try writer.root.utimens(base, access: rootModified, modification: rootModified)
      }
    }
  }

  private func takeRoot(_ entry: TarEntry) throws {
    do {
      try setAttributes(entry, of: writer.root.open(base, flags: O_RDONLY | O_DIRECTORY))
    } catch let error as SystemError {
      throw TreeErrors.writing(entry, error)
    }
    rootModified = entry.modified
  }

  // MARK: - Kinds

  private func makeDirectory(_ entry: TarEntry, at path: EntryPath) throws {
    let parent = try writer.parent(of: path)
    let name = TreeWriter.terminated(path.name)
    if mkdirat(parent.raw, name, 0o700) != 0 {
      guard errno == EEXIST else { throw SystemError(errno: errno, operation: "mkdirat") }
      if try writer.existing(name, in: parent) != .directory {
        if options.keepKind { throw kindError("non-directory", path, "directory") }
        try writer.clear(name, in: parent)
        try systemCall("mkdirat") { mkdirat(parent.raw, name, 0o700) }
      }
    }
    let directory = try TreeWriter.openDirectory(name, in: parent)
    try setAttributes(entry, of: directory)
    writer.remember(path, directory)
    directoryNameBytes += path.bytes.count + 64
    guard directoryNameBytes <= options.limits.directoryNameBytes else {
      throw PlatformError(.resourceExhausted, "the names of the archive's directories are too long together")
    }
    directoryTimes.append((path, entry.modified))
  }

  private func makeFile(_ entry: TarEntry, at path: EntryPath, content reader: TarReader) throws {
    try rules.checkFile(entry)
    let (parent, name) = try place(path)
    let raw = try writer.creating("openat", name, in: parent) { directory, name in
      openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
    }
    let file = Descriptor(owning: raw)
    var content = FileContent(file, makesHoles: options.makesHoles)
    while true {
      let piece = try reader.readContent()
      if piece.isEmpty { break }
      try content.write(piece)
      try check(reader.consumedBytes)
    }
    try content.finish()
    try setAttributes(entry, of: file)
    try file.utimens(access: entry.modified, modification: entry.modified)
  }

  private func makeSymbolicLink(_ entry: TarEntry, at path: EntryPath) throws {
    let target = TreeWriter.terminated(try rules.linkTarget(entry))
    let (parent, name) = try place(path)
    _ = try writer.creating("symlinkat", name, in: parent) { directory, name in symlinkat(target, directory, name) }
    let link = try open(name, in: parent, expecting: .symbolicLink)
    if let (uid, gid) = try rules.owner(entry) { try link.chown(uid: uid, gid: gid) }
    try link.utimens(access: entry.modified, modification: entry.modified)
  }

  private func makeHardLink(_ entry: TarEntry, at path: EntryPath) throws {
    let target = try rules.hardLinkTarget(entry, at: path)
    let source = try writer.existingParent(of: target)
    let sourceName = TreeWriter.terminated(target.name)
    guard try writer.existing(sourceName, in: source) == .other else {
      throw SystemError(errno: ENOENT, operation: "linkat")
    }
    let (parent, name) = try place(path)
    _ = try writer.creating("linkat", name, in: parent) { directory, name in
      linkat(source.raw, sourceName, directory, name, 0)
    }
  }

  private func makeNode(_ entry: TarEntry, _ type: FileType, at path: EntryPath) throws {
    // What overlay would take for a deletion is no device.
    if type == .characterDevice && entry.device.encoded == 0 { return }
    let (parent, name) = try place(path)
    let device = type == .fifo ? 0 : entry.device.encoded
    _ = try writer.creating("mknodat", name, in: parent) { directory, name in
      mknodat(directory, name, mode_t(type.modeBits | 0o600), dev_t(device))
    }
    let node = try open(name, in: parent, expecting: type)
    if let (uid, gid) = try rules.owner(entry) { try node.chown(uid: uid, gid: gid) }
    try node.chmod(entry.mode)
    try node.utimens(access: entry.modified, modification: entry.modified)
  }

  // MARK: - Parts

  /// Where something that is no directory is to be made.
  private func place(_ path: EntryPath) throws -> (parent: Descriptor, name: [CChar]) {
    let parent = try writer.parent(of: path)
    let name = TreeWriter.terminated(path.name)
    if options.keepKind, try writer.existing(name, in: parent) == .directory {
      throw kindError("directory", path, "non-directory")
    }
    return (parent, name)
  }

  /// Docker's own words, which its client looks for.
  private func kindError(_ existing: String, _ path: EntryPath, _ new: String) -> PlatformError {
    PlatformError(
      .invalidArgument,
      "cannot overwrite \(existing) \"/\(TarEntry.printable(path.bytes))\" with \(new) \"\(TarEntry.printable(rules.baseBytes))\""
    )
  }

  /// A file just made; the container may have put something else in its place.
  private func open(_ name: [CChar], in parent: Descriptor, expecting type: FileType) throws -> Descriptor {
    let file = Descriptor(
      owning: try systemCall("openat") { openat(parent.raw, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) })
    guard try file.status().type == type else { throw SystemError(errno: ESTALE, operation: "openat") }
    return file
  }

  private func setAttributes(_ entry: TarEntry, of file: Descriptor) throws {
    // The owner first: changing it takes set-user-id bits and capabilities away.
    if let (uid, gid) = try rules.owner(entry) { try systemCall("fchown") { fchown(file.raw, uid, gid) } }
    try systemCall("fchmod") { fchmod(file.raw, mode_t(entry.mode & 0o7777)) }
    for (name, value) in entry.attributes {
      let name = PathText.text(of: name)
      if !options.setsOwners, name == OverlayAttributes.capability { continue }
      guard let value = OverlayAttributes.filtered(name: name, value: value) else { continue }
      let stored = name == OverlayAttributes.capability ? FileCapability.rooted(value, root: options.ids.first) : value
      do {
        try file.setxattr(name, stored)
      } catch let error as SystemError where error.errno == EOPNOTSUPP {
        continue  // as on tmpfs
      }
    }
  }
}
