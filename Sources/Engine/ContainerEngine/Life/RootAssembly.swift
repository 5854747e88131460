import Glibc
import LinuxSystem
import Model
import Snapshots

/// Puts a container's root file system and everything that is bound into it together in the mount namespace of its conmon.
///
/// A small tmpfs of its own is mounted on a folder that every host has, so that the runtime, which enters it as the mapped
/// root, needs no right to pass the engine's folders. Nothing of this is visible outside the namespace.
struct RootAssembly: Sendable {
  /// Where the tmpfs goes: a folder of the Filesystem Hierarchy Standard that the engine itself never reads.
  static let stage = "/mnt"
  static var rootfs: String { "\(stage)/rootfs" }

  /// A bind mount whose source was opened in the host's namespace, with the id map it needs.
  struct Bind: Sendable {
    var tree: Descriptor
    var name: String
    var isDirectory: Bool
  }

  /// A namespace of another container that this one joins. What is held is the namespace itself; a path by the other's
  /// process number would lead elsewhere once that process has ended and its number been given out again.
  struct StagedNamespace: Sendable {
    var kind: Namespace.Kind
    var descriptor: Descriptor
    var path: String { "\(RootAssembly.stage)/ns-\(kind.rawValue)" }
  }

  let snapshots: SnapshotStore
  let plan: RootfsPlan
  let binds: [Bind]
  let namespaces: [StagedNamespace]

  /// Runs inside the new mount namespace.
  func assemble() throws {
    try snapshots.mountRootfs(plan)
    let root = try MountAPI.openTree(snapshots.rootfsPath, clone: true)
    try MountAPI.mount(
      source: "bulkhead", target: Self.stage, type: "tmpfs", flags: [.noSetUID, .noDevices], data: "mode=0711,size=1m")
    try FileSystem.makeDirectory(Self.rootfs, mode: 0o755)
    try MountAPI.moveMount(from: root, to: Self.rootfs)
    for bind in binds {
      let target = "\(Self.stage)/\(bind.name)"
      if bind.isDirectory {
        try FileSystem.makeDirectory(target, mode: 0o755)
      } else {
        _ = try Descriptor.open(target, flags: O_CREAT | O_WRONLY, mode: 0o644)
      }
      try MountAPI.moveMount(from: bind.tree, to: target)
    }
    for namespace in namespaces { try Namespace.pin(namespace.descriptor, at: namespace.path) }
  }

  /// Opens `source` for a bind in the host's own namespace.
  ///
  /// The copy of a shared mount is its peer, and what is mounted on one of them appears on the other, that is, on the host.
  /// As a slave it still gets what the host mounts, and gives nothing back.
  /// - Parameters:
  ///   - readOnly: nobody writes here, mounts below the source included, whatever the runtime makes of it later.
  ///   - idmap: user namespace whose map the mount gets; nil leaves ids as they are on disk.
  static func bind(
    _ source: Descriptor, name: String, readOnly: Bool = false, recursive: Bool, idmap: Descriptor?
  ) throws -> Bind {
    let tree = try MountAPI.openTree(source, clone: true, recursive: recursive)
    try MountAPI.setAttributes(tree, set: readOnly ? .readOnly : [], recursive: true, propagation: .slave)
    if let idmap { try MountAPI.setAttributes(tree, set: [], idmap: idmap, recursive: false) }
    let status = try source.status()
    return Bind(tree: tree, name: name, isDirectory: status.type == .directory)
  }
}
