import Glibc
import Testing

@testable import LinuxSystem

@Suite(.enabled(if: isRoot)) struct NamespaceTests {
  private let spawner = LinuxProcessSpawner()

  @Test func userNamespaceHasItsMaps() throws {
    let map = [IDMapEntry(inside: 0, outside: 200_000, count: 1000), IDMapEntry(inside: 5000, outside: 0, count: 1)]
    let namespace = try UserNamespace.create(uidMap: map, gidMap: [map[0]])
    #expect(try Namespace.identity(namespace) != Namespace.identity(Namespace.current(.user)))
    let request = ProcessRequest(
      executable: "/usr/bin/nsenter",
      arguments: [
        "nsenter", "--user=/proc/self/fd/7", "--preserve-credentials", "cat", "/proc/self/uid_map",
        "/proc/self/gid_map",
      ],
      environment: ["PATH=/usr/bin:/bin"], descriptors: [.init(child: 7, source: namespace.raw)])
    let result = try spawner.run(request)
    let numbers = text(result.stdout).split(whereSeparator: \.isWhitespace).joined(separator: " ")
    #expect(numbers == "0 200000 1000 5000 0 1 0 200000 1000")
  }

  @Test(arguments: [
    [], [IDMapEntry(inside: 0, outside: 0, count: 0)],
    [IDMapEntry(inside: 0, outside: 0, count: 10), IDMapEntry(inside: 5, outside: 100, count: 10)],
  ])
  func refusesWrongMaps(map: [IDMapEntry]) throws {
    #expect(try errorNumber { _ = try UserNamespace.create(uidMap: map, gidMap: map) } == EINVAL)
  }

  @Test func mountsOfAPrivateNamespaceStayThere() throws {
    let scratch = try Scratch()
    let target = scratch.at("target")
    try FileSystem.makeDirectory(target)
    let outside = try Namespace.identity(Namespace.current(.mnt))
    let seen = try NamespaceThread.run(unsharing: .mount) {
      try MountAPI.mount(source: "none", target: target, type: "tmpfs", data: "size=64k")
      try FileSystem.atomicWrite(target + "/inside", [], durable: false)
      let request = ProcessRequest(executable: "/bin/ls", arguments: ["ls", target])
      return (
        try LinuxProcessSpawner().run(request).stdout, try Namespace.identity(Namespace.current(.mnt))
      )
    }
    #expect(text(seen.0) == "inside\n")
    #expect(seen.1 != outside)
    #expect(try FileSystem.list(target) == [])
    #expect(try Namespace.identity(Namespace.current(.mnt)) == outside)
  }

  @Test func entersAndPinsANetworkNamespace() throws {
    let scratch = try Scratch()
    let path = scratch.at("net")
    let namespace = try NetworkNamespace.create()
    try Namespace.pin(namespace, at: path)
    defer { try? Namespace.unpin(path) }
    let pinned = try Namespace.open(path)
    let names = try NamespaceThread.run(entering: [pinned]) {
      try FileSystem.read("/proc/thread-self/net/dev", maxBytes: 4096)
    }
    #expect(text(names).split(separator: "\n").count == 3)
    try Namespace.unpin(path)
    #expect(!FileSystem.exists(path))
    try Namespace.unpin(path)
  }

  @Test func reportsWhatCouldNotBeEntered() throws {
    let file = try Descriptor.open("/dev/null", flags: O_RDONLY)
    #expect(throws: SystemError(errno: EINVAL, operation: "setns", subject: "namespace")) {
      try NamespaceThread.run(entering: [file]) {}
    }
  }

  @Test func passesErrorsOfTheBodyOn() throws {
    #expect(throws: SystemError(errno: ENOENT, operation: "open", subject: "/nowhere")) {
      try NamespaceThread.run { _ = try FileSystem.read("/nowhere", maxBytes: 1) }
    }
  }

  @Test func idMappedMountShowsShiftedOwners() throws {
    let scratch = try Scratch()
    let (source, target) = (scratch.at("source"), scratch.at("target"))
    try FileSystem.makeDirectory(source)
    try FileSystem.makeDirectory(target)
    try FileSystem.atomicWrite(source + "/file", [1], durable: false)
    let map = [IDMapEntry(inside: 0, outside: 300_000, count: 65536)]
    let owner = try NamespaceThread.run(unsharing: .mount) {
      let namespace = try UserNamespace.create(uidMap: map, gidMap: map)
      let mount = try MountAPI.openTree(source, clone: true)
      try MountAPI.setAttributes(mount, set: [.readOnly, .noSetUID], idmap: namespace)
      try MountAPI.moveMount(from: mount, to: target)
      var status = stat()
      try systemCall("stat") { stat(target + "/file", &status) }
      #expect(try errorNumber { try FileSystem.atomicWrite(target + "/other", [], durable: false) } == EROFS)
      return [status.st_uid, status.st_gid]
    }
    #expect(owner == [300_000, 300_000])
  }

  @Test func fileSystemContextMountsAndExplains() throws {
    let scratch = try Scratch()
    let target = scratch.path
    try NamespaceThread.run(unsharing: .mount) {
      let context = try FileSystemContext(type: "tmpfs")
      try context.set("size", "128k")
      let mount = try context.mount(attributes: .noExecution)
      try MountAPI.moveMount(from: mount, to: target)
      var status = statvfs()
      try systemCall("statvfs") { statvfs(target, &status) }
      #expect(UInt64(status.f_blocks) * UInt64(status.f_frsize) == 128 << 10)
      let wrong = try FileSystemContext(type: "tmpfs")
      #expect(try errorNumber { try wrong.set("size", "much") } == EINVAL)
    }
    #expect(try errorNumber { _ = try FileSystemContext(type: "nonesuch") } == ENODEV)
  }

  @Test func anOpenMountIsUnmountedWhateverItsNameLeadsTo() throws {
    let scratch = try Scratch()
    let base = scratch.path
    for folder in ["a/x", "b/x"] { try FileSystem.makeDirectories("\(base)/\(folder)") }
    let links = try Descriptor.open("/proc/self/fd", flags: O_PATH | O_DIRECTORY)
    let left = try NamespaceThread.run(unsharing: .mount) {
      for name in ["a", "b"] {
        try MountAPI.mount(source: name, target: "\(base)/\(name)/x", type: "tmpfs", data: "size=64k")
      }
      let opened = try Descriptor.open("\(base)/a/x", flags: O_PATH)
      for (from, to) in [("a", "c"), ("b", "a")] { try FileSystem.rename("\(base)/\(from)", to: "\(base)/\(to)") }
      try MountAPI.unmount(opened, by: links)
      return try MountTable.read().filter { $0.mountPoint.hasPrefix(base) }.map(\.mountPoint)
    }
    #expect(left == ["\(base)/a/x"])
  }
}
