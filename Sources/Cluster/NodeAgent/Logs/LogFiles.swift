import Glibc
import KubeMachinery
import LinuxSystem

/// Where logs of containers lie, one file for each attempt, in the form of CRI.
enum LogFiles {
  /// For messages of containers that left none. Source: Kubernetes *Determine the Reason for Pod Failure*.
  private static let lastBytes = 2_048
  private static let lastLines = 80

  /// A log is moved away when it is longer, and so many bytes and files of an attempt are kept with it. Source: Kubernetes
  /// `KubeletConfiguration`, `containerLogMaxSize` and `containerLogMaxFiles`.
  static let maxBytes: Int64 = 10 << 20
  static let maxFiles = 5

  static func path(_ node: NodeSettings, _ pod: PodIdentity, _ container: String, _ attempt: Int64) -> String {
    "\(node.logFolder(of: pod))/\(container)/\(attempt).log"
  }

  /// What there is of an attempt's log, the oldest first: parts that were moved away, then the file that is written to.
  static func parts(_ path: String) -> [String] {
    let (folder, name) = (FileSystem.parent(of: path), FileSystem.lastComponent(of: path))
    let names = (try? FileSystem.list(folder)) ?? []
    // The moment in their names has a fixed number of digits.
    let moved = names.filter { $0.hasPrefix(name + ".") && !$0.hasSuffix(".tmp") }.sorted()
    return (moved + names.filter { $0 == name }).map { "\(folder)/\($0)" }
  }

  /// What was written after a part; nil where nothing was. Where the part itself has been removed meanwhile: the oldest that is left.
  static func successor(of part: Descriptor, _ path: String) throws -> Descriptor? {
    let status = try part.status()
    var oldest: Descriptor?
    var isPast = false
    for candidate in parts(path) {
      guard let file = try? Descriptor.open(candidate, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK) else { continue }
      if isPast { return file }
      isPast = try file.status().inode == status.inode
      oldest = oldest ?? file
    }
    // One that is there still has just been given another name.
    return isPast || status.linkCount > 0 ? nil : oldest
  }

  /// The part that is written to. Throws `SystemError` (ENOENT: there is no log).
  static func open(_ path: String) throws -> Descriptor {
    do { return try Descriptor.open(path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK) } catch let error as SystemError
      where error.errno == ENOENT
    {
      // It is being moved away.
      guard let last = parts(path).last else { throw error }
      return try Descriptor.open(last, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    }
  }

  /// All of an attempt's log.
  static func remove(_ path: String) {
    for part in parts(path) { try? FileSystem.removeFile(part) }
  }

  /// The end of a log; empty where there is none.
  static func lastWords(_ path: String) -> String {
    guard let file = try? Descriptor.open(path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
      let size = try? file.status().sizeBytes, size > 0
    else { return "" }
    // Lines carry a time-stamp and a stream's name each.
    let window = Int64(lastBytes * 4)
    lseek(file.raw, off_t(max(0, size - window)), SEEK_SET)
    guard let bytes = try? file.readAll(maxBytes: Int(window) * 2) else { return "" }
    var lines = bytes.split(separator: 10)
    if size > window, !lines.isEmpty { lines.removeFirst() }
    let texts = lines.suffix(lastLines).compactMap { LogLine($0)?.text }
    return String(decoding: texts.joined(separator: [10]).suffix(lastBytes), as: UTF8.self)
  }
}

/// A line of a log: `2026-11-28T22:11:49.123456789Z stdout F text`. Source: CRI, the container log format.
struct LogLine {
  let stamp: ArraySlice<UInt8>
  let isError: Bool
  /// False where the line goes on in the next one.
  let isWhole: Bool
  let text: ArraySlice<UInt8>

  /// Nil for what is no such line.
  init?(_ line: ArraySlice<UInt8>) {
    let parts = line.split(separator: 32, maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    stamp = parts[0]
    isError = parts[1].elementsEqual("stderr".utf8)
    guard isError || parts[1].elementsEqual("stdout".utf8) else { return nil }
    // Tags may follow the first one, behind colons.
    isWhole = parts[2].first != UInt8(ascii: "P")
    text = parts[3]
  }
}
