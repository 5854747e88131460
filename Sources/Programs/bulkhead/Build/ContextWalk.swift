import Dockerfile
import Glibc

/// Reads a folder as a build context: its list as the engine takes it, and where each content can be had.
///
/// The list's form is that of the engine's `ContextList`: records that end with a zero byte, in the order of a walk.
struct ContextWalk {
  private static let maximumEntries = 500_000
  private static let maximumDepth = 1_024

  private let root: Int32
  private let matcher: PatternMatcher
  private let now: UInt64
  private var cache: DigestCache
  private var entries = 0
  /// Directories that are excluded, but may hold something that is not: they are listed as soon as it is found.
  private var pending: [[UInt8]] = []
  private(set) var list = Array("bulkhead-context 1".utf8) + [0]
  /// A file that has the content, by the digest in hexadecimal digits.
  private(set) var sources: [String: [UInt8]] = [:]

  /// - Parameter directory: an open folder.
  init(_ directory: Int32, matcher: PatternMatcher, cache: DigestCache) {
    root = directory
    self.matcher = matcher
    self.cache = cache
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    now = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// A context without any file.
  static var empty: ContextWalk { ContextWalk(-1, matcher: PatternMatcher(), cache: DigestCache()) }

  /// SHA-256 of the list, with its algorithm.
  var id: String { "sha256:" + SHA256Text.hex(list) }

  mutating func read() throws(ClientError) {
    try walk(root, path: [], parent: nil, depth: 0)
    cache.save()
  }

  /// Opens a file that has a content.
  func open(_ digest: String) throws(ClientError) -> Int32 {
    guard let path = sources[digest] else {
      throw ClientError("the engine asks for a content that the build context does not have: \(digest)")
    }
    let file = Self.withName(path) { openat(root, $0, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
    guard file >= 0 else { throw Self.failure(path) }
    return file
  }

  private static func failure(_ path: [UInt8]) -> ClientError {
    let code = errno
    return ClientError(
      "cannot read '\(String(decoding: path, as: UTF8.self))' of the build context: \(describe(errno: code))")
  }

  private mutating func walk(
    _ directory: Int32, path: [UInt8], parent: PatternMatcher.Parent?, depth: Int
  ) throws(ClientError) {
    guard depth <= Self.maximumDepth else {
      throw ClientError("the build context is more than \(Self.maximumDepth) folders deep")
    }
    for name in try Self.names(in: directory, path) {
      let full = path.isEmpty ? name : path + [UInt8(ascii: "/")] + name
      var status = stat()
      let result = Self.withName(name) { fstatat(directory, $0, &status, AT_SYMLINK_NOFOLLOW) }
      if result != 0 {
        if errno == ENOENT { continue }
        throw Self.failure(full)
      }
      var known: PatternMatcher.Parent?
      var isExcluded = false
      if !matcher.isEmpty {
        let (excluded, state) = matcher.excludes(String(decoding: full, as: UTF8.self), below: parent)
        (isExcluded, known) = (excluded, state)
      }
      switch status.st_mode & S_IFMT {
      case S_IFDIR:
        if isExcluded && !matcher.hasExceptions { continue }
        try add(directory: name, in: directory, full, status, isExcluded: isExcluded, known, depth)
      case S_IFREG where !isExcluded: try add(file: name, in: directory, full, status)
      case S_IFLNK where !isExcluded: try add(link: name, in: directory, full, status)
      // Sockets, pipes and devices are no content.
      default: continue
      }
    }
  }

  private mutating func add(
    directory name: [UInt8], in above: Int32, _ path: [UInt8], _ status: stat, isExcluded: Bool,
    _ known: PatternMatcher.Parent?, _ depth: Int
  ) throws(ClientError) {
    let record = Array("d \(Self.mode(status)) \(Self.time(status)) ".utf8) + path + [0]
    let waiting = pending.count
    pending.append(record)
    if !isExcluded { try flush() }
    let child = Self.withName(name) { openat(above, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) }
    guard child >= 0 else { throw Self.failure(path) }
    defer { close(child) }
    try walk(child, path: path, parent: known, depth: depth + 1)
    if pending.count > waiting { pending.removeLast(pending.count - waiting) }
  }

  private mutating func add(file name: [UInt8], in directory: Int32, _ path: [UInt8], _ status: stat)
    throws(ClientError)
  {
    try flush()
    var size = Int(status.st_size)
    let digest = try cache.digest(of: path, status, now: now) { () throws(ClientError) in
      let file = Self.withName(name) { openat(directory, $0, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) }
      guard file >= 0 else { throw Self.failure(path) }
      defer { close(file) }
      let (digest, count) = try SHA256Text.digest(reading: file)
      size = count
      return digest
    }
    let hex = SHA256Text.hex(digest: digest)
    list += "f \(Self.mode(status)) \(Self.time(status)) \(size) ".utf8
    list += hex
    list.append(UInt8(ascii: " "))
    list += path
    list.append(0)
    sources[String(decoding: hex, as: UTF8.self)] = path
    try count()
  }

  private mutating func add(link name: [UInt8], in directory: Int32, _ path: [UInt8], _ status: stat)
    throws(ClientError)
  {
    try flush()
    var target = [CChar](repeating: 0, count: 4_096)
    let length = Self.withName(name) { readlinkat(directory, $0, &target, 4_096) }
    guard length > 0, length < 4_096 else { throw Self.failure(path) }
    list += "l \(Self.time(status)) ".utf8
    list += path
    list.append(0)
    list += target[..<length].map { UInt8(bitPattern: $0) }
    list.append(0)
    try count()
  }

  private mutating func flush() throws(ClientError) {
    for record in pending {
      list += record
      try count()
    }
    pending = []
  }

  private mutating func count() throws(ClientError) {
    entries += 1
    guard entries <= Self.maximumEntries else {
      throw ClientError(
        "the build context has more than \(Self.maximumEntries) entries: leave some out by .dockerignore")
    }
  }

  private static func mode(_ status: stat) -> String { String(status.st_mode & 0o7777, radix: 8) }

  private static func time(_ status: stat) -> String { "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)" }

  static func withName<Result>(_ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    var terminated = name.map { CChar(bitPattern: $0) }
    terminated.append(0)
    return terminated.withUnsafeBufferPointer { buffer in buffer.baseAddress.map(body) ?? body("") }
  }

  /// In the order of their bytes.
  private static func names(in directory: Int32, _ path: [UInt8]) throws(ClientError) -> [[UInt8]] {
    let copy = fcntl(directory, F_DUPFD_CLOEXEC, 0)
    guard copy >= 0, let stream = fdopendir(copy) else {
      if copy >= 0 { close(copy) }
      throw failure(path)
    }
    rewinddir(stream)
    defer { closedir(stream) }
    var names: [[UInt8]] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      if name == [0x2E] || name == [0x2E, 0x2E] { continue }
      guard names.count < maximumEntries else {
        throw ClientError("a folder of the build context has more than \(maximumEntries) entries")
      }
      names.append(name)
    }
    return names.sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// The order of a walk: a slash sorts before all else.
  static func precedes(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Bool {
    func rank(_ byte: UInt8) -> UInt16 { byte == UInt8(ascii: "/") ? 0 : UInt16(byte) + 1 }
    return left.lexicographicallyPrecedes(right) { rank($0) < rank($1) }
  }
}
