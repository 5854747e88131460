import Glibc
import LinuxSystem
import Model

/// Volumes whose files are in memory: mounted on their folder for the first container that has them, gone with the last.
final class MemoryVolumes: Sendable {
  private let paths: EnginePaths
  private let ids: IDRange
  /// Which runs have a volume. Held while something is mounted or unmounted.
  private let users = Locked<[String: Set<ContainerID>]>([:])

  init(paths: EnginePaths, ids: IDRange) {
    self.paths = paths
    self.ids = ids
  }

  /// Makes the files be there for a run of a container.
  func use(_ volume: String, _ memory: VolumeOptions.Memory, by container: ContainerID) throws {
    let data = paths.volumeData(volume)
    try users.withLock { users in
      if try !Self.isMounted(data) { try mount(memory, at: data) }
      users[volume, default: []].insert(container)
    }
  }

  /// A container that an earlier engine has started has the volume.
  func adopt(_ volume: String, by container: ContainerID) {
    users.withLock { _ = $0[volume, default: []].insert(container) }
  }

  /// A run has ended: without another one the files go.
  func end(_ volumes: [String], by container: ContainerID) throws {
    try users.withLock { users in
      for volume in volumes {
        guard users[volume]?.remove(container) != nil, users[volume]?.isEmpty == true else { continue }
        users[volume] = nil
        try unmount(volume)
      }
    }
  }

  /// Takes away what an earlier engine has left and nobody uses.
  func endUnused(_ volumes: [String]) throws {
    try users.withLock { users in
      for volume in volumes where users[volume] == nil { try unmount(volume) }
    }
  }

  private func unmount(_ volume: String) throws {
    let data = paths.volumeData(volume)
    // Containers that end hold mounts of their own.
    if try Self.isMounted(data) { try MountAPI.unmount(data, detach: true) }
  }

  private func mount(_ memory: VolumeOptions.Memory, at data: String) throws {
    let context = try FileSystemContext(type: "tmpfs")
    do {
      for (name, value) in memory.settings { try context.set(name, value) }
      try context.set("uid", String(ids.first + memory.user))
      try context.set("gid", String(ids.first + memory.group))
      var attributes: MountAttributes = [.noDevices]
      if memory.flags.contains("ro") { attributes.insert(.readOnly) }
      if memory.flags.contains("noexec") { attributes.insert(.noExecution) }
      if memory.flags.contains("nosuid") { attributes.insert(.noSetUID) }
      try MountAPI.moveMount(from: context.mount(attributes: attributes), to: data)
    } catch let error as SystemError where error.errno == EINVAL {
      throw PlatformError(
        .invalidArgument, "the kernel refuses the options of a volume in memory: \(error.subject.prefix(256))",
        cause: error)
    }
  }

  private static func isMounted(_ data: String) throws -> Bool {
    let folder = try Descriptor.open(data, flags: O_PATH | O_DIRECTORY | O_NOFOLLOW).status()
    return try Descriptor.open(FileSystem.parent(of: data), flags: O_PATH | O_DIRECTORY).status().device
      != folder.device
  }
}
