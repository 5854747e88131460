import ContentStore
import Glibc
import LinuxSystem
import Model

/// A file that COPY or ADD may take.
struct SourceNode: Sendable, Hashable {
  enum Kind: Sendable, Hashable {
    case directory
    case file(sizeBytes: Int64)
    case symbolicLink(target: String)
  }

  /// Below the source's root, without a leading slash; empty for the root itself.
  var path: String
  var kind: Kind
  var mode: UInt32
  var uid: UInt32 = 0
  var gid: UInt32 = 0
  var modified: FileTime

  var name: String { FileSystem.lastComponent(of: path) }
}

/// Where COPY and ADD take files from. Nothing outside of it is ever reached.
protocol CopySource: Sendable {
  /// What is at a path; links on the way are followed within the source. Nil where there is nothing.
  func find(_ path: String, followLast: Bool) throws -> SourceNode?
  /// The names in a directory, in byte order.
  func names(_ directory: SourceNode) throws -> [String]
  /// Everything below a directory in the order of a walk; links are not followed.
  func below(_ directory: SourceNode) throws -> [SourceNode]
  func open(_ file: SourceNode) throws -> Descriptor
  /// What a node adds to a step's key: its content, not its times. Nil: the source as a whole stands for it.
  func fingerprint(_ node: SourceNode) -> String?
}

/// The build's context.
struct ContextSource: CopySource {
  let context: BuildContext

  func find(_ path: String, followLast: Bool) throws -> SourceNode? {
    let resolved: String
    do {
      resolved = try context.resolve(path, followLast: followLast)
    } catch let error as PlatformError where error.code == .notFound {
      return nil
    }
    if resolved.isEmpty { return SourceNode(path: "", kind: .directory, mode: 0o755, modified: FileTime(seconds: 0)) }
    return context.entry(resolved).map(Self.node)
  }

  func names(_ directory: SourceNode) throws -> [String] {
    let skipped = directory.path.isEmpty ? 0 : directory.path.utf8.count + 1
    return context.below(directory.path).compactMap { entry in
      let rest = entry.path.utf8.dropFirst(skipped)
      return rest.contains(UInt8(ascii: "/")) ? nil : String(decoding: rest, as: UTF8.self)
    }
  }

  func below(_ directory: SourceNode) throws -> [SourceNode] { context.below(directory.path).map(Self.node) }

  func open(_ file: SourceNode) throws -> Descriptor {
    guard let entry = context.entry(file.path) else {
      throw PlatformError(.notFound, "'\(file.path.prefix(200))' is not in the build context")
    }
    return try context.open(entry)
  }

  func fingerprint(_ node: SourceNode) -> String? {
    if node.path.isEmpty { return "root" }
    guard let entry = context.entry(node.path) else { return "gone" }
    switch entry.kind {
    case .directory: return "d\(String(entry.mode, radix: 8))"
    case .file(_, let digest): return "f\(String(entry.mode, radix: 8)):\(digest.hex)"
    case .symbolicLink(let target): return "l\(target)"
    }
  }

  private static func node(_ entry: ContextEntry) -> SourceNode {
    let kind: SourceNode.Kind =
      switch entry.kind {
      case .directory: .directory
      case .file(let size, _): .file(sizeBytes: size)
      case .symbolicLink(let target): .symbolicLink(target: target)
      }
    return SourceNode(path: entry.path, kind: kind, mode: entry.mode, modified: entry.modified)
  }
}

/// The file system of a stage or an image.
struct RootSource: CopySource {
  let root: RootedDirectory

  func find(_ path: String, followLast: Bool) throws -> SourceNode? {
    do {
      let file = try root.openPath(path, followLink: followLast)
      return try Self.node(path, file, try file.status())
    } catch let error as SystemError where error.errno == ENOENT || error.errno == ENOTDIR {
      return nil
    } catch let error as SystemError {
      throw platformError("look at '\(path.prefix(200))'", error)
    }
  }

  func names(_ directory: SourceNode) throws -> [String] {
    try translatingSystemErrors("list '\(directory.path.prefix(200))'") { try root.list(directory.path) }
  }

  func below(_ directory: SourceNode) throws -> [SourceNode] {
    try translatingSystemErrors("read '\(directory.path.prefix(200))'") {
      let start = try root.directory(directory.path)
      let prefix = directory.path.isEmpty ? "" : directory.path + "/"
      var nodes: [SourceNode] = []
      try start.walk { entry in
        if entry.path.isEmpty { return .enter }
        let file = try entry.open(flags: O_PATH | O_NOFOLLOW)
        if let node = try Self.node(prefix + entry.path, file, entry.status) { nodes.append(node) }
        return .enter
      }
      return nodes
    }
  }

  func open(_ file: SourceNode) throws -> Descriptor {
    try translatingSystemErrors("read '\(file.path.prefix(200))'") {
      try root.open(file.path, flags: O_RDONLY | O_NONBLOCK)
    }
  }

  func fingerprint(_ node: SourceNode) -> String? { nil }

  /// Nil for what is not copied: devices, pipes and sockets.
  private static func node(_ path: String, _ file: Descriptor, _ status: FileStatus) throws -> SourceNode? {
    let kind: SourceNode.Kind
    switch status.type {
    case .directory: kind = .directory
    case .regular: kind = .file(sizeBytes: status.sizeBytes)
    case .symbolicLink: kind = .symbolicLink(target: try file.readLink())
    case .blockDevice, .characterDevice, .fifo, .socket: return nil
    }
    return SourceNode(
      path: String(path.drop { $0 == "/" }), kind: kind, mode: status.mode, uid: status.uid, gid: status.gid,
      modified: status.modificationTime)
  }
}
