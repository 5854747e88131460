import ContentStore
import Dockerfile
import Glibc
import LinuxSystem
import Model

/// One entry of the layer that COPY or ADD makes.
struct CopyItem: Sendable {
  enum Content: Sendable {
    case directory
    case file(SourceNode)
    case inline([UInt8])
    case symbolicLink(String)
    /// An archive whose entries go below the item's path.
    case archive(SourceNode)
  }
  /// In the image, without a leading slash.
  var path: String
  var content: Content
  var mode: UInt32
  var uid: UInt32
  var gid: UInt32
  var modified: FileTime
}

/// Decides where what COPY and ADD take goes in the image.
struct CopyLayout {
  /// What the stage has so far; nil for `--link`, which does not look at it.
  let root: RootedDirectory?
  let source: any CopySource
  let excludes: PatternMatcher
  /// Of everything copied, where it was said.
  let owner: (uid: UInt32, gid: UInt32)?
  let mode: UInt32?
  /// Of directories that had to be made.
  let now: FileTime
  let maximumEntries: Int
  private(set) var items: [CopyItem] = []
  private var made: Set<String> = []

  init(
    root: RootedDirectory?, source: any CopySource, excludes: PatternMatcher, owner: (uid: UInt32, gid: UInt32)?,
    mode: UInt32?, now: FileTime, maximumEntries: Int
  ) {
    self.root = root
    self.source = source
    self.excludes = excludes
    self.owner = owner
    self.mode = mode
    self.now = now
    self.maximumEntries = maximumEntries
  }

  /// Where a destination really is: links in the image are followed within the image.
  func resolved(_ destination: String) throws -> String {
    guard let root else { return Self.clean(destination) }
    return try translatingSystemErrors("resolve '\(destination.prefix(200))' in the image") {
      try ImagePath.resolve(destination, in: root)
    }
  }

  static func clean(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return parts.joined(separator: "/")
  }

  /// Whether there is a directory at a resolved path.
  func isDirectory(_ path: String) throws -> Bool { try kind(path) == .directory }

  private func kind(_ path: String) throws -> FileType? {
    if path.isEmpty { return .directory }
    if made.contains(path) { return .directory }
    guard let root else { return nil }
    do {
      return try root.stat(path).type
    } catch let error as SystemError where error.errno == ENOENT || error.errno == ENOTDIR {
      return nil
    } catch let error as SystemError {
      throw platformError("look at '\(path.prefix(200))' in the image", error)
    }
  }

  // MARK: - Adding

  /// Makes the directories above a path that are not there.
  mutating func makeParents(of path: String) throws {
    try makeDirectory(FileSystem.parent(of: path), mode: 0o755)
  }

  mutating func makeDirectory(_ path: String, mode: UInt32, modified: FileTime? = nil) throws {
    let path = Self.clean(path)
    guard !path.isEmpty, !made.contains(path) else { return }
    switch try kind(path) {
    case .directory: return
    case nil: break
    default: throw PlatformError(.invalidArgument, "cannot copy to non-directory: /\(path.prefix(256))")
    }
    try makeParents(of: path)
    try append(
      CopyItem(
        path: path, content: .directory, mode: mode, uid: owner?.uid ?? 0, gid: owner?.gid ?? 0,
        modified: modified ?? now))
    made.insert(path)
  }

  mutating func add(inline bytes: [UInt8], at path: String) throws {
    try makeParents(of: path)
    try refuseDirectory(path)
    try append(
      CopyItem(
        path: path, content: .inline(bytes), mode: mode ?? 0o644, uid: owner?.uid ?? 0, gid: owner?.gid ?? 0,
        modified: now))
  }

  mutating func add(archive node: SourceNode, below path: String) throws {
    try makeDirectory(path, mode: 0o755)
    try append(
      CopyItem(
        path: path, content: .archive(node), mode: 0, uid: owner?.uid ?? 0, gid: owner?.gid ?? 0, modified: now))
  }

  mutating func add(file node: SourceNode, at path: String) throws {
    try makeParents(of: path)
    try refuseDirectory(path)
    try append(item(node, at: path))
  }

  /// A directory's content; the directory itself where it is not there.
  mutating func add(contentOf directory: SourceNode, at path: String) throws {
    if try kind(path) == nil {
      try makeParents(of: path)
      try append(item(directory, at: path))
      made.insert(path)
    } else if try kind(path) != .directory {
      throw PlatformError(.invalidArgument, "cannot copy to non-directory: /\(path.prefix(256))")
    }
    let skipped = directory.path.isEmpty ? 0 : directory.path.utf8.count + 1
    var known: [String: PatternMatcher.Parent] = [:]
    for node in try source.below(directory) {
      let relative = String(decoding: node.path.utf8.dropFirst(skipped), as: UTF8.self)
      if !excludes.isEmpty {
        let parent = FileSystem.parent(of: relative)
        let (isExcluded, state) = excludes.excludes(relative, below: known[parent])
        if node.kind == .directory { known[relative] = state }
        if isExcluded { continue }
      }
      let target = path.isEmpty ? relative : "\(path)/\(relative)"
      if node.kind == .directory {
        let existing = try kind(target)
        guard existing == nil || existing == .directory else {
          throw PlatformError(.invalidArgument, "cannot copy to non-directory: /\(target.prefix(256))")
        }
        if !excludes.isEmpty { try makeParents(of: target) }
        made.insert(target)
      } else {
        if !excludes.isEmpty { try makeParents(of: target) }
        if root != nil { try refuseDirectory(target) }
      }
      try append(item(node, at: target))
    }
  }

  private func refuseDirectory(_ path: String) throws {
    if try kind(path) == .directory {
      throw PlatformError(.invalidArgument, "cannot copy a file over the directory /\(path.prefix(256))")
    }
  }

  private func item(_ node: SourceNode, at path: String) -> CopyItem {
    let content: CopyItem.Content =
      switch node.kind {
      case .directory: .directory
      case .file: .file(node)
      case .symbolicLink(let target): .symbolicLink(target)
      }
    var mode = self.mode ?? node.mode
    if case .symbolicLink = node.kind { mode = 0o777 }
    return CopyItem(
      path: path, content: content, mode: mode, uid: owner?.uid ?? node.uid, gid: owner?.gid ?? node.gid,
      modified: node.modified)
  }

  private mutating func append(_ item: CopyItem) throws {
    guard !FileSystem.lastComponent(of: item.path).hasPrefix(".wh.") else {
      throw PlatformError(
        .invalidArgument, "'\(item.path.prefix(200))' cannot be copied: in a layer such a name means a deletion")
    }
    guard items.count < maximumEntries else {
      throw PlatformError(.resourceExhausted, "a step copies more than \(maximumEntries) files, the limit")
    }
    items.append(item)
  }
}

/// Follows links of an image within the image, also where the end of a path is not there yet.
enum ImagePath {
  private static let maximumLinks = 40

  /// The path without links, `.` and `..`, without a leading slash; empty for the root.
  static func resolve(_ path: String, in root: RootedDirectory) throws -> String {
    var waiting = Array(path.split(separator: "/").map(String.init).reversed())
    var resolved: [String] = []
    var links = 0
    var isMissing = false
    while let part = waiting.popLast() {
      if part == "." { continue }
      if part == ".." {
        _ = resolved.popLast()
        isMissing = false
        continue
      }
      let here = (resolved + [part]).joined(separator: "/")
      if !isMissing {
        do {
          let file = try root.openPath(here, followLink: false)
          if try file.status().type == .symbolicLink {
            links += 1
            guard links <= maximumLinks else { throw SystemError(errno: ELOOP, operation: "resolve", subject: path) }
            let target = try file.readLink()
            if target.hasPrefix("/") { resolved = [] }
            waiting += target.split(separator: "/").map(String.init).reversed()
            continue
          }
        } catch let error as SystemError where error.errno == ENOENT || error.errno == ENOTDIR {
          isMissing = true
        }
      }
      resolved.append(part)
    }
    return resolved.joined(separator: "/")
  }
}
