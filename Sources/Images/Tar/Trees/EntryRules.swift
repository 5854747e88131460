import LinuxSystem
import Model

/// What an entry of an archive has to be before it may be written, whatever is there already.
struct EntryRules {
  private let options: TarExtractor.Options
  /// The directory that is written into, absolute below its root.
  let baseBytes: [UInt8]

  init(options: TarExtractor.Options, base: String) {
    self.options = options
    baseBytes = PathText.bytes(of: base)
  }

  /// Where an entry belongs; nil for the directory that is written into.
  func place(of entry: TarEntry) throws -> EntryPath? {
    guard let path = try path(entry.name) else {
      guard entry.kind == .directory else {
        throw PlatformError(.invalidArgument, "an entry of the archive stands for its root but is no directory")
      }
      return nil
    }
    return path
  }

  /// Everything that can be said of an entry by itself.
  func check(_ entry: TarEntry) throws {
    guard let path = try place(of: entry) else {
      if options.takesRoot { _ = try owner(entry) }
      return
    }
    switch entry.kind {
    case .file: try checkFile(entry)
    case .symbolicLink: _ = try linkTarget(entry)
    case .hardLink: _ = try hardLinkTarget(entry, at: path)
    case .characterDevice, .blockDevice: if !options.makesDevices { return }
    case .directory, .fifo: break
    }
    if entry.kind != .hardLink { _ = try owner(entry) }
  }

  func checkFile(_ entry: TarEntry) throws {
    guard entry.name.last != UInt8(ascii: "/") else {
      throw PlatformError(
        .invalidArgument, "the file '\(TarEntry.printable(entry.name))' in the archive is named like a directory")
    }
  }

  /// On the host; nil: it stays as it is made.
  func owner(_ entry: TarEntry) throws -> (uid: UInt32, gid: UInt32)? {
    guard options.setsOwners else { return nil }
    guard options.copyOwners else { return (options.ids.first, options.ids.first) }
    guard let uid = UInt32(exactly: entry.uid).flatMap({ options.ids.host($0) }),
      let gid = UInt32(exactly: entry.gid).flatMap({ options.ids.host($0) })
    else {
      throw PlatformError(
        .invalidArgument,
        "'\(TarEntry.printable(entry.name))' in the archive belongs to \(entry.uid):\(entry.gid), which the container does not have"
      )
    }
    return (uid, gid)
  }

  func linkTarget(_ entry: TarEntry) throws -> [UInt8] {
    guard !entry.linkName.isEmpty, entry.linkName.count <= options.limits.pathBytes, !entry.linkName.contains(0) else {
      throw PlatformError(
        .invalidArgument, "the link '\(TarEntry.printable(entry.name))' in the archive has no usable target")
    }
    return entry.linkName
  }

  func hardLinkTarget(_ entry: TarEntry, at path: EntryPath) throws -> EntryPath {
    guard let target = try self.path(try linkTarget(entry)), target.bytes != path.bytes else {
      throw PlatformError(
        .invalidArgument, "the hard link '\(TarEntry.printable(entry.name))' in the archive leads nowhere")
    }
    return target
  }

  static func tooMany(_ limits: LayerLimits) -> PlatformError {
    PlatformError(.resourceExhausted, "the archive has more than \(limits.entries) entries, which is the limit")
  }

  private func path(_ name: [UInt8]) throws -> EntryPath? {
    let own = try EntryPath(name, limits: options.limits)
    return own.isRoot ? nil : try EntryPath(baseBytes + [UInt8(ascii: "/")] + own.bytes, limits: options.limits)
  }
}
