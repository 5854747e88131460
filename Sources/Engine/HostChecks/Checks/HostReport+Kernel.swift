import LinuxSystem

extension HostReport {
  /// Id-mapped mounts under overlay came with it.
  static let oldestKernel = KernelVersion(5, 19)
  /// What the engine cannot do without (capabilities(7)).
  static let neededCapabilities = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_SETGID",
    "CAP_SETUID", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE",
  ]

  static func kernelChecks(_ facts: HostFacts) -> [HostCheck] {
    [
      privileges(facts), kernelVersion(facts),
      trial(
        "user-namespaces", "User namespaces", facts.userNamespaces, good: "containers get ids of their own",
        advice: "raise user.max_user_namespaces with sysctl, or use a kernel with CONFIG_USER_NS"),
      namespaceCount(facts),
      trial(
        "overlay", "Overlay file system", facts.overlay, good: "layers are stacked by the kernel",
        advice: "load it with 'modprobe overlay', or use a kernel with CONFIG_OVERLAY_FS"),
      trial(
        "id-mapped-mounts", "Id-mapped mounts", facts.idMappedMounts, good: "layers and volumes are mapped, not copied",
        advice: "keep the engine's root on ext4, xfs or btrfs, with Linux 5.19 or newer"),
      trial(
        "overlay-id-mapped", "Overlay on id-mapped layers", facts.overlayOnIDMapped,
        good: "one copy of a layer serves every container",
        advice: "use Linux 5.19 or newer, and a file system for the engine's root that has id-mapped mounts"),
    ]
  }

  static func trial(
    _ id: String, _ title: String, _ trial: HostFacts.Trial, good: String, advice: String
  ) -> HostCheck {
    trial.works
      ? HostCheck(id, title, .ok, good) : HostCheck(id, title, .fail, "does not work: \(trial.reason)", advice: advice)
  }

  private static func privileges(_ facts: HostFacts) -> HostCheck {
    let title = "Rights of the engine"
    guard facts.isRoot else {
      return HostCheck(
        "privileges", title, .fail, "not run as root: much of this report is a guess",
        advice: "run 'sudo bulkhead doctor'")
    }
    let missing = facts.missingCapabilities.filter(neededCapabilities.contains)
    if !missing.isEmpty {
      return HostCheck(
        "privileges", title, .fail, "without " + missing.joined(separator: ", "),
        advice: "give the engine's service these capabilities (CapabilityBoundingSet= in its unit)")
    }
    if facts.missingCapabilities.contains("CAP_SYS_RESOURCE") {
      return HostCheck(
        "privileges", title, .warn,
        "root without CAP_SYS_RESOURCE: containers cannot get higher limits (--ulimit) or a lower --oom-score-adj than the "
          + "engine has", advice: "start the engine with CAP_SYS_RESOURCE where these are wanted")
    }
    return HostCheck("privileges", title, .ok, "root with every capability it needs")
  }

  private static func kernelVersion(_ facts: HostFacts) -> HostCheck {
    let title = "Kernel"
    guard let version = KernelVersion(release: facts.kernelRelease) else {
      return HostCheck("kernel", title, .warn, "unknown version '\(facts.kernelRelease)'")
    }
    guard version >= oldestKernel else {
      return HostCheck(
        "kernel", title, .fail, "Linux \(facts.kernelRelease) (\(facts.machine)) is too old",
        advice: "use Linux \(oldestKernel) or newer; on Debian 12 every kernel is")
    }
    return HostCheck("kernel", title, .ok, "Linux \(facts.kernelRelease) (\(facts.machine))")
  }

  private static func namespaceCount(_ facts: HostFacts) -> HostCheck {
    let title = "User namespaces allowed"
    guard let count = facts.maximumUserNamespaces else {
      return HostCheck("user-namespace-count", title, .warn, "user.max_user_namespaces cannot be read")
    }
    // Two for each container: its own and one for the maps of its mounts.
    guard count >= 1024 else {
      return HostCheck(
        "user-namespace-count", title, count < 16 ? .fail : .warn, "\(count)",
        advice: "set user.max_user_namespaces to 10000 or more with sysctl")
    }
    return HostCheck("user-namespace-count", title, .ok, "\(count)")
  }
}
