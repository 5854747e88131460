import Glibc
import LinuxSystem
import Model
import Testing

@testable import Layers

@Suite(.enabled(if: geteuid() == 0)) struct TarExporterTests {
  let scratch: Scratch
  let ids = Export.ids
  init() throws { scratch = try Scratch() }

  private var archive: String { scratch.path + "/out.tar" }

  private func export(
    _ path: String, as prefix: String, ids: IDRange = Export.ids, crossesMounts: Bool = true
  ) throws {
    try TarExporter.export(
      RootedDirectory(path: scratch.root), path: path, prefix: prefix, ids: ids, to: Export.create(archive),
      crossesMounts: crossesMounts)
  }

  /// One of everything, owned by a container's user 33.
  private func fill() throws {
    let root = scratch.root
    try FileSystem.makeDirectory(root + "/d", mode: 0o1777)
    try Export.write(root + "/d/file", "content", mode: 0o4711)
    try systemCall("link") { link(root + "/d/file", root + "/d/hard") }
    try systemCall("symlink") { symlink("/etc/passwd", root + "/d/link") }
    try systemCall("mkfifo") { mkfifo(root + "/d/pipe", 0o622) }
    try systemCall("mknod") {
      mknod(root + "/d/zero", S_IFCHR | 0o666, dev_t(DeviceNumber(major: 1, minor: 5).encoded))
    }
    let server = try UnixSocket.listen(root + "/d/socket", mode: 0o600)
    withExtendedLifetime(server) {}
    for name in ["file", "link", "pipe", "zero"] {
      try Export.setOwner("\(root)/d/\(name)", ids.first + 33, ids.first + 65_535)
    }
    for (name, mode) in [("file", 0o4711), ("pipe", 0o622), ("zero", 0o640)] as [(String, mode_t)] {
      try systemCall("chmod") { chmod("\(root)/d/\(name)", mode) }
    }
    try Export.setAttribute(root + "/d/file", "user.note", [1, 2])
    try Export.setAttribute(root + "/d/file", "user.a=b", [1])
    try Export.setAttribute(
      root + "/d/file", "security.capability", FileCapability.rooted(Export.capability, root: ids.first))
    try Export.setAttribute(root + "/d", "trusted.overlay.opaque", [121])
    try Export.setAttribute(root + "/d", "user.overlay.opaque", [121])
    for name in ["file", "link", "pipe", "zero", ""] { try Export.setTime("\(root)/d/\(name)", 1_700_000_000) }
  }

  @Test func everyKindComesWithTheContainersOwners() throws {
    try fill()
    try export("/d", as: "name")
    let entries = try Export.entries(archive)
    #expect(
      entries.map { PathText.text(of: $0.name) } == [
        "name/", "name/file", "name/hard", "name/link", "name/pipe", "name/zero",
      ])
    #expect(entries.map(\.kind) == [.directory, .file, .hardLink, .symbolicLink, .fifo, .characterDevice])
    #expect(entries.map(\.mode) == [0o1777, 0o4711, 0o4711, 0o777, 0o622, 0o640])
    // The directory belongs to the host's root, whom the container does not know.
    #expect(entries.map(\.uid) == [65_534, 33, 33, 33, 33, 33])
    #expect(entries.map(\.gid) == [65_534, 65_535, 65_535, 65_535, 65_535, 65_535])
    #expect(entries.allSatisfy { $0.modified == FileTime(seconds: 1_700_000_000) })
    #expect(entries[2].linkName == Array("name/file".utf8))
    #expect(entries[3].linkName == Array("/etc/passwd".utf8))
    #expect(entries[5].device == DeviceNumber(major: 1, minor: 5))
    #expect(entries[0].attributes.isEmpty)
    #expect(entries[1].attributes.map { PathText.text(of: $0.name) } == ["security.capability", "user.note"])
    #expect(entries[1].attributes.map(\.value) == [Export.capability, [1, 2]])
  }

  @Test func tarAndPythonReadIt() throws {
    try fill()
    try export("/", as: ".")
    let listed = try Export.run(["tar", "--numeric-owner", "-tvf", archive])
    let lines = listed.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
    #expect(lines.count == 7)
    #expect(lines[0].hasSuffix(" ./"))
    #expect(lines[1] == "drwxrwxrwt 65534/65534 0 2023-11-14 22:13 ./d/")
    #expect(lines[2] == "-rws--x--x 33/65535 7 2023-11-14 22:13 ./d/file")
    #expect(lines[3] == "hrws--x--x 33/65535 0 2023-11-14 22:13 ./d/hard link to ./d/file")
    #expect(lines[4] == "lrwxrwxrwx 33/65535 0 2023-11-14 22:13 ./d/link -> /etc/passwd")
    #expect(lines[6] == "crw-r----- 33/65535 1,5 2023-11-14 22:13 ./d/zero")
    let python = try Export.run([
      "python3", "-c",
      "import sys,tarfile; t=tarfile.open(sys.argv[1]); print([(m.name, m.type.decode()) for m in t]);"
        + "print(t.extractfile('./d/hard').read(), t.getmember('./d/file').pax_headers['SCHILY.xattr.user.note'])",
      archive,
    ])
    #expect(python.contains("('./d/hard', '1')"))
    #expect(python.contains("b'content' \u{1}\u{2}"))
  }

  @Test func theSameTreeGivesTheSameBytes() throws {
    try fill()
    try export("/", as: ".")
    let first = try FileSystem.read(archive, maxBytes: 1 << 20)
    try export("/", as: ".")
    #expect(try FileSystem.read(archive, maxBytes: 1 << 20) == first)
  }

  @Test(arguments: [
    ("/d/link", "x", ["x"]), ("/d/file", "y", ["y"]), ("/to-d", "z", ["z"]), ("/to-d/", "z", ["z/", "z/file"]),
    ("/to-d/.", ".", ["./", "./file"]), ("/d", "", ["file"]), ("d/../d/./file", "f", ["f"]),
    ("/../../d/file", "f", ["f"]),
  ])
  func namesAreThosePrefixSays(path: String, prefix: String, names: [String]) throws {
    try FileSystem.makeDirectory(scratch.root + "/d")
    try Export.write(scratch.root + "/d/file", "content")
    try systemCall("symlink") { symlink("d", scratch.root + "/to-d") }
    if path == "/d/link" { try systemCall("symlink") { symlink("file", scratch.root + "/d/link") } }
    try export(path, as: prefix)
    #expect(try Export.names(archive) == names)
  }

  @Test(arguments: [("/nothing", PlatformError.Code.notFound), ("/file/x", .notFound), ("/circle/x", .invalidArgument)])
  func pathsThatLeadNowhereAreRefused(path: String, code: PlatformError.Code) throws {
    try Export.write(scratch.root + "/file", "")
    try systemCall("symlink") { symlink("circle", scratch.root + "/circle") }
    let error = #expect(throws: PlatformError.self) { try export(path, as: ".") }
    #expect(error?.code == code)
  }

  @Test func att046LinksLeadNowhereOutside() throws {
    // Absolute and climbing links of the container are walked inside its root; the host's passwd is next to it.
    try systemCall("symlink") { symlink(scratch.path + "/etc", scratch.root + "/absolute") }
    try systemCall("symlink") { symlink("../../../../.." + scratch.path + "/etc", scratch.root + "/climbing") }
    try systemCall("symlink") { symlink("/proc/self/root", scratch.root + "/magic") }
    for path in ["/absolute/passwd", "/climbing/passwd", "/magic\(scratch.path)/etc/passwd", "/absolute/", "/../etc/"] {
      let error = #expect(throws: PlatformError.self) { try export(path, as: "x") }
      #expect(error?.code == .notFound)
    }
    // The link itself is what an archive gets.
    try export("/absolute", as: "x")
    #expect(try Export.entries(archive).map(\.kind) == [.symbolicLink])
  }

  @Test func att046SymlinkSwappedIntoThePath() throws {
    // A thread changes a directory for a link to the host's and back, as fast as it can.
    let root = scratch.root
    try FileSystem.makeDirectory(root + "/d")
    try Export.write(root + "/d/passwd", "mine")
    try systemCall("symlink") { symlink(scratch.path + "/etc", root + "/swap") }
    let rounds = 300
    let door = try RootedDirectory(path: root)
    let swapper = try Disturbance { try door.rename(from: "d", to: "swap", exchange: true) }
    for round in 0..<rounds {
      do {
        try export(round % 2 == 0 ? "/d/passwd" : "/", as: ".")
      } catch let error as PlatformError {
        #expect([.notFound, .conflict].contains(error.code))
        continue
      }
      let bytes = try FileSystem.read(archive, maxBytes: 1 << 20)
      #expect(!String(decoding: bytes, as: UTF8.self).contains("host\0"))
    }
    #expect(try swapper.stop() > rounds)
  }

  @Test func mountsAreCrossedOnDemandAndTheKernelsNever() throws {
    try FileSystem.makeDirectory(scratch.root + "/proc")
    try FileSystem.makeDirectory(scratch.root + "/volume")
    try FileSystem.makeDirectory(scratch.root + "/same")
    try Export.write(scratch.root + "/z", "last")
    let (path, root, archive) = (scratch.path, scratch.root, archive)
    for (crosses, expected) in [
      (true, ["./", "./proc/", "./same/", "./same/passwd", "./volume/", "./volume/x", "./z"]),
      (false, ["./", "./proc/", "./same/", "./same/passwd", "./volume/", "./z"]),
    ] {
      try NamespaceThread.run(unsharing: .mount, propagation: .private) {
        try Export.mount("proc", at: root + "/proc")
        try Export.mount("tmpfs", at: root + "/volume")
        try Export.write(root + "/volume/x", "volume")
        try MountAPI.moveMount(from: MountAPI.openTree(path + "/etc", clone: true), to: root + "/same")
        try TarExporter.export(
          RootedDirectory(path: root), path: "/", prefix: ".", ids: Export.ids, to: Export.create(archive),
          crossesMounts: crosses)
      }
      #expect(try Export.names(archive) == expected)
    }
  }

  @Test func aTreeBelowTheBoundIsRefusedAboveIt() throws {
    var current = try Descriptor.open(scratch.root, flags: O_RDONLY)
    for _ in 0..<1_100 {
      try systemCall("mkdirat") { mkdirat(current.raw, "d", 0o755) }
      current = Descriptor(owning: try systemCall("openat") { openat(current.raw, "d", O_RDONLY | O_DIRECTORY) })
    }
    let error = #expect(throws: PlatformError.self) { try export("/", as: ".") }
    #expect(error?.code == .resourceExhausted)
    // Deep enough for every descriptor to be reused on the way up.
    try FileSystem.removeTree(scratch.root + "/d")
    current = try Descriptor.open(scratch.root, flags: O_RDONLY)
    for _ in 0..<300 {
      try systemCall("mkdirat") { mkdirat(current.raw, "d", 0o755) }
      current = Descriptor(owning: try systemCall("openat") { openat(current.raw, "d", O_RDONLY | O_DIRECTORY) })
    }
    try Export.write(scratch.root + "/e", "behind")
    try export("/", as: ".")
    #expect(try Export.names(archive).count == 302)
  }

  @Test func aReaderThatGoesAwayEndsIt() throws {
    signal(SIGPIPE, SIG_IGN)
    for index in 0..<40 { try Export.write("\(scratch.root)/\(index)", String(repeating: "x", count: 20_000)) }
    let output = try brokenPipe()
    let error = #expect(throws: PlatformError.self) {
      try TarExporter.export(RootedDirectory(path: scratch.root), path: "/", prefix: ".", ids: ids, to: output)
    }
    #expect(error?.code == .cancelled)
  }

  private func brokenPipe() throws -> Descriptor { try Descriptor.pipe().write }
}
