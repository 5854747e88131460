import Glibc

/// The kernel's clocks (clock_gettime(2)), in nanoseconds.
public enum Clock {
  /// Since boot, without the time asleep; never goes back.
  public static func monotonicNanoseconds() -> UInt64 { read(CLOCK_MONOTONIC) }

  /// Since boot, with the time asleep; what process start times count in.
  public static func bootTimeNanoseconds() -> UInt64 { read(CLOCK_BOOTTIME) }

  /// Since 1970-01-01 UTC; may jump.
  public static func realTimeNanoseconds() -> UInt64 { read(CLOCK_REALTIME) }

  private static func read(_ clock: clockid_t) -> UInt64 {
    var time = timespec()
    // Cannot fail: the clocks exist and the pointer is valid.
    clock_gettime(clock, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
