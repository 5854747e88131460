import ContentStore
import Dockerfile
import Glibc
import LinuxSystem
import Model

/// What ADD takes: files of the context, and such as were fetched from addresses for this step.
struct AddSource: CopySource {
  struct Fetched: Sendable {
    var node: SourceNode
    var digest: Digest
    /// On disk, in a folder that goes with the step.
    var file: String
  }

  let context: ContextSource
  /// By the addresses as the instruction has them.
  let fetched: [String: Fetched]
  /// Repositories, likewise.
  let trees: [String: GitTree]

  /// What an address stands for; nil for a path of the context.
  func match(_ word: Word) -> MatchedSource? {
    if let tree = trees[word.text] {
      return MatchedSource(node: tree.outer(tree.root), path: tree.prefix, pivot: nil, isRemote: true)
    }
    return fetched[word.text].map { MatchedSource(node: $0.node, path: $0.node.name, pivot: nil, isRemote: true) }
  }

  func find(_ path: String, followLast: Bool) throws -> SourceNode? {
    try context.find(path, followLast: followLast)
  }

  func names(_ directory: SourceNode) throws -> [String] {
    if let (tree, node) = tree(directory) { return try tree.files.names(node) }
    return try context.names(directory)
  }

  func below(_ directory: SourceNode) throws -> [SourceNode] {
    if let (tree, node) = tree(directory) { return try tree.below(node) }
    return try context.below(directory)
  }

  func open(_ file: SourceNode) throws -> Descriptor {
    if let (tree, node) = tree(file) { return try tree.files.open(node) }
    guard let remote = known(file) else { return try context.open(file) }
    return try translatingSystemErrors("read what was fetched") {
      try Descriptor.open(remote.file, flags: O_RDONLY | O_NOFOLLOW)
    }
  }

  func fingerprint(_ node: SourceNode) -> String? {
    // A commit's id stands for its files.
    if let (tree, inner) = tree(node) { return inner.path == tree.root.path ? tree.fingerprint : nil }
    return known(node).map { "u\($0.digest.hex):\($0.node.modified.seconds)" } ?? context.fingerprint(node)
  }

  private func tree(_ node: SourceNode) -> (GitTree, SourceNode)? {
    trees.isEmpty ? nil : trees.values.lazy.compactMap { tree in tree.inner(node).map { (tree, $0) } }.first
  }

  private func known(_ node: SourceNode) -> Fetched? { fetched.values.first { $0.node.path == node.path } }
}

/// Addresses as ADD takes them.
enum RemoteFiles {
  private static let maximumNameBytes = 255

  static func isFile(_ text: String) -> Bool {
    let lower = text.lowercased()
    return lower.hasPrefix("http://") || lower.hasPrefix("https://")
  }

  /// Repositories: `git@HOST:PATH`, `git://`, `ssh://`, and addresses whose path ends with `.git`.
  static func isRepository(_ text: String) -> Bool {
    let lower = text.lowercased()
    if lower.hasPrefix("git@") || lower.hasPrefix("git://") || lower.hasPrefix("ssh://") { return true }
    return isFile(text) && lower.prefix { $0 != "#" && $0 != "?" }.hasSuffix(".git")
  }

  /// The name that a file gets in a directory: the last part of the address's path. Nil where there is none.
  static func name(_ address: String) -> String? {
    let path = address.drop { $0 != ":" }.dropFirst(3).drop { $0 != "/" }.prefix { $0 != "?" && $0 != "#" }
    guard let part = decoded(path).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).last,
      (1...maximumNameBytes).contains(part.count), part.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }),
      let name = String(validating: part, as: UTF8.self), name != ".", name != ".."
    else { return nil }
    return name
  }

  /// Percent-decoding (RFC 3986, section 2.1); what is malformed stays as it is.
  private static func decoded(_ text: Substring) -> [UInt8] {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
        let value = UInt8(String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
      {
        result.append(value)
        index += 3
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return result
  }

  /// A file's time by `Last-Modified` (RFC 9110, section 5.6.7: IMF-fixdate); 1970 where there is none that can be read.
  static func modified(_ text: String?) -> FileTime {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let words = (text ?? "").utf8.count < 64 ? (text ?? "").split(separator: " ") : []
    guard words.count == 6, words[5] == "GMT", let day = Int32(words[1]), (1...31).contains(day),
      let month = months.firstIndex(of: String(words[2])), let year = Int32(words[3]), (1970...9_999).contains(year)
    else { return FileTime(seconds: 0) }
    let clock = words[4].split(separator: ":").compactMap { Int32($0) }
    guard clock.count == 3, zip(clock, [23, 59, 60]).allSatisfy({ (0...$1).contains($0) }) else {
      return FileTime(seconds: 0)
    }
    var parts = tm()
    (parts.tm_year, parts.tm_mon, parts.tm_mday) = (year - 1900, Int32(month), day)
    (parts.tm_hour, parts.tm_min, parts.tm_sec) = (clock[0], clock[1], clock[2])
    return FileTime(seconds: Int64(timegm(&parts)))
  }

  /// Checks what `--checksum` says: `sha256:` and 64 digits.
  static func digest(_ word: Word) throws -> Digest {
    guard let digest = try? Digest(parsing: word.text) else {
      throw PlatformError.syntax(
        word.position, "invalid checksum '\(word.text.prefix(100))', expected sha256: and 64 hexadecimal digits")
    }
    return digest
  }
}

extension StageBuilder {
  private static let pieceBytes = 256 << 10

  /// What `--checksum` and the addresses of an ADD say against each other.
  func checkRemote(_ copy: CopyInstruction) throws {
    let repositories = copy.sources.filter { RemoteFiles.isRepository($0.text) }
    for source in repositories {
      do {
        _ = try GitAddress(parsing: source.text)
      } catch let error as PlatformError {
        throw PlatformError(error.code, "\(source.position): \(error.message)", cause: error)
      }
    }
    for source in copy.sources where source.text.contains("://") && !RemoteFiles.isFile(source.text) {
      throw PlatformError.syntax(source.position, "'\(source.text.prefix(64))': expected http:// or https://")
    }
    guard let checksum = copy.checksum else { return }
    guard copy.sources.count == 1, copy.heredocs.isEmpty else {
      throw PlatformError.syntax(checksum.position, "checksum can't be specified for multiple sources")
    }
    if !repositories.isEmpty { return }
    guard RemoteFiles.isFile(copy.sources[0].text) else {
      throw PlatformError.syntax(checksum.position, "checksum can't be specified for non-HTTP(S) sources")
    }
    _ = try RemoteFiles.digest(checksum)
  }

  /// Fetches the addresses of an ADD; nil where it has none.
  func fetched(_ copy: CopyInstruction, in held: HeldMounts) async throws -> AddSource? {
    let words = copy.sources.filter { RemoteFiles.isFile($0.text) && !RemoteFiles.isRepository($0.text) }
    let trees = try await trees(copy, in: held)
    guard !words.isEmpty || !trees.isEmpty else { return nil }
    let folder = try held.temporaryFolder()
    var files: [String: AddSource.Fetched] = [:]
    for (index, word) in words.enumerated() where files[word.text] == nil {
      guard let name = RemoteFiles.name(word.text) ?? (copy.destination.text.hasSuffix("/") ? nil : "file") else {
        throw PlatformError.syntax(word.position, "cannot determine a file name from the address, name the file")
      }
      let path = "\(folder)/\(index)"
      let file = try translatingSystemErrors("make a file for what is fetched") {
        try Descriptor.open(path, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
      }
      let time: String?
      do {
        time = try await session.runner.fetch(word.text, to: file, limitBytes: session.limits.fetchedBytes)
      } catch let error as PlatformError {
        throw PlatformError(error.code, "\(word.position): \(error.message)", cause: error)
      }
      let (digest, size) = try translatingSystemErrors("read what was fetched") {
        try Self.digest(try Descriptor.open(path, flags: O_RDONLY | O_NOFOLLOW))
      }
      if let checksum = copy.checksum, try RemoteFiles.digest(checksum) != digest {
        throw PlatformError.syntax(
          checksum.position, "digest mismatch: the file has \(digest), expected \(checksum.text.prefix(100))")
      }
      // No path of a context has a zero byte.
      let node = SourceNode(
        path: "\0\(index)/\(name)", kind: .file(sizeBytes: size), mode: 0o600, modified: RemoteFiles.modified(time))
      files[word.text] = AddSource.Fetched(node: node, digest: digest, file: path)
    }
    return AddSource(context: ContextSource(context: session.context), fetched: files, trees: trees)
  }

  private static func digest(_ file: Descriptor) throws -> (Digest, sizeBytes: Int64) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: pieceBytes, alignment: 16)
    defer { buffer.deallocate() }
    var hasher = ContentHasher()
    var size: Int64 = 0
    while true {
      let count = try file.read(into: buffer)
      if count == 0 { return (hasher.digest(), size) }
      hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      size += Int64(count)
    }
  }
}
