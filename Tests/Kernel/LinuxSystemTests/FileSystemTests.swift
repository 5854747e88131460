import Glibc
import Testing

@testable import LinuxSystem

@Suite struct FileSystemTests {
  @Test func atomicWriteReplacesContentAndMode() throws {
    let scratch = try Scratch()
    let path = scratch.at("file")
    try FileSystem.atomicWrite(path, [1, 2, 3], mode: 0o666, durable: true)
    var status = stat()
    #expect(stat(path, &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o666)
    try FileSystem.atomicWrite(path, [], mode: 0o600, durable: false)
    #expect(try FileSystem.read(path, maxBytes: 0) == [])
    #expect(try FileSystem.list(scratch.path) == ["file"])
  }

  @Test func failedWriteLeavesNothing() throws {
    let scratch = try Scratch()
    try FileSystem.makeDirectories(scratch.at("directory/below"))
    #expect(try errorNumber { try FileSystem.atomicWrite(scratch.at("directory"), [1]) } == EISDIR)
    #expect(try FileSystem.list(scratch.path) == ["directory"])
  }

  @Test(arguments: [(0, 9, EFBIG), (9, 9, EFBIG), (10, 10, nil), (11, 10, nil)] as [(Int, Int, Int32?)])
  func readIsBounded(bound: Int, size: Int, code: Int32?) throws {
    let scratch = try Scratch()
    try FileSystem.atomicWrite(scratch.at("file"), [UInt8](repeating: 7, count: 10), durable: false)
    #expect(try errorNumber { _ = try FileSystem.read(scratch.at("file"), maxBytes: bound) } == code)
  }

  @Test func pathsAreJudgedWhereTheyLeadWhetherTheyAreThereOrNot() throws {
    let scratch = try Scratch()
    try FileSystem.makeDirectories(scratch.at("a/b"))
    for (name, target) in [
      ("up", "a/b/../.."), ("far", "/etc"), ("gone", "/nowhere/here"), ("one", "two"), ("two", "one"),
    ] { symlink(target, scratch.at(name)) }
    let root = scratch.path
    for (path, led) in [
      ("\(root)/a/./b/", "\(root)/a/b"), ("\(root)/up/a/missing/x", "\(root)/a/missing/x"),
      ("\(root)/far/missing", "/etc/missing"), ("\(root)/gone/x", "/nowhere/here/x"),
      ("\(root)/a/missing/../../far", "/etc"), ("/..", "/"), ("/", "/"), ("\(root)/one/x", "\(root)/one/x"),
    ] { #expect(FileSystem.resolved(path) == led, "\(path)") }
  }

  @Test func makeDirectoriesReportsWhatIsInTheWay() throws {
    let scratch = try Scratch()
    try scratch.write("file")
    try FileSystem.makeDirectories(scratch.at("a/b/c"))
    try FileSystem.makeDirectories(scratch.at("a/b/c"))
    #expect(try errorNumber { try FileSystem.makeDirectories(scratch.at("file/b")) } == ENOTDIR)
    #expect(try errorNumber { try FileSystem.makeDirectories(scratch.at("file")) } == ENOTDIR)
    #expect(try errorNumber { try FileSystem.makeDirectory(scratch.at("a")) } == EEXIST)
  }

  @Test(arguments: [
    ("/a/b", "/a", "b"), ("/a", "/", "a"), ("a", ".", "a"), ("a/b/", "a", "b"), ("/", "/", ""), ("a//b", "a", "b"),
  ])
  func splitsPaths(path: String, parent: String, last: String) {
    #expect(FileSystem.parent(of: path) == parent)
    #expect(FileSystem.lastComponent(of: path) == last)
  }

  @Test(
    arguments: [
      [0x61], [0xC3, 0xA9], [0xE9], [0xFF, 0xFE, 0x80], [0xEF, 0x9E, 0x80], [0xEF, 0x9F, 0xBF], [0xEF, 0x9C, 0x80],
      [0x61, 0xE2, 0x82, 0x62], [0xF0, 0x9F, 0x98, 0x80], [0xED, 0xA0, 0x80], [],
    ] as [[UInt8]])
  func namesOfAnyBytesSurvive(bytes: [UInt8]) {
    #expect(PathText.bytes(of: PathText.text(of: bytes)) == bytes)
  }

  @Test func invalidNamesAreListedAndOpened() throws {
    let scratch = try Scratch()
    let name = PathText.text(of: [0x66, 0xFF])
    try scratch.write(name, "content")
    #expect(try FileSystem.list(scratch.path).map(PathText.bytes) == [[0x66, 0xFF]])
    #expect(try scratch.text(name) == "content")
  }

  @Test(arguments: ["", ".", "..", "/"])
  func removeTreeRefusesWhatIsNoName(path: String) throws {
    #expect(try errorNumber { try FileSystem.removeTree(path) } == EINVAL)
  }

  @Test func removeTreeTakesDeepAndWideTrees() throws {
    let scratch = try Scratch()
    let depth = 4096
    try FileSystem.makeDirectory(scratch.at("tree"))
    try FileSystem.makeDirectory(scratch.at("kept"))
    try scratch.write("kept/file")
    var current = try Descriptor.open(scratch.at("tree"), flags: O_RDONLY | O_DIRECTORY)
    for _ in 0..<depth {
      #expect(mkdirat(current.raw, "d", 0o700) == 0)
      #expect(mkdirat(current.raw, "e", 0o700) == 0)
      #expect(symlinkat("\(scratch.path)/kept", current.raw, "link") == 0)
      let next = openat(current.raw, "d", O_RDONLY | O_DIRECTORY)
      current = Descriptor(owning: next)
    }
    try FileSystem.removeTree(scratch.at("tree"))
    try FileSystem.removeTree(scratch.at("tree"))
    #expect(try FileSystem.list(scratch.path) == ["kept"])
    #expect(FileSystem.exists(scratch.at("kept/file")))
  }

  @Test(.enabled(if: isRoot)) func removeTreeStopsAtMounts() throws {
    let scratch = try Scratch()
    try FileSystem.makeDirectories(scratch.at("tree/mounted"))
    try FileSystem.makeDirectory(scratch.at("source"))
    try scratch.write("source/file")
    let code = try NamespaceThread.run(unsharing: .mount) {
      try MountAPI.mount(source: scratch.at("source"), target: scratch.at("tree/mounted"), flags: .bind)
      return try errorNumber { try FileSystem.removeTree(scratch.at("tree")) }
    }
    #expect(code == EBUSY)
    #expect(FileSystem.exists(scratch.at("source/file")))
  }
}
