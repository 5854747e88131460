import Glibc
import LinuxSystem
import Model
import Testing

@testable import Snapshots

/// Real mounts, so these need root.
@Suite(.enabled(if: geteuid() == 0)) struct RootfsMountTests {
  let scratch: Scratch
  let store: SnapshotStore
  let ids = IDRange(first: 1_000_000)

  init() throws {
    scratch = try Scratch()
    store = try SnapshotStore(root: scratch.root)
  }

  private func layer(_ number: Int, _ files: (String) throws -> Void) throws -> Digest {
    let staging = try store.stageLayer()
    try files(staging.path)
    try store.publish(staging, as: chain(number), sizeBytes: 0)
    return try chain(number)
  }

  private func write(_ path: String, _ text: String) throws {
    try FileSystem.atomicWrite(path, Array(text.utf8), mode: 0o644, durable: false)
  }

  private func userNamespace() throws -> Descriptor {
    let map = [IDMapEntry(inside: 0, outside: ids.first, count: ids.count)]
    return try UserNamespace.create(uidMap: map, gidMap: map)
  }

  private func plan(_ layers: [Digest], isHost: Bool = false) throws -> RootfsPlan {
    let container = ContainerID.random()
    try store.createWritable(container, ids: isHost ? .host : ids)
    return RootfsPlan(
      layers: layers, container: container, ids: isHost ? .host : ids, userNamespace: isHost ? nil : try userNamespace()
    )
  }

  private func status(_ path: String) -> stat? {
    var status = stat()
    return lstat(path, &status) == 0 ? status : nil
  }

  @Test func idsAreShiftedAndWhiteoutsHide() throws {
    let lower = try layer(1) { path in
      try write(path + "/kept", "lower")
      try write(path + "/gone", "lower")
      #expect(chown(path + "/kept", 33, 34) == 0)
      try FileSystem.makeDirectory(path + "/opaque")
      try write(path + "/opaque/hidden", "lower")
    }
    let upper = try layer(2) { path in
      #expect(mknod(path + "/gone", S_IFCHR, 0) == 0)
      try FileSystem.makeDirectory(path + "/opaque")
      try write(path + "/opaque/shown", "upper")
      try Descriptor.open(path + "/opaque", flags: O_RDONLY).setxattr("trusted.overlay.opaque", Array("y".utf8))
    }
    let plan = try plan([lower, upper])
    try NamespaceThread.run(unsharing: .mount, propagation: .private) { [store] in
      try store.mountRootfs(plan)
      let root = store.rootfsPath
      #expect(status(root + "/kept").map { [$0.st_uid, $0.st_gid] } == [1_000_033, 1_000_034])
      #expect(status(root).map { [$0.st_uid, $0.st_gid] } == [1_000_000, 1_000_000])
      #expect(status(root + "/gone") == nil)
      #expect(try FileSystem.list(root + "/opaque") == ["shown"])
      // A change goes to the container's layer, with its ids on disk; the image stays as it was.
      try write(root + "/kept", "changed")
      #expect(chown(root + "/kept", 1_000_033, 1_000_034) == 0)
      #expect(unlink(root + "/opaque/shown") == 0)
    }
    #expect(try FileSystem.read(store.upperPath(plan.container) + "/kept", maxBytes: 99) == Array("changed".utf8))
    #expect(
      status(store.upperPath(plan.container) + "/kept").map { [$0.st_uid, $0.st_gid] } == [1_000_033, 1_000_034])
    #expect(try FileSystem.read(store.layerPath(lower) + "/kept", maxBytes: 99) == Array("lower".utf8))
    // Nothing of it was seen outside the thread's namespace.
    #expect(try FileSystem.list(store.rootfsPath).isEmpty)
    #expect(
      try !String(decoding: FileSystem.read("/proc/self/mountinfo", maxBytes: 4 << 20), as: UTF8.self).contains(
        scratch.root))
  }

  @Test func aHundredAndThirtyLayersFit() throws {
    let layers = try (1...130).map { number in
      try layer(number) { path in
        try write(path + "/file\(number)", "\(number)")
        try write(path + "/top", "\(number)")
      }
    }
    let plan = try plan(layers)
    let names = try NamespaceThread.run(unsharing: .mount, propagation: .private) { [store] in
      try store.mountRootfs(plan)
      #expect(try FileSystem.read(store.rootfsPath + "/top", maxBytes: 9) == Array("130".utf8))
      return try FileSystem.list(store.rootfsPath)
    }
    #expect(names.count == 131)
  }

  @Test func oneLayerWithTheHostsIDs() throws {
    let only = try layer(1) { try write($0 + "/file", "x") }
    let plan = try plan([only], isHost: true)
    try NamespaceThread.run(unsharing: .mount, propagation: .private) { [store] in
      try store.mountRootfs(plan)
      #expect(status(store.rootfsPath + "/file")?.st_uid == 0)
    }
  }

  @Test func detachedFilesLiveAsLongAsTheirDescriptor() throws {
    let only = try layer(1) { try write($0 + "/file", "image") }
    let plan = try plan([only])
    do {
      let files = RootedDirectory(try store.openDetached(plan))
      #expect(try files.read("/file", maxBytes: 9) == Array("image".utf8))
      #expect(try files.stat("/file").uid == 1_000_000)
      try files.createFile("/new", mode: 0o644).write(all: Array("x".utf8))
    }
    // The mount is gone, so the same files can be opened again and removed.
    _ = try store.openDetached(plan)
    #expect(FileSystem.exists(store.upperPath(plan.container) + "/new"))
    try store.removeWritable(plan.container)
  }

  @Test func whatIsMissingIsNamed() throws {
    let only = try layer(1) { _ in }
    var plan = try plan([only, chain(99)])
    let missing = #expect(throws: PlatformError.self) { try store.openDetached(plan) }
    #expect(missing?.code == .notFound)
    plan.layers = [only]
    plan.container = .random()
    let writable = #expect(throws: PlatformError.self) { try store.openDetached(plan) }
    #expect(writable?.message.contains("no writable layer") == true)
    plan.layers = []
    let none = #expect(throws: PlatformError.self) { try store.openDetached(plan) }
    #expect(none?.code == .invalidArgument)
    plan.layers = [only]
    plan.userNamespace = nil
    #expect(throws: PlatformError.self) { try store.openDetached(plan) }
  }

  @Test func capabilitiesOfFilesHoldForTheContainersRoot() throws {
    let capability: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0] + [UInt8](repeating: 0, count: 12)
    let only = try layer(1) { path in
      try write(path + "/ping", "x")
      try Descriptor.open(path + "/ping", flags: O_PATH).setxattr("security.capability", capability)
    }
    let files = RootedDirectory(try store.openDetached(plan([only])))
    let seen = try files.getxattr("/ping", "security.capability")
    // Revision 3 with the range's first id: no other namespace honours it.
    #expect(seen == [1, 0, 0, 3] + capability[4...] + [0x40, 0x42, 0x0F, 0])
  }
}
