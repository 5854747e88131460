import ContentStore
import LinuxSystem
import Model

/// What a context consists of, as bytes that name it by their SHA-256.
///
/// Records end with a zero byte, as no path can hold one: `bulkhead-context 1`, then in the order of a walk
/// `d MODE SECONDS.NANOSECONDS PATH`, `f MODE SECONDS.NANOSECONDS SIZE SHA256 PATH`, `l SECONDS.NANOSECONDS PATH` followed
/// by the target as a record of its own. Modes are octal. Every directory above an entry stands in the list.
public struct ContextList: Sendable, Hashable {
  static let header = "bulkhead-context 1"

  public let id: Digest
  public let entries: [ContextEntry]
  /// Bytes of all files together; the same content counts each time.
  public let totalBytes: Int64

  /// - Parameter entries: in the order of a walk.
  init(id: Digest, entries: [ContextEntry]) {
    self.id = id
    self.entries = entries
    totalBytes = entries.reduce(0) { sum, entry in
      guard case .file(let size, _) = entry.kind else { return sum }
      return sum.addingReportingOverflow(size).partialValue
    }
  }

  /// Reads a client's list.
  /// - Throws: `invalidArgument` naming the entry that is wrong, `resourceExhausted` beyond the limits.
  public init(parsing bytes: [UInt8], limits: ContextLimits = ContextLimits()) throws {
    guard bytes.count <= limits.listBytes else {
      throw PlatformError(.resourceExhausted, "the list of the build context has more than \(limits.listBytes) bytes")
    }
    var reader = ContextListReader(bytes, limits: limits)
    self.init(id: ContentHasher.digest(of: bytes), entries: try reader.read())
  }

  /// - Parameter entries: in the order of a walk.
  static func encode(_ entries: [ContextEntry]) -> [UInt8] {
    var bytes = Array(header.utf8) + [0]
    for entry in entries {
      let time = "\(entry.modified.seconds).\(entry.modified.nanoseconds)"
      switch entry.kind {
      case .directory: bytes += "d \(String(entry.mode, radix: 8)) \(time) ".utf8
      case .file(let size, let digest):
        bytes += "f \(String(entry.mode, radix: 8)) \(time) \(size) \(digest.hex) ".utf8
      case .symbolicLink: bytes += "l \(time) ".utf8
      }
      bytes += entry.bytes
      bytes.append(0)
      if case .symbolicLink(let target) = entry.kind { bytes += PathText.bytes(of: target) + [0] }
    }
    return bytes
  }
}

/// Reads a list and checks that it is a tree.
private struct ContextListReader {
  private let bytes: [UInt8]
  private let limits: ContextLimits
  private var index = 0
  private var entries: [ContextEntry] = []
  /// Directories that the next entry may lie in: lengths of their paths within the last entry's.
  private var open: [[UInt8]] = []
  private var totalBytes: Int64 = 0

  init(_ bytes: [UInt8], limits: ContextLimits) {
    self.bytes = bytes
    self.limits = limits
  }

  mutating func read() throws -> [ContextEntry] {
    guard let header = record(), header.elementsEqual(ContextList.header.utf8) else {
      throw malformed("expected '\(ContextList.header)' at its beginning")
    }
    while let record = record() {
      guard entries.count < limits.entries else {
        throw PlatformError(.resourceExhausted, "the build context has more than \(limits.entries) entries")
      }
      try add(try entry(record))
    }
    guard index == bytes.count else { throw malformed("its last record does not end") }
    return entries
  }

  private mutating func record() -> ArraySlice<UInt8>? {
    guard let end = bytes[index...].firstIndex(of: 0) else { return nil }
    defer { index = end + 1 }
    return bytes[index..<end]
  }

  private func malformed(_ why: String) -> PlatformError {
    PlatformError(.invalidArgument, "the list of the build context is malformed at entry \(entries.count + 1): \(why)")
  }

  private mutating func entry(_ record: ArraySlice<UInt8>) throws -> ContextEntry {
    var rest = record
    func field(_ name: String) throws -> ArraySlice<UInt8> {
      guard let end = rest.firstIndex(of: UInt8(ascii: " ")) else { throw malformed("expected a \(name)") }
      defer { rest = rest[(end + 1)...] }
      return rest[..<end]
    }
    func text(_ name: String) throws -> String { String(decoding: try field(name), as: UTF8.self) }
    func mode() throws -> UInt32 {
      guard let mode = UInt32(try text("mode"), radix: 8), mode <= 0o7777 else { throw malformed("expected a mode") }
      return mode
    }
    func time() throws -> FileTime {
      let parts = try text("time").split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count == 2, let seconds = Int64(parts[0]), let nanoseconds = UInt32(parts[1]),
        nanoseconds < 1_000_000_000
      else { throw malformed("expected a time") }
      return FileTime(seconds: seconds, nanoseconds: nanoseconds)
    }
    switch try text("kind") {
    case "d":
      let (mode, time) = (try mode(), try time())
      return ContextEntry(bytes: Array(rest), kind: .directory, mode: mode, modified: time)
    case "f":
      let (mode, time) = (try mode(), try time())
      guard let size = Int64(try text("size")), size >= 0, size <= limits.contextBytes - totalBytes else {
        throw PlatformError(
          .resourceExhausted, "the files of the build context have more than \(limits.contextBytes) bytes")
      }
      totalBytes += size
      let digest = try Digest(hex: try text("digest"))
      return ContextEntry(
        bytes: Array(rest), kind: .file(sizeBytes: size, digest: digest), mode: mode, modified: time)
    case "l":
      let time = try time()
      guard let target = self.record(), !target.isEmpty, target.count <= limits.pathBytes else {
        throw malformed("expected a link's target")
      }
      return ContextEntry(
        bytes: Array(rest), kind: .symbolicLink(target: PathText.text(of: target)), mode: 0, modified: time)
    default: throw malformed("expected d, f or l")
    }
  }

  private mutating func add(_ entry: ContextEntry) throws {
    try ContextPath.check(entry.bytes, limits: limits)
    if let last = entries.last, !ContextEntry.precedes(last.bytes, entry.bytes) {
      throw malformed("'\(entry.path.prefix(200))' is listed twice or stands behind its place")
    }
    let parent = ContextPath.parent(entry.bytes)
    while let directory = open.last, !directory.elementsEqual(parent) { open.removeLast() }
    guard parent.isEmpty || !open.isEmpty else {
      throw malformed("'\(entry.path.prefix(200))' lies in no directory that is listed before it")
    }
    if entry.kind == .directory { open.append(entry.bytes) }
    entries.append(entry)
  }
}

/// Paths of a context as bytes.
enum ContextPath {
  /// - Throws: `invalidArgument` for what is not relative and clean, `resourceExhausted` for what is too long or deep.
  static func check(_ path: [UInt8], limits: ContextLimits) throws {
    func refuse(_ why: String) -> PlatformError {
      PlatformError(
        .invalidArgument, "the path '\(String(PathText.text(of: path).prefix(200)))' in the build context \(why)")
    }
    guard path.count <= limits.pathBytes else {
      throw PlatformError(.resourceExhausted, "a path in the build context has more than \(limits.pathBytes) bytes")
    }
    let parts = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count <= limits.depth else {
      throw PlatformError(.resourceExhausted, "a path in the build context is more than \(limits.depth) levels deep")
    }
    for part in parts {
      if part.isEmpty { throw refuse("is empty, absolute or has an empty part") }
      if part.elementsEqual(".".utf8) || part.elementsEqual("..".utf8) {
        throw refuse("leads elsewhere by '.' or '..'")
      }
      if part.count > 255 { throw refuse("has a part of more than 255 bytes") }
      if part.contains(0) { throw refuse("has a zero byte") }
    }
  }

  static func parent(_ path: [UInt8]) -> ArraySlice<UInt8> {
    guard let slash = path.lastIndex(of: UInt8(ascii: "/")) else { return [] }
    return path[..<slash]
  }
}
