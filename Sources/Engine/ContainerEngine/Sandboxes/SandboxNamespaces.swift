import Glibc
import LinuxSystem
import Model

/// The namespaces of a sandbox in a folder of its own: bind mounts that need no process. The folder also has the memory file
/// system that the containers share as /dev/shm.
///
/// They live in the host's mount namespace, so that the next engine finds them; a reboot ends them.
struct SandboxNamespaces: Sendable {
  private static let sharedMemory = "shm"

  let folder: String

  /// Makes what the sandbox does not share with the host. What was there before is replaced.
  func make(_ record: SandboxRecord, sharedMemoryBytes: Int64) throws {
    try remove()
    try FileSystem.makeDirectories(folder, mode: 0o700)
    var kinds: [Namespace.Kind: UnshareFlags] = [.uts: .uts]
    if !record.request.usesHostNetwork { kinds[.net] = .network }
    if !record.request.usesHostIPC { kinds[.ipc] = .ipc }
    for (kind, namespace) in try Self.create(kinds, ids: record.ids) {
      try Namespace.pin(namespace, at: path(kind))
    }
    let name = record.hostname
    _ = try NamespaceThread.run(entering: [try Namespace.open(path(.uts))]) {
      try systemCall("sethostname", name) { sethostname(name, name.utf8.count) }
    }
    guard !record.request.usesHostIPC else { return }
    let shared = "\(folder)/\(Self.sharedMemory)"
    try FileSystem.makeDirectory(shared, mode: 0o755)
    let owner = record.ids.isHost ? 0 : record.ids.first
    try MountAPI.mount(
      source: "shm", target: shared, type: "tmpfs", flags: [.noSetUID, .noDevices, .noExecution],
      data: "mode=1777,size=\(sharedMemoryBytes),uid=\(owner),gid=\(owner)")
  }

  private static func create(
    _ kinds: [Namespace.Kind: UnshareFlags], ids: IDRange
  ) throws -> [Namespace.Kind: Descriptor] {
    guard !ids.isHost else {
      return try NamespaceThread.run(unsharing: UnshareFlags(kinds.values)) {
        Dictionary(uniqueKeysWithValues: try kinds.keys.map { ($0, try Namespace.current($0)) })
      }
    }
    let map = [IDMapEntry(inside: 0, outside: ids.first, count: ids.count)]
    let (user, owned) = try UserNamespace.create(uidMap: map, gidMap: map, owning: kinds)
    return owned.merging([.user: user]) { $1 }
  }

  /// A namespace of the sandbox's own; nil where it has the host's.
  func open(_ kind: Namespace.Kind) throws -> Descriptor? {
    FileSystem.exists(path(kind)) ? try Namespace.open(path(kind)) : nil
  }

  /// A copy of the shared memory's mount; nil where the sandbox has the host's ipc namespace.
  func openSharedMemory() throws -> Descriptor? {
    let path = "\(folder)/\(Self.sharedMemory)"
    return FileSystem.exists(path) ? try MountAPI.openTree(path, clone: true, followLink: false) : nil
  }

  /// Whether the namespaces are there, and not only files of their names, as after a reboot on a disk.
  var isThere: Bool {
    guard let namespace = try? open(.uts) else { return false }
    return (try? NamespaceThread.run(entering: [namespace]) {}) != nil
  }

  /// Takes everything away; what is gone already is no error.
  func remove() throws {
    guard FileSystem.exists(folder) else { return }
    // First what `isThere` looks at: a sandbox of which only a part is gone, after a crash, has to be known as gone.
    let first = Namespace.Kind.uts.rawValue
    for name in try FileSystem.list(folder).sorted(by: { a, b in a == first && b != first }) {
      if name == Self.sharedMemory {
        do {
          try MountAPI.unmount("\(folder)/\(name)", detach: true)
        } catch let error as SystemError where error.errno == EINVAL {}
      } else {
        try Namespace.unpin("\(folder)/\(name)")
      }
    }
    try FileSystem.removeTree(folder)
  }

  private func path(_ kind: Namespace.Kind) -> String { "\(folder)/\(kind.rawValue)" }
}
