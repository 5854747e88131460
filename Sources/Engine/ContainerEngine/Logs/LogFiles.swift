import Glibc
import LinuxSystem
import Model

/// A container's log on disk: `container.log` that conmon writes, and `container.log.1`, `.2`, … from newer to older.
struct LogFiles: Sendable {
  let path: String

  func rotated(_ number: Int) -> String { "\(path).\(number)" }

  /// Rotated files that exist, oldest first.
  func rotatedFiles(limit: Int = 1000) -> [String] {
    var files: [String] = []
    for number in 1...limit {
      guard FileSystem.exists(rotated(number)) else { break }
      files.append(rotated(number))
    }
    return files.reversed()
  }

  /// Every file there is, oldest first.
  var all: [String] { rotatedFiles() + (FileSystem.exists(path) ? [path] : []) }

  var currentSizeBytes: Int64 { Self.size(path) }

  var sizeBytes: Int64 { all.reduce(0) { $0 + Self.size($1) } }

  /// Moves every file one number on and drops those beyond `maxFiles`. conmon must then be told to open its file anew.
  func rotate(maxFiles: Int) throws {
    let existing = rotatedFiles().count
    if maxFiles <= 1 {
      try FileSystem.removeFile(path)
      return
    }
    for number in stride(from: existing, through: 1, by: -1) {
      if number + 1 >= maxFiles {
        try FileSystem.removeFile(rotated(number))
      } else {
        try FileSystem.rename(rotated(number), to: rotated(number + 1))
      }
    }
    try FileSystem.rename(path, to: rotated(1))
  }

  /// Removes rotated files that were last written before `time` (seconds since 1970).
  func removeOlder(than time: Int64) throws {
    for file in rotatedFiles() where Self.modified(file) < time { try FileSystem.removeFile(file) }
  }

  /// Removes everything.
  func removeAll() { for file in all { try? FileSystem.removeFile(file) } }

  static func size(_ path: String) -> Int64 {
    var status = stat()
    return stat(path, &status) == 0 ? Int64(status.st_size) : 0
  }

  private static func modified(_ path: String) -> Int64 {
    var status = stat()
    return stat(path, &status) == 0 ? Int64(status.st_mtim.tv_sec) : .max
  }
}
