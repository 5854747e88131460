import Glibc
import LinuxSystem

extension HostProbe {
  func readMachine(_ facts: inout HostFacts, folder: String) {
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      facts.openFilesSoft = UInt64(limit.rlim_cur)
      facts.openFilesHard = UInt64(limit.rlim_max)
    }
    var space = statvfs()
    if statvfs(folder, &space) == 0 {
      let free = UInt64(space.f_bavail).multipliedReportingOverflow(by: UInt64(space.f_frsize))
      facts.rootFreeBytes = free.overflow ? .max : free.partialValue
      // File systems that make inodes as they need them say that they have none.
      facts.rootFreeInodes = space.f_files == 0 ? nil : UInt64(space.f_favail)
    }
    facts.rootFileSystem = (try? MountTable.holding(folder))?.type ?? ""
    facts.hasSystemd = FileSystem.exists("/run/systemd/system")
    facts.isClockSynchronised = isClockSynchronised()
  }

  /// What systemd's time service noted, or else what the kernel was told last (adjtimex(2)), which timedatectl asks.
  private func isClockSynchronised() -> Bool? {
    if FileSystem.exists("/run/systemd/timesync/synchronized") { return true }
    guard FileSystem.exists("/run/systemd/system"), let program = find("timedatectl"),
      let output = run(program, ["show", "--property=NTPSynchronized", "--value"]), output.status.isSuccess
    else { return nil }
    return output.stdout.starts(with: Array("yes".utf8))
  }

  /// The security modules by the kernel's own list; nil where it cannot be had.
  func securityModules() -> [String]? {
    var list = text("/sys/kernel/security/lsm")
    if list.isEmpty, geteuid() == 0 {
      // Where the host has not mounted it, a mount that only this thread sees is enough.
      list =
        (try? NamespaceThread.run(unsharing: .mount, propagation: .private) {
          try MountAPI.mount(source: "securityfs", target: "/sys", type: "securityfs", flags: .readOnly)
          return String(decoding: try FileSystem.read("/sys/lsm", maxBytes: Self.maximumTextBytes), as: UTF8.self)
        }) ?? ""
    }
    if list.isEmpty { return word("/sys/module/apparmor/parameters/enabled") == "Y" ? ["apparmor"] : nil }
    return list.split(whereSeparator: { $0 == "," || $0 == "\n" }).map(String.init)
  }
}
