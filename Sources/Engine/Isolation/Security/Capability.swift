import Model

/// One of the kernel's capabilities, in the order of their numbers. Source: capabilities(7), linux/capability.h.
public enum Capability: String, Sendable, CaseIterable, Comparable {
  case chown = "CAP_CHOWN"
  case dacOverride = "CAP_DAC_OVERRIDE"
  case dacReadSearch = "CAP_DAC_READ_SEARCH"
  case fowner = "CAP_FOWNER"
  case fsetid = "CAP_FSETID"
  case kill = "CAP_KILL"
  case setgid = "CAP_SETGID"
  case setuid = "CAP_SETUID"
  case setpcap = "CAP_SETPCAP"
  case linuxImmutable = "CAP_LINUX_IMMUTABLE"
  case netBindService = "CAP_NET_BIND_SERVICE"
  case netBroadcast = "CAP_NET_BROADCAST"
  case netAdmin = "CAP_NET_ADMIN"
  case netRaw = "CAP_NET_RAW"
  case ipcLock = "CAP_IPC_LOCK"
  case ipcOwner = "CAP_IPC_OWNER"
  case sysModule = "CAP_SYS_MODULE"
  case sysRawio = "CAP_SYS_RAWIO"
  case sysChroot = "CAP_SYS_CHROOT"
  case sysPtrace = "CAP_SYS_PTRACE"
  case sysPacct = "CAP_SYS_PACCT"
  case sysAdmin = "CAP_SYS_ADMIN"
  case sysBoot = "CAP_SYS_BOOT"
  case sysNice = "CAP_SYS_NICE"
  case sysResource = "CAP_SYS_RESOURCE"
  case sysTime = "CAP_SYS_TIME"
  case sysTTYConfig = "CAP_SYS_TTY_CONFIG"
  case mknod = "CAP_MKNOD"
  case lease = "CAP_LEASE"
  case auditWrite = "CAP_AUDIT_WRITE"
  case auditControl = "CAP_AUDIT_CONTROL"
  case setfcap = "CAP_SETFCAP"
  case macOverride = "CAP_MAC_OVERRIDE"
  case macAdmin = "CAP_MAC_ADMIN"
  case syslog = "CAP_SYSLOG"
  case wakeAlarm = "CAP_WAKE_ALARM"
  case blockSuspend = "CAP_BLOCK_SUSPEND"
  case auditRead = "CAP_AUDIT_READ"
  case perfmon = "CAP_PERFMON"
  case bpf = "CAP_BPF"
  case checkpointRestore = "CAP_CHECKPOINT_RESTORE"

  /// The kernel's number, which is the bit in `/proc/PID/status`.
  public var number: Int { Self.numbers[self] ?? 0 }

  private static let numbers = Dictionary(uniqueKeysWithValues: allCases.enumerated().map { ($1, $0) })

  /// Takes a name in any case, with or without `CAP_`; nil for an unknown one.
  public init?(named text: String) {
    let upper = text.uppercased()
    self.init(rawValue: upper.hasPrefix("CAP_") ? upper : "CAP_" + upper)
  }

  public static func < (left: Capability, right: Capability) -> Bool { left.number < right.number }

  /// What a container has when nobody says otherwise: the fourteen that docker gives.
  ///
  /// `NET_RAW` and `MKNOD` stay in for compatibility: both act only inside the container's own user namespace, where
  /// raw sockets reach the container's own network alone and device nodes cannot be made at all.
  public static let standard: Set<Capability> = [
    .chown, .dacOverride, .fsetid, .fowner, .mknod, .netRaw, .setgid, .setuid, .setfcap, .setpcap, .netBindService,
    .sysChroot, .kill, .auditWrite,
  ]

  /// What may be added by default: everything whose power ends at the container's user namespace.
  ///
  /// The others are checked against the host's first user namespace, so that they would do nothing in a container but
  /// look as if they did, and would do much where the policy allows the host's user namespace.
  public static let addableByDefault = Set(allCases).subtracting([
    .sysModule, .sysRawio, .sysBoot, .sysTime, .syslog, .macAdmin, .macOverride, .auditControl, .auditRead, .bpf,
    .perfmon, .wakeAlarm, .blockSuspend,
  ])
}
