import Glibc
import LinuxSystem

/// Where logs of containers lie, one file for each attempt, in the form of CRI.
enum LogFiles {
  /// For messages of containers that left none. Source: Kubernetes *Determine the Reason for Pod Failure*.
  private static let lastBytes = 2_048
  private static let lastLines = 80

  static func path(_ node: NodeSettings, _ pod: PodIdentity, _ container: String, _ attempt: Int64) -> String {
    "\(node.logFolder(of: pod))/\(container)/\(attempt).log"
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
