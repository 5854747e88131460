import Glibc
import KubeMachinery
import LinuxSystem

/// Keeps logs of running containers within bounds. Blocks.
struct LogRotation {
  let runtime: any PodRuntime
  var maxBytes = LogFiles.maxBytes
  var maxFiles = LogFiles.maxFiles

  /// Moves a log away that has grown too long, has the runtime write to a new one, and removes the oldest parts. Throws `SystemError`,
  /// and what the runtime's calls throw; the log is where it was then.
  /// - Parameter id: of the container that writes to it.
  func keep(_ path: String, of id: String, at now: Timestamp) async throws {
    guard let size = size(path), size > maxBytes else { return }
    let moved = "\(path).\(Self.stamp(now))"
    try FileSystem.rename(path, to: moved)
    do { try await runtime.reopenLog(id) } catch {
      // The container has ended, maybe: its log stays what it is.
      if !FileSystem.exists(path) { try FileSystem.rename(moved, to: path) }
      throw error
    }
    prune(path)
  }

  /// Oldest first; the last part that was moved away stays, as somebody may be reading it.
  private func prune(_ path: String) {
    var parts = LogFiles.parts(path).filter { $0 != path }
    var sizes = parts.map { size($0) ?? 0 }
    while parts.count > 1, parts.count >= maxFiles || sizes.reduce(0, +) > maxBytes * Int64(maxFiles) {
      try? FileSystem.removeFile(parts.removeFirst())
      sizes.removeFirst()
    }
  }

  private func size(_ path: String) -> Int64? {
    guard let file = try? Descriptor.open(path, flags: O_PATH | O_NOFOLLOW) else { return nil }
    return try? file.status().sizeBytes
  }

  /// Sorts as time goes by.
  private static func stamp(_ moment: Timestamp) -> String {
    func padded(_ number: Int64, _ digits: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
    return "\(padded(moment.seconds, 11))\(padded(Int64(moment.nanoseconds), 9))"
  }
}
