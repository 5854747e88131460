import Model
import OCITypes

extension SpecBuilder {
  /// The kernel's own file systems, then what the settings add, shallow destinations before deep ones.
  static func mounts(_ input: SpecInput, plan: Plan) throws -> [RuntimeSpec.Mount] {
    var asked = try input.mounts.map(bind)
    asked += try temporary(input.settings.host)
    asked += deviceBinds(input, plan: plan)
    if let program = input.initProgram {
      let mount = ResolvedMount(source: program, destination: initDestination, readOnly: true, recursive: false)
      asked.append(try bind(mount))
    }
    try refuseDuplicates(asked)
    let taken = Set(asked.map(\.destination))
    let standard = kernelMounts(input, plan: plan).filter { mount in
      // A mount of the client at /dev takes what would stand below it, too.
      !taken.contains(mount.destination) && !(taken.contains("/dev") && mount.destination.hasPrefix("/dev/"))
    }
    // Stable: equal depths stay in order, so that the same settings give the same specification.
    let sorted = asked.enumerated().sorted { left, right in
      (depth(left.element.destination), left.offset) < (depth(right.element.destination), right.offset)
    }
    return standard + sorted.map(\.element)
  }

  private static func depth(_ path: String) -> Int { path.split(separator: "/").count }

  private static func refuseDuplicates(_ mounts: [RuntimeSpec.Mount]) throws {
    var seen: Set<String> = []
    for mount in mounts where !seen.insert(mount.destination).inserted {
      throw PlatformError(.invalidArgument, "Duplicate mount point: \(mount.destination)")
    }
  }

  // MARK: What the client asked for

  private static func bind(_ mount: ResolvedMount) throws -> RuntimeSpec.Mount {
    let destination = try MountDestination.checked(mount.destination)
    var options = [mount.recursive ? "rbind" : "bind"]
    // `ro` alone leaves mounts below the source writable.
    if mount.readOnly { options += mount.recursive ? ["ro", "rro"] : ["ro"] } else { options.append("rw") }
    options.append(mount.propagation.flatMap { $0.isEmpty ? nil : $0 } ?? "rprivate")
    options += mount.options
    return RuntimeSpec.Mount(destination: destination, type: "bind", source: mount.source, options: options)
  }

  private static func temporary(_ host: HostSettings) throws -> [RuntimeSpec.Mount] {
    var mounts: [RuntimeSpec.Mount] = []
    for (destination, text) in host.tmpfs.sorted(by: { $0.key < $1.key }) {
      let options = ["noexec", "nosuid", "nodev"] + text.split(separator: ",").map(String.init)
      mounts.append(try tmpfs(destination, options: options))
    }
    for request in host.mounts where request.kind == .tmpfs {
      var options = ["noexec", "nosuid", "nodev"]
      if let size = request.tmpfsSizeBytes, size > 0 { options.append("size=\(size)") }
      if let mode = request.tmpfsMode, mode != 0 { options.append("mode=\(String(mode & 0o7777, radix: 8))") }
      if request.readOnly { options.append("ro") }
      mounts.append(try tmpfs(request.destination, options: options))
    }
    return mounts
  }

  private static func tmpfs(_ destination: String, options: [String]) throws -> RuntimeSpec.Mount {
    RuntimeSpec.Mount(
      destination: try MountDestination.checked(destination), type: "tmpfs", source: "tmpfs",
      options: TmpfsOptions.effective(options))
  }

  /// In a user namespace nodes cannot be made, so they are bound; outside one the runtime makes them.
  private static func deviceBinds(_ input: SpecInput, plan: Plan) -> [RuntimeSpec.Mount] {
    guard plan.hasUserNamespace else { return [] }
    return input.devices.map { device in
      RuntimeSpec.Mount(
        destination: device.destination, type: "bind", source: device.source,
        options: ["bind", "rprivate", "nosuid", "noexec"])
    }
  }

  // MARK: The kernel's own

  private static func kernelMounts(_ input: SpecInput, plan: Plan) -> [RuntimeSpec.Mount] {
    let host = input.settings.host
    let space = input.namespaces
    let closed = ["nosuid", "noexec", "nodev"]
    var mounts: [RuntimeSpec.Mount] = []
    if space.pid == .host && plan.hasUserNamespace {
      // A new proc shows the pid namespace of its mounter, and the kernel wants rights over that namespace.
      mounts.append(hostBind("/proc", ["rbind", "rprivate"] + closed))
    } else {
      mounts.append(RuntimeSpec.Mount(destination: "/proc", type: "proc", source: "proc", options: closed))
    }
    mounts.append(
      RuntimeSpec.Mount(
        destination: "/dev", type: "tmpfs", source: "tmpfs",
        options: ["nosuid", "noexec", "strictatime", "mode=755", "size=65536k"]))
    mounts.append(
      RuntimeSpec.Mount(
        destination: "/dev/pts", type: "devpts", source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]))
    mounts.append(systemMount(input, plan: plan, closed: closed))
    let writable = plan.privileged || plan.security.writableCgroups
    mounts.append(
      RuntimeSpec.Mount(
        destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: closed + [writable ? "rw" : "ro"]))
    if space.ipc == .host {
      if input.host.messageQueues { mounts.append(hostBind("/dev/mqueue", ["bind", "rprivate"] + closed)) }
    } else {
      mounts.append(RuntimeSpec.Mount(destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: closed))
    }
    if host.ipcMode != .none { mounts.append(sharedMemory(input, closed: closed)) }
    return mounts
  }

  private static func hostBind(_ path: String, _ options: [String]) -> RuntimeSpec.Mount {
    RuntimeSpec.Mount(destination: path, type: "bind", source: path, options: options)
  }

  /// /sys shows the network namespace of its mounter, and can be mounted only by whoever has rights over that.
  private static func systemMount(_ input: SpecInput, plan: Plan, closed: [String]) -> RuntimeSpec.Mount {
    guard input.namespaces.ownsNetwork else { return hostBind("/sys", ["rbind", "rslave", "ro", "rro"] + closed) }
    return RuntimeSpec.Mount(
      destination: "/sys", type: "sysfs", source: "sysfs", options: closed + [plan.privileged ? "rw" : "ro"])
  }

  private static func sharedMemory(_ input: SpecInput, closed: [String]) -> RuntimeSpec.Mount {
    if let path = input.sharedMemoryPath {
      return RuntimeSpec.Mount(
        destination: "/dev/shm", type: "bind", source: path, options: ["bind", "rprivate"] + closed)
    }
    if input.namespaces.ipc == .host { return hostBind("/dev/shm", ["bind", "rprivate"] + closed) }
    let size = input.settings.host.sharedMemorySizeBytes ?? input.policy.defaults.sharedMemorySizeBytes
    return RuntimeSpec.Mount(
      destination: "/dev/shm", type: "tmpfs", source: "shm", options: closed + ["mode=1777", "size=\(size)"])
  }
}
