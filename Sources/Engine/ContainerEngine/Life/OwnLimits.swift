import Glibc
import Isolation
import Model

/// The engine's own limits of setrlimit(2): without CAP_SYS_RESOURCE no container can be given more.
enum OwnLimits {
  /// Numbers of Linux (asm-generic/resource.h); those of `ResourceLimitName`.
  private static let numbers: [String: UInt32] = [
    "as": 9, "core": 4, "cpu": 0, "data": 2, "fsize": 1, "locks": 10, "memlock": 8, "msgqueue": 12, "nice": 13,
    "nofile": 7, "nproc": 6, "rss": 5, "rtprio": 14, "rttime": 15, "sigpending": 11, "stack": 3,
  ]

  /// Refuses here what the runtime would fail at.
  /// - Throws: `unavailable`, naming the limit and what can be had.
  static func check(_ limits: [ResourceLimit], host: HostProfile) throws {
    guard !host.canRaiseLimits else { return }
    for limit in limits {
      var own = rlimit()
      guard let number = numbers[limit.name], getrlimit(__rlimit_resource_t(number), &own) == 0 else { continue }
      let asked = limit.hard < 0 ? UInt64.max : UInt64(limit.hard)
      guard asked > own.rlim_max else { continue }
      throw PlatformError(
        .unavailable,
        "the limit \(limit.name) cannot be \(limit.hard < 0 ? "unlimited" : "\(limit.hard)"): the engine runs without "
          + "CAP_SYS_RESOURCE on this host, and has \(own.rlim_max) itself; ask for no more"
      ).about(.resourceLimits, limit.name)
    }
  }
}
