extension RuntimeSpec.Linux {
  /// Control-group limits of a container; also the argument of `crun update --resources FILE`.
  ///
  /// Source: OCI runtime specification 1.1, config-linux.md, *Control groups*. Runtimes translate these v1 names to v2.
  public struct Resources: Codable, Sendable, Equatable {
    public var devices: [DeviceRule]?
    public var memory: Memory?
    public var cpu: CPU?
    public var pids: PIDs?
    public var blockIO: BlockIO?
    public init() {}
  }

  /// A rule of the device controller; later rules win. Without `type`, `major` or `minor` it means all of them.
  public struct DeviceRule: Codable, Sendable, Equatable {
    public var allow: Bool
    public var type: String?
    public var major: Int64?
    public var minor: Int64?
    /// Some of `rwm`.
    public var access: String?
    public init(
      allow: Bool, type: String? = nil, major: Int64? = nil, minor: Int64? = nil, access: String? = "rwm"
    ) {
      self.allow = allow
      self.type = type
      self.major = major
      self.minor = minor
      self.access = access
    }
  }

  /// Bytes; -1 is unlimited.
  public struct Memory: Codable, Sendable, Equatable {
    public var limit: Int64?
    public var reservation: Int64?
    /// Memory and swap together.
    public var swap: Int64?
    public var kernel: Int64?
    public var swappiness: UInt64?
    public var disableOOMKiller: Bool?
    public init() {}
  }

  /// Times in microseconds.
  public struct CPU: Codable, Sendable, Equatable {
    public var shares: UInt64?
    public var quota: Int64?
    public var period: UInt64?
    public var realtimeRuntime: Int64?
    public var realtimePeriod: UInt64?
    public var cpus: String?
    public var mems: String?
    public init() {}
  }

  /// Tasks; 0 or less is unlimited.
  public struct PIDs: Codable, Sendable, Equatable {
    public var limit: Int64
    public init(limit: Int64) { self.limit = limit }
  }

  /// Weights 10 to 1000; rates in bytes or operations each second.
  public struct BlockIO: Codable, Sendable, Equatable {
    public var weight: UInt16?
    public var leafWeight: UInt16?
    public var weightDevice: [WeightDevice]?
    public var throttleReadBpsDevice: [ThrottleDevice]?
    public var throttleWriteBpsDevice: [ThrottleDevice]?
    public var throttleReadIOPSDevice: [ThrottleDevice]?
    public var throttleWriteIOPSDevice: [ThrottleDevice]?
    public init() {}
  }

  /// A block device's weight.
  public struct WeightDevice: Codable, Sendable, Equatable {
    public var major: Int64
    public var minor: Int64
    public var weight: UInt16?
    public init(major: Int64, minor: Int64, weight: UInt16?) {
      self.major = major
      self.minor = minor
      self.weight = weight
    }
  }

  /// A block device's rate limit.
  public struct ThrottleDevice: Codable, Sendable, Equatable {
    public var major: Int64
    public var minor: Int64
    public var rate: UInt64
    public init(major: Int64, minor: Int64, rate: UInt64) {
      self.major = major
      self.minor = minor
      self.rate = rate
    }
  }
}
