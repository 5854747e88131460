import LinuxSystem

/// What the builder and the validator have to know of the host; collected once at the engine's start.
public struct HostProfile: Sendable, Equatable {
  public var cgroupMode: CgroupMode
  /// Controllers in use, by the kernel's names (`memory`, `cpu`, `pids`, `blkio` or `io`, `cpuset`).
  public var controllers: Set<String>
  /// `memory.memsw.*` or `memory.swap.max` exists.
  public var swapLimits: Bool
  /// Disk time can be shared by weight: a scheduler in the kernel knows weights, in a file that the runtimes know.
  public var blockWeights: Bool
  /// The host has message queues mounted at /dev/mqueue.
  public var messageQueues: Bool
  public var memoryBytes: UInt64
  /// Processors that are online.
  public var processors: Set<Int>
  public var memoryNodes: Set<Int>
  public var seccomp: Bool
  public var appArmor: Bool
  public var kernel: KernelVersion
  /// `x86_64` or `aarch64` (uname(2)).
  public var architecture: String
  /// The engine's own bounding set; outside a user namespace a container cannot have more.
  public var boundingCapabilities: Set<Capability>
  /// The engine's own value: the least a container can have without `CAP_SYS_RESOURCE`.
  public var oomScoreAdjustment: Int

  public init(
    cgroupMode: CgroupMode = .v2, controllers: Set<String> = ["cpu", "cpuset", "io", "memory", "pids"],
    swapLimits: Bool = true, blockWeights: Bool = true, messageQueues: Bool = true, memoryBytes: UInt64 = 0,
    processors: Set<Int> = [],
    memoryNodes: Set<Int> = [0],
    seccomp: Bool = true, appArmor: Bool = false, kernel: KernelVersion = KernelVersion(5, 19),
    architecture: String = "x86_64", boundingCapabilities: Set<Capability> = Set(Capability.allCases),
    oomScoreAdjustment: Int = 0
  ) {
    self.cgroupMode = cgroupMode
    self.controllers = controllers
    self.swapLimits = swapLimits
    self.blockWeights = blockWeights
    self.messageQueues = messageQueues
    self.memoryBytes = memoryBytes
    self.processors = processors
    self.memoryNodes = memoryNodes
    self.seccomp = seccomp
    self.appArmor = appArmor
    self.kernel = kernel
    self.architecture = architecture
    self.boundingCapabilities = boundingCapabilities
    self.oomScoreAdjustment = oomScoreAdjustment
  }

  public var canRaiseLimits: Bool { boundingCapabilities.contains(.sysResource) }
}
