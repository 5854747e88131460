/// The kernel's own bounds, and ours on what is read from outside.
public enum Limits {
  /// PATH_MAX (limits.h), the terminating zero included.
  public static let pathBytes = 4096
  /// NAME_MAX (limits.h), without the terminating zero.
  public static let nameBytes = 255
  /// Directory levels that a walk enters.
  public static let directoryDepth = 8192
  /// Entries that `FileSystem.list` returns at most.
  public static let directoryEntries = 1_000_000
  /// Bytes of a file below /proc, /sys or a cgroup.
  public static let kernelFileBytes = 4 << 20
  /// Bytes of an argument or environment string (MAX_ARG_STRLEN, execve(2)).
  public static let argumentBytes = 128 << 10
  /// Descriptors that are handed to a child process.
  public static let mappedDescriptors = 1024
}
