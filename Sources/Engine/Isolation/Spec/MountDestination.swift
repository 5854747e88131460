import Model

/// Rules for where in a container something may be mounted.
public enum MountDestination {
  /// Longest path taken; PATH_MAX of linux/limits.h.
  static let maximumBytes = 4095

  /// The clean form (`/a/b`) of an absolute path. Throws `invalidArgument` for a relative one, for `/`, for `..` parts
  /// that leave the root, and for places in /proc by which a container could be made to look confined when it is not.
  public static func checked(_ path: String) throws -> String {
    guard path.utf8.count <= maximumBytes, !path.utf8.contains(0) else {
      throw PlatformError(.invalidArgument, "invalid mount path: longer than \(maximumBytes) bytes or with a zero byte")
    }
    guard path.hasPrefix("/") else {
      throw PlatformError(.invalidArgument, "invalid mount path: '\(path)' mount path must be absolute")
    }
    let clean = cleaned(path)
    guard clean != "/" else {
      throw PlatformError(.invalidArgument, "invalid mount path: destination can't be '/'")
    }
    if clean == "/proc" || clean.hasPrefix("/proc/") && !KernelPaths.replaceable.contains(clean) {
      throw PlatformError(
        .invalidArgument, "invalid mount path: '\(clean)' lies in /proc, where nothing may be mounted")
    }
    return clean
  }

  /// Without double slashes, `.` and `..`.
  public static func cleaned(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }
}
