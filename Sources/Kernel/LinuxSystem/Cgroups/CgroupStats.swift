/// What a cgroup has used. Parts whose controller is missing are nil.
public struct CgroupStats: Sendable, Equatable {
  public struct CPU: Sendable, Equatable {
    public var usageNanoseconds: UInt64 = 0
    public var userNanoseconds: UInt64 = 0
    public var systemNanoseconds: UInt64 = 0
    /// For each processor; empty on version 2.
    public var perProcessorNanoseconds: [UInt64] = []
    public var periods: UInt64 = 0
    public var throttledPeriods: UInt64 = 0
    public var throttledNanoseconds: UInt64 = 0

    public init() {}
  }

  public struct Memory: Sendable, Equatable {
    public var usageBytes: UInt64 = 0
    /// nil: none.
    public var limitBytes: UInt64?
    /// The most ever used; nil where the kernel does not tell (version 2 before 5.19).
    public var maxUsageBytes: UInt64?
    /// How often the limit was hit.
    public var failCount: UInt64 = 0
    /// Processes killed for lack of memory.
    public var oomKills: UInt64 = 0
    /// memory.stat as the kernel gives it. The names differ between the versions; "inactive_file" is in both (and
    /// "total_inactive_file", with descendants, in version 1).
    public var statistics: [String: UInt64] = [:]

    public init() {}
  }

  public struct Processes: Sendable, Equatable {
    public var current: UInt64 = 0
    /// nil: none.
    public var limit: UInt64?

    public init() {}
  }

  /// One counter of one block device.
  public struct BlockIO: Sendable, Hashable {
    public var device: DeviceNumber
    /// "Read", "Write", "Sync", "Async", "Discard" or "Total".
    public var operation: String
    public var value: UInt64

    public init(device: DeviceNumber, operation: String, value: UInt64) {
      self.device = device
      self.operation = operation
      self.value = value
    }
  }

  public var cpu: CPU?
  public var memory: Memory?
  public var processes: Processes?
  /// Bytes moved.
  public var ioServiceBytes: [BlockIO] = []
  /// Operations done.
  public var ioServiced: [BlockIO] = []

  public init() {}
}
