import Glibc
import Testing

@testable import LinuxSystem

@Suite struct RootedDirectoryTests {
  /// scratch/root is the root; scratch/outside must never be reached.
  private struct House {
    let scratch: Scratch
    let root: RootedDirectory

    init(_ confinement: RootedDirectory.Confinement) throws {
      scratch = try Scratch()
      try FileSystem.makeDirectories(scratch.at("root/etc/sub"))
      try FileSystem.makeDirectory(scratch.at("outside"))
      try scratch.write("outside/secret", "secret")
      try scratch.write("secret", "secret")
      try scratch.write("root/etc/secret", "inside")
      root = try RootedDirectory(path: scratch.at("root"), confinement: confinement)
      try root.symlink("\(scratch.path)/outside", at: "absolute")
      try root.symlink("../outside", at: "upwards")
      try root.symlink("../../../../../../../etc", at: "farUpwards")
      try root.symlink("/etc", at: "innerAbsolute")
      try root.symlink("etc/sub", at: "inner")
      try root.symlink("loop", at: "loop")
      try root.symlink("/proc/self/root/etc/passwd", at: "magic")
    }
  }

  @Test(
    arguments: [
      ("../outside/secret", ENOENT), ("../secret", ENOENT), ("/../../outside/secret", ENOENT),
      ("etc/../../outside/secret", ENOENT), ("absolute/secret", ENOENT), ("upwards/secret", ENOENT),
      ("magic", ENOENT), ("loop", ELOOP), ("etc/secret/x", ENOTDIR), ("inner/../secret", nil),
      ("farUpwards/secret", nil), ("innerAbsolute/secret", nil), ("/etc/secret", nil), ("../etc/secret", nil),
      ("etc/\0secret", EINVAL),
    ] as [(String, Int32?)])
  func insideOfTheRootEverythingStaysInside(path: String, code: Int32?) throws {
    let house = try House(.inRoot)
    var content = ""
    #expect(try errorNumber { content = text(try house.root.read(path, maxBytes: 100)) } == code)
    #expect(content == (code == nil ? "inside" : ""))
  }

  @Test(
    arguments: [
      ("../outside/secret", EXDEV), ("etc/../../outside/secret", EXDEV), ("absolute/secret", EXDEV),
      ("upwards/secret", EXDEV), ("innerAbsolute/secret", EXDEV), ("farUpwards/secret", EXDEV), ("magic", EXDEV),
      ("inner/../secret", nil), ("etc/secret", nil), ("/etc/secret", nil),
    ] as [(String, Int32?)])
  func beneathRefusesWhatLeadsOut(path: String, code: Int32?) throws {
    let house = try House(.beneath)
    var content = ""
    #expect(try errorNumber { content = text(try house.root.read(path, maxBytes: 100)) } == code)
    #expect(content == (code == nil ? "inside" : ""))
  }

  @Test func magicLinksAreRefused() throws {
    let proc = try RootedDirectory(path: "/proc/self", confinement: .inRoot)
    #expect(try errorNumber { _ = try proc.open("root/etc/passwd", flags: O_RDONLY) } == ELOOP)
    #expect(try errorNumber { _ = try proc.open("fd/0", flags: O_RDONLY) } == ELOOP)
  }

  @Test(arguments: ["", "/", ".", "..", "etc/..", "etc/."])
  func aNameIsNeededToCreateOrRemove(path: String) throws {
    let house = try House(.inRoot)
    #expect(try errorNumber { try house.root.makeDirectory(path) } == EINVAL)
    #expect(try errorNumber { try house.root.removeTree(path) } == EINVAL)
  }

  @Test func componentsAndPathsAreBounded() throws {
    let house = try House(.inRoot)
    let longest = String(repeating: "x", count: Limits.nameBytes)
    try house.root.makeDirectory(longest)
    #expect(try errorNumber { try house.root.makeDirectory(longest + "x") } == ENAMETOOLONG)
    let deep = String(repeating: "d/", count: Limits.pathBytes / 2)
    #expect(try errorNumber { _ = try house.root.open(deep, flags: O_PATH) } == ENAMETOOLONG)
  }

  @Test func lastComponentsAreNotFollowed() throws {
    let house = try House(.inRoot)
    let root = house.root
    #expect(try root.stat("absolute").type == .symbolicLink)
    #expect(try errorNumber { _ = try root.stat("absolute", followLink: true) } == ENOENT)
    #expect(try root.readLink("absolute") == "\(house.scratch.path)/outside")
    #expect(try errorNumber { _ = try root.readLink("etc") } == EINVAL)
    #expect(try errorNumber { _ = try root.createFile("absolute", mode: 0o600) } == EEXIST)
    try root.removeTree("absolute")
    try root.unlink("upwards")
    #expect(FileSystem.exists(house.scratch.at("outside/secret")))
    #expect(try !root.exists("absolute"))
  }

  @Test func makesWhatIsMissing() throws {
    let house = try House(.inRoot)
    try house.root.makeDirectories("innerAbsolute/new/deep/", mode: 0o2770)
    #expect(try house.root.stat("/etc/new/deep").mode == 0o2770)
    try house.root.makeDirectories("/etc/new/deep")
    #expect(try errorNumber { try house.root.makeDirectories("missing/../x") } == EINVAL)
    #expect(try errorNumber { try house.root.makeDirectories("etc/secret/x") } == ENOTDIR)
    #expect(try house.root.list("etc") == ["new", "secret", "sub"])
  }

  @Test func renamesAndLinks() throws {
    let house = try House(.inRoot)
    defer { withExtendedLifetime(house) {} }
    let root = house.root
    try root.hardLink(from: "etc/secret", to: "inner/second")
    #expect(try root.stat("etc/secret").linkCount == 2)
    #expect(try errorNumber { try root.rename(from: "etc/secret", to: "inner/second", noReplace: true) } == EEXIST)
    try root.rename(from: "inner", to: "etc", exchange: true)
    #expect(try root.stat("etc").type == .symbolicLink)
  }

  @Test(.enabled(if: isRoot)) func changesMetadataOfTheFileItself() throws {
    let house = try House(.inRoot)
    let root = house.root
    _ = try root.createFile("file", mode: 0o666)
    try root.chown("file", uid: 1234, gid: 5678)
    try root.chmod("file", mode: 0o4755)
    let time = FileTime(seconds: -5, nanoseconds: 7)
    try root.utimens("file", access: time, modification: time)
    try root.setxattr("file", "user.note", [1, 0, 2])
    let status = try root.stat("file")
    #expect([status.uid, status.gid, status.mode] == [1234, 5678, 0o4755])
    #expect(status.modificationTime == time)
    #expect(try root.listxattr("file") == ["user.note"])
    #expect(try root.getxattr("file", "user.note") == [1, 0, 2])
    #expect(try errorNumber { _ = try root.getxattr("file", "user.other") } == ENODATA)
    try root.chown("absolute", uid: 1, gid: 1)
    #expect(try root.stat("absolute").uid == 1)
    #expect(try RootedDirectory(path: house.scratch.path).stat("outside").uid == 0)
    #expect(try errorNumber { try root.chmod("absolute", mode: 0o777) } == EOPNOTSUPP)
    try root.mknod("null", type: .characterDevice, mode: 0o666, device: DeviceNumber(major: 1, minor: 3))
    #expect(try root.stat("null").rawDevice == DeviceNumber(major: 1, minor: 3))
    #expect(try root.stat("null").mode == 0o666)
  }

  @Test(arguments: [(0, 0), (1, 3), (259, 300), (4095, 1_048_575), (0xFFFF_FFFF, 0xFFFF_FFFF)] as [(UInt32, UInt32)])
  func deviceNumbersSurvive(major: UInt32, minor: UInt32) {
    let device = DeviceNumber(major: major, minor: minor)
    #expect(DeviceNumber(encoded: device.encoded) == device)
    #expect(device.encoded != 0x103 || (major == 1 && minor == 3))
  }

  @Test func walksInOrderWithoutFollowing() throws {
    let house = try House(.inRoot)
    defer { withExtendedLifetime(house) {} }
    let root = house.root
    var seen: [String] = []
    try root.walk { entry in
      seen.append(entry.path)
      return entry.path == "etc/sub" ? .skip : .enter
    }
    #expect(
      seen == [
        "", "absolute", "etc", "etc/secret", "etc/sub", "farUpwards", "inner", "innerAbsolute", "loop", "magic",
        "upwards",
      ])
    var opened = ""
    try root.walk("etc") { entry in
      guard entry.name == "secret" else { return .enter }
      opened = text(try entry.open(flags: O_RDONLY).readAll(maxBytes: 10))
      return .stop
    }
    #expect(opened == "inside")
  }

  @Test func walksDeepTrees() throws {
    let scratch = try Scratch()
    let depth = 1500
    try RootedDirectory(path: scratch.path).makeDirectories(String(repeating: "d/", count: depth))
    var count = 0
    try RootedDirectory(path: scratch.path).walk { _ in
      count += 1
      return .enter
    }
    #expect(count == depth + 1)
  }
}
