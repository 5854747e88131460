extension HostReport {
  static func controlGroupChecks(_ facts: HostFacts) -> [HostCheck] {
    let title = "Control groups"
    guard let mode = facts.cgroupMode else {
      return [
        HostCheck(
          "cgroups", title, .fail, "none mounted",
          advice: "mount them: 'mount -t cgroup2 cgroup2 /sys/fs/cgroup', or boot with systemd")
      ]
    }
    var checks: [HostCheck] = []
    switch mode {
    case "v2": checks.append(HostCheck("cgroups", title, .ok, "version 2"))
    case "hybrid" where !facts.unifiedControllers.isEmpty:
      checks.append(
        HostCheck(
          "cgroups", title, .info,
          "hybrid; the v2 hierarchy holds \(facts.unifiedControllers.joined(separator: ", ")), which crun refuses, so that "
            + "the engine runs it where that hierarchy is not mounted",
          advice: "boot with systemd.unified_cgroup_hierarchy=1 for version 2"))
    default:
      checks.append(
        HostCheck(
          "cgroups", title, .info, mode == "hybrid" ? "hybrid (version 1 with an empty version 2)" : "version 1",
          advice: "version 2 measures and limits better: boot with systemd.unified_cgroup_hierarchy=1"))
    }
    checks.append(controllers(facts))
    return checks
  }

  private static func controllers(_ facts: HostFacts) -> HostCheck {
    let title = "Control group controllers"
    let present = Set(facts.controllers)
    let wanted = [
      ("memory", ["memory"], "--memory"), ("cpu", ["cpu"], "--cpus"), ("pids", ["pids"], "--pids-limit"),
      ("cpuset", ["cpuset"], "--cpuset-cpus"), ("io", ["io", "blkio"], "--blkio-weight"),
    ]
    let missing = wanted.filter { present.isDisjoint(with: $0.1) }
    let isWeak = missing.contains { $0.0 == "memory" || $0.0 == "pids" }
    guard !missing.isEmpty else {
      return HostCheck("controllers", title, .ok, facts.controllers.sorted().joined(separator: ", "))
    }
    return HostCheck(
      "controllers", title, isWeak ? .fail : .warn,
      "without " + missing.map { "\($0.0) (\($0.2))" }.joined(separator: ", "),
      advice: "enable them on the kernel's command line (cgroup_enable=memory), and on version 2 in the "
        + "cgroup.subtree_control of the root")
  }

  static func confinementChecks(_ facts: HostFacts) -> [HostCheck] {
    [seccomp(facts), landlock(facts), securityModules(facts), identities(facts)]
  }

  private static func seccomp(_ facts: HostFacts) -> HostCheck {
    let title = "System-call filters (seccomp)"
    guard facts.seccompActions.contains("errno"), facts.seccompActions.contains("allow") else {
      return HostCheck(
        "seccomp", title, .fail, "the kernel has none",
        advice: "use a kernel with CONFIG_SECCOMP_FILTER; without it containers reach the kernel's whole interface")
    }
    return HostCheck("seccomp", title, .ok, "there")
  }

  private static func landlock(_ facts: HostFacts) -> HostCheck {
    let title = "Landlock"
    guard let modules = facts.securityModules else { return HostCheck("landlock", title, .info, "unknown") }
    return modules.contains("landlock")
      ? HostCheck("landlock", title, .ok, "there")
      : HostCheck(
        "landlock", title, .info, "not there",
        advice: "programs that confine themselves need it: boot with lsm=landlock,…")
  }

  private static func securityModules(_ facts: HostFacts) -> HostCheck {
    let title = "Security modules"
    guard let modules = facts.securityModules else {
      return HostCheck("lsm", title, .info, "unknown: securityfs is not mounted")
    }
    let list = modules.joined(separator: ", ")
    if modules.contains("selinux") {
      return HostCheck(
        "lsm", title, .warn, list,
        advice:
          "Bulkhead sets no SELinux labels: containers run with the engine's own; user namespaces and the filter hold")
    }
    if modules.contains("apparmor") {
      return HostCheck("lsm", title, .ok, list)
    }
    return HostCheck(
      "lsm", title, .info, list.isEmpty ? "none" : list,
      advice:
        "with AppArmor (lsm=…,apparmor) containers can have a profile on top: appArmor.defaultProfile in engine.yaml")
  }

  private static func identities(_ facts: HostFacts) -> HostCheck {
    let title = "Ids for containers"
    let first = UInt64(facts.idRange.first)
    let end = first + UInt64(facts.idRange.count)
    let range = "\(first) to \(end - 1)"
    let overlapping = facts.foreignRanges.filter { $0.first < end && first < $0.first + $0.count }
    guard overlapping.isEmpty else {
      let owners = overlapping.prefix(5).map(\.owner).joined(separator: ", ")
      return HostCheck(
        "id-range", title, .fail, "\(range) overlap with ids of \(owners)",
        advice: "take the entries out of /etc/subuid and /etc/subgid, or give these users other ids")
    }
    return HostCheck("id-range", title, .ok, "\(range), \(facts.idRange.count / 65_536) ranges, nobody else's")
  }
}
