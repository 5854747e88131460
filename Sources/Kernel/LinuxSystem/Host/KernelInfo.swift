import Glibc

/// A kernel's version, comparable.
public struct KernelVersion: Sendable, Hashable, Comparable, CustomStringConvertible {
  public var major: Int
  public var minor: Int

  public init(_ major: Int, _ minor: Int) {
    self.major = major
    self.minor = minor
  }

  /// From a release such as "6.1.0-18-amd64"; nil when it does not begin with two numbers.
  public init?(release: String) {
    let parts = release.split(separator: ".", maxSplits: 2)
    guard parts.count >= 2, let major = Int(parts[0]), let minor = Int(parts[1].prefix { $0.isNumber }) else {
      return nil
    }
    self.init(major, minor)
  }

  public static func < (left: KernelVersion, right: KernelVersion) -> Bool {
    (left.major, left.minor) < (right.major, right.minor)
  }

  public var description: String { "\(major).\(minor)" }
}

/// Facts about the running kernel.
public enum KernelInfo {
  /// The release, as `uname -r` shows it.
  public static func release() -> String {
    field { $0.release }
  }

  /// - Throws: EINVAL when the release does not begin with a version.
  public static func version() throws -> KernelVersion {
    let release = release()
    guard let version = KernelVersion(release: release) else {
      throw SystemError(errno: EINVAL, operation: "uname", subject: release)
    }
    return version
  }

  /// The machine's architecture, as `uname -m` shows it.
  public static func machine() -> String {
    field { $0.machine }
  }

  public static func hostName() -> String {
    field { $0.nodename }
  }

  /// A random identifier that is new at each boot.
  public static func bootID() throws -> String {
    try Sysctl.read("kernel/random/boot_id")
  }

  public static var pageBytes: Int { sysconf(Int32(_SC_PAGESIZE)) }

  public static var onlineProcessors: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }

  /// Clock ticks per second, the unit of process times in /proc.
  public static var ticksPerSecond: Int { sysconf(Int32(_SC_CLK_TCK)) }

  private static func field<Field>(_ select: (utsname) -> Field) -> String {
    var names = utsname()
    // Fails for a bad pointer only.
    uname(&names)
    return withUnsafeBytes(of: select(names)) { PathText.text(of: $0.prefix { $0 != 0 }) }
  }
}
