// Constants that the C library only shows to GNU programs. Values from asm-generic/fcntl.h and linux/fcntl.h; equal on
// x86-64, arm64 and riscv64.

/// open(2): a descriptor that only names a file.
public let O_PATH: Int32 = 0o10_000_000
/// open(2): a file without a name in a directory; O_DIRECTORY is part of it.
public let O_TMPFILE: Int32 = 0o20_000_000 | 0o200_000
/// The descriptor itself where a path is asked for.
public let AT_EMPTY_PATH: Int32 = 0x1000

/// How openat2(2) walks a path (RESOLVE_*).
public struct ResolveFlags: OptionSet, Sendable {
  public let rawValue: UInt64

  public init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// Cross no mount: EXDEV.
  public static let noMountCrossing = ResolveFlags(rawValue: 0x01)
  /// Refuse links of /proc that jump: ELOOP.
  public static let noMagicLinks = ResolveFlags(rawValue: 0x02)
  /// Refuse every symbolic link: ELOOP.
  public static let noLinks = ResolveFlags(rawValue: 0x04)
  /// Refuse what leaves the directory: EXDEV.
  public static let beneath = ResolveFlags(rawValue: 0x08)
  /// Treat the directory as "/", for absolute links and ".." too.
  public static let inRoot = ResolveFlags(rawValue: 0x10)
}
