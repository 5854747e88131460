extension HostReport {
  private static let gibibyte: UInt64 = 1 << 30

  static func machineChecks(_ facts: HostFacts) -> [HostCheck] {
    [memory(facts), openFiles(facts), fileSystem(facts), space(facts), clock(facts), service(facts), group(facts)]
  }

  /// A size for people, in binary units with one decimal.
  static func size(_ bytes: UInt64) -> String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    var value = bytes
    var rest: UInt64 = 0
    var index = 0
    while value >= 1024, index < units.count - 1 {
      rest = value % 1024
      value /= 1024
      index += 1
    }
    return index == 0 ? "\(value) bytes" : "\(value).\(rest * 10 / 1024) \(units[index])"
  }

  private static func memory(_ facts: HostFacts) -> HostCheck {
    let isSmall = facts.memoryBytes < gibibyte / 2
    return HostCheck(
      "memory", "Memory", isSmall ? .warn : .ok, size(facts.memoryBytes),
      advice: isSmall ? "half a gibibyte is the least for the engine and a few containers" : "")
  }

  private static func openFiles(_ facts: HostFacts) -> HostCheck {
    let found =
      facts.openFilesSoft == facts.openFilesHard
      ? "\(facts.openFilesHard)" : "\(facts.openFilesSoft), at most \(facts.openFilesHard)"
    guard facts.openFilesHard < 65_536 else { return HostCheck("open-files", "Open files", .ok, found) }
    return HostCheck(
      "open-files", "Open files", .warn, found,
      advice: "start the engine with LimitNOFILE=1048576: each container holds a dozen descriptors")
  }

  private static func fileSystem(_ facts: HostFacts) -> HostCheck {
    let title = "File system of \(facts.rootPath)"
    switch facts.rootFileSystem {
    case "ext4", "xfs", "btrfs": return HostCheck("file-system", title, .ok, facts.rootFileSystem)
    case "tmpfs", "ramfs":
      return HostCheck(
        "file-system", title, .warn, facts.rootFileSystem + ": images and containers are gone after a restart",
        advice: "put the engine's root on a disk")
    case "nfs", "nfs4", "cifs", "fuse", "overlay", "9p", "virtiofs":
      return HostCheck(
        "file-system", title, .fail, facts.rootFileSystem + " cannot hold overlay layers with id maps",
        advice: "put the engine's root on ext4, xfs or btrfs")
    default:
      return HostCheck(
        "file-system", title, .info, facts.rootFileSystem.isEmpty ? "unknown" : facts.rootFileSystem,
        advice: "ext4, xfs and btrfs are what is tested")
    }
  }

  private static func space(_ facts: HostFacts) -> HostCheck {
    let title = "Space at \(facts.rootPath)"
    let found = size(facts.rootFreeBytes) + " free"
    if facts.rootFreeBytes < gibibyte {
      return HostCheck(
        "space", title, .fail, found, advice: "make room: 'bulkhead system prune' removes what nothing uses")
    }
    if let inodes = facts.rootFreeInodes, inodes < 100_000 {
      return HostCheck(
        "space", title, .warn, "\(found), but only \(inodes) inodes", advice: "a base image takes some 10,000 inodes")
    }
    return HostCheck(
      "space", title, facts.rootFreeBytes < 10 * gibibyte ? .warn : .ok, found,
      advice: facts.rootFreeBytes < 10 * gibibyte ? "images and builds want ten gibibytes and more" : "")
  }

  private static func clock(_ facts: HostFacts) -> HostCheck {
    let title = "Clock"
    switch facts.isClockSynchronised {
    case true: return HostCheck("clock", title, .ok, "synchronised")
    case false:
      return HostCheck(
        "clock", title, .warn, "not synchronised: certificates and logs depend on it",
        advice: "'apt-get install systemd-timesyncd' or chrony")
    default: return HostCheck("clock", title, .info, "unknown")
    }
  }

  private static func service(_ facts: HostFacts) -> HostCheck {
    facts.hasSystemd
      ? HostCheck("service", "Service manager", .ok, "systemd")
      : HostCheck(
        "service", "Service manager", .info, "no systemd: start 'bulkheadd engine' by other means",
        advice: "without it, logs by journald and limits by units are not there")
  }

  private static func group(_ facts: HostFacts) -> HostCheck {
    facts.hasGroup
      ? HostCheck("group", "Group 'bulkhead'", .ok, "there; its members may use the engine")
      : HostCheck(
        "group", "Group 'bulkhead'", .warn, "not there: only root may use the engine",
        advice: "'groupadd --system bulkhead', then 'usermod -aG bulkhead USER' for who may")
  }
}
