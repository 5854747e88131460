/// Why a file could not be had.
public enum ComposeReadFailure: Error, Sendable, Hashable {
  case notFound
  /// The path, or a symbolic link on it, leads out of the folder that was named.
  case escapes
  case tooLarge
  /// A folder, a device, a pipe; or the host's reason.
  case unreadable(String)
}

/// How the loader comes to files: this room opens none by itself.
///
/// The contract:
/// - `path` is absolute and without `.` and `..`, or `-` for standard input (only for a file that the user named so).
/// - With a `root` the file has to lie beneath it **after symbolic links are followed**: links within the root are
///   followed, one that leads out is `escapes` (`openat2` with `RESOLVE_BENEATH`, or what is as good: no window between
///   check and opening). Without a root the user named the file.
/// - No more than `maximumBytes` are read; a longer file is `tooLarge`. Only regular files (and standard input) are read, so
///   that a pipe or device cannot hold the client up.
public protocol ComposeReader {
  func read(_ path: String, beneath root: String?, maximumBytes: Int) throws(ComposeReadFailure) -> [UInt8]
}
