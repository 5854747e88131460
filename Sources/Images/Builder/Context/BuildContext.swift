import ContentStore
import Dockerfile
import LinuxSystem
import Model

/// The files that a build may copy from. While it lives, what it refers to is not evicted.
///
/// There is no directory behind it: contents lie under their digests, so nothing that a client names is ever looked up in
/// the host's file system.
public final class BuildContext: Sendable {
  private static let maximumLinks = 40

  private let list: ContextList
  private let contents: ContentStore
  /// Gives the contents free when the last context that uses it is gone.
  private let pin: ContextPin?

  init(_ list: ContextList, contents: ContentStore, pin: ContextPin?) {
    self.list = list
    self.contents = contents
    self.pin = pin
  }

  /// SHA-256 of the list, which tells times too.
  public var id: Digest { list.id }
  /// In the order of a walk: a directory comes before what is in it.
  public var entries: [ContextEntry] { list.entries }
  public var totalBytes: Int64 { list.totalBytes }

  /// The entry at exactly this path; nil for the root and for what is not there. Links are not followed.
  public func entry(_ path: String) -> ContextEntry? {
    let bytes = PathText.bytes(of: path)
    let index = lowerBound(bytes)
    return index < list.entries.count && list.entries[index].bytes == bytes ? list.entries[index] : nil
  }

  /// Everything below a directory, in the order of a walk; all entries for the empty path.
  public func below(_ directory: String) -> ArraySlice<ContextEntry> {
    guard !directory.isEmpty else { return list.entries[...] }
    let prefix = PathText.bytes(of: directory) + [UInt8(ascii: "/")]
    let first = lowerBound(prefix)
    var last = first
    while last < list.entries.count, list.entries[last].bytes.starts(with: prefix) { last += 1 }
    return list.entries[first..<last]
  }

  /// Opens a file's content for reading.
  /// - Throws: `invalidArgument` for what is no file.
  public func open(_ entry: ContextEntry) throws -> Descriptor {
    guard case .file(_, let digest) = entry.kind else {
      throw PlatformError(.invalidArgument, "'\(entry.path.prefix(200))' in the build context is no file")
    }
    return try contents.open(digest)
  }

  /// A whole file, its digest checked.
  /// - Throws: `resourceExhausted` when it has more than `maxBytes`.
  public func read(_ entry: ContextEntry, maxBytes: Int) throws -> [UInt8] {
    guard case .file(let size, let digest) = entry.kind else {
      throw PlatformError(.invalidArgument, "'\(entry.path.prefix(200))' in the build context is no file")
    }
    guard size <= maxBytes else {
      throw PlatformError(
        .resourceExhausted, "'\(entry.path.prefix(200))' has \(size) bytes, at most \(maxBytes) are read")
    }
    return try contents.read(digest, maxBytes: maxBytes)
  }

  /// The path that remains when links are followed within the context, as if its root were `/`; empty for the root.
  /// - Parameter followLast: also a link at the end.
  /// - Throws: `notFound`, `invalidArgument` for links that lead in a circle or through a file.
  public func resolve(_ path: String, followLast: Bool = true) throws -> String {
    var waiting = Array(PathText.bytes(of: path).split(separator: UInt8(ascii: "/")).reversed())
    var resolved: [ArraySlice<UInt8>] = []
    var links = 0
    while let part = waiting.popLast() {
      if part.elementsEqual(".".utf8) { continue }
      if part.elementsEqual("..".utf8) {
        if !resolved.isEmpty { resolved.removeLast() }
        continue
      }
      resolved.append(part)
      let here = PathText.text(of: resolved.joined(separator: [UInt8(ascii: "/")]))
      guard let entry = entry(here) else {
        throw PlatformError(.notFound, "'\(path.prefix(200))' is not in the build context")
      }
      switch entry.kind {
      case .directory: continue
      case .file:
        guard waiting.isEmpty else {
          throw PlatformError(.invalidArgument, "'\(path.prefix(200))' in the build context leads through a file")
        }
      case .symbolicLink(let target):
        if waiting.isEmpty && !followLast { continue }
        links += 1
        guard links <= Self.maximumLinks else {
          throw PlatformError(.invalidArgument, "'\(path.prefix(200))' in the build context follows too many links")
        }
        let bytes = PathText.bytes(of: target)
        if bytes.first == UInt8(ascii: "/") { resolved = [] } else { resolved.removeLast() }
        waiting += bytes.split(separator: UInt8(ascii: "/")).reversed()
      }
    }
    return PathText.text(of: resolved.joined(separator: [UInt8(ascii: "/")]))
  }

  /// The context without what the patterns exclude. A directory that something kept lies in stays.
  public func filtered(_ matcher: PatternMatcher) -> BuildContext {
    guard !matcher.isEmpty else { return self }
    var kept = [Bool](repeating: false, count: list.entries.count)
    /// The directories above the current entry: where they stand and what is known of them.
    var parents: [(index: Int, known: PatternMatcher.Parent)] = []
    for (index, entry) in list.entries.enumerated() {
      let parent = ContextPath.parent(entry.bytes)
      while let last = parents.last, !list.entries[last.index].bytes.elementsEqual(parent) { parents.removeLast() }
      let (isExcluded, known) = matcher.excludes(entry.path, below: parents.last?.known)
      if !isExcluded {
        kept[index] = true
        for above in parents { kept[above.index] = true }
      }
      if entry.kind == .directory { parents.append((index, known)) }
    }
    let entries = zip(list.entries, kept).filter(\.1).map(\.0)
    return BuildContext(
      ContextList(id: ContentHasher.digest(of: ContextList.encode(entries)), entries: entries), contents: contents,
      pin: pin)
  }

  /// What lies below a directory, as a context of its own.
  func subcontext(_ directory: String) -> BuildContext {
    let skipped = PathText.bytes(of: directory).count + 1
    let entries = below(directory).map { entry in
      ContextEntry(
        bytes: Array(entry.bytes.dropFirst(skipped)), kind: entry.kind, mode: entry.mode, modified: entry.modified)
    }
    return BuildContext(
      ContextList(id: ContentHasher.digest(of: ContextList.encode(entries)), entries: entries), contents: contents,
      pin: pin)
  }

  /// Makes real files of the context, or of one directory in it, in an empty directory, for steps that mount it.
  public func materialise(_ directory: String = "", in root: RootedDirectory) throws {
    let prefix = directory.isEmpty ? 0 : PathText.bytes(of: directory).count + 1
    var directories: [(String, ContextEntry)] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
    defer { buffer.deallocate() }
    try translatingSystemErrors("lay out the build context") {
      for entry in below(directory) {
        let path = PathText.text(of: entry.bytes.dropFirst(prefix))
        switch entry.kind {
        case .directory:
          try root.makeDirectory(path, mode: 0o700)
          directories.append((path, entry))
        case .symbolicLink(let target):
          try root.symlink(target, at: path)
          try root.utimens(path, access: entry.modified, modification: entry.modified)
        case .file:
          let source = try open(entry)
          let file = try root.createFile(path, mode: entry.mode)
          while true {
            let count = try source.read(into: buffer)
            if count == 0 { break }
            try file.write(all: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
          }
          try root.utimens(path, access: entry.modified, modification: entry.modified)
        }
      }
      // Times and modes of directories last, deepest first, as what is made in them changes both.
      for (path, entry) in directories.reversed() {
        try root.chmod(path, mode: entry.mode)
        try root.utimens(path, access: entry.modified, modification: entry.modified)
      }
    }
  }

  private func lowerBound(_ bytes: [UInt8]) -> Int {
    var (low, high) = (0, list.entries.count)
    while low < high {
      let middle = (low + high) / 2
      if ContextEntry.precedes(list.entries[middle].bytes, bytes) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
