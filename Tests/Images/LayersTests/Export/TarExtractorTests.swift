import Glibc
import LinuxSystem
import Model
import Testing

@testable import Layers

@Suite(.enabled(if: geteuid() == 0)) struct TarExtractorTests {
  let scratch: Scratch
  init() throws {
    scratch = try Scratch()
    try FileSystem.makeDirectory(scratch.root + "/data")
  }

  private func extract(
    _ bytes: [UInt8], to path: String = "/data", ids: IDRange = Export.ids, keepKind: Bool = false,
    copyOwners: Bool = true, makesDevices: Bool = false, limits: LayerLimits = .standard
  ) throws {
    let file = try Export.create(scratch.path + "/in.tar")
    try file.write(all: bytes)
    lseek(file.raw, 0, SEEK_SET)
    try TarExtractor.extract(
      from: file, into: RootedDirectory(path: scratch.root), path: path,
      options: TarExtractor.Options(
        ids: ids, keepKind: keepKind, copyOwners: copyOwners,
        makesDevices: makesDevices, limits: limits))
  }

  private func expectRefused(
    _ tar: TarBytes, _ code: PlatformError.Code = .invalidArgument, _ reason: String, keepKind: Bool = false,
    limits: LayerLimits = .standard, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try outside()
    let error = #expect(throws: PlatformError.self, sourceLocation: sourceLocation) {
      try extract(tar.finished, keepKind: keepKind, limits: limits)
    }
    #expect(error?.code == code, sourceLocation: sourceLocation)
    #expect(error?.message.contains(reason) == true, "\(error?.message ?? "no error")", sourceLocation: sourceLocation)
    #expect(try outside() == before, sourceLocation: sourceLocation)
  }

  private func outside() throws -> [String] { try scratch.outside().filter { $0 != "in.tar" } }

  private var sample: TarBytes {
    var tar = TarBytes()
    tar.add("./", type: "5", mode: 0o700)
    tar.directory("a", mode: 0o2750)
    tar.add("a/file", content: "content", mode: 0o4755, uid: 33, gid: 34)
    tar.symbolicLink("a/link", to: "/etc/passwd")
    tar.hardLink("hard", to: "a/file")
    tar.add("implied/x", content: "y")
    tar.add("a/pipe", type: "6", mode: 0o622, uid: 5)
    tar.add(".wh.plain", content: "ordinary")
    tar.add(Array("a/zero".utf8), type: "3", mode: 0o666) { block in
      for (index, byte) in "0000001".utf8.enumerated() { block[329 + index] = byte }
      for (index, byte) in "0000005".utf8.enumerated() { block[337 + index] = byte }
    }
    return tar
  }

  @Test(arguments: CompressionFormat.allCases, [true, false])
  func everyPackingAndKindWithOwners(format: CompressionFormat, copyOwners: Bool) throws {
    let tar = sample.finished
    let packed =
      switch format {
      case .none: tar
      case .gzip: try Compress.gzip(tar)
      case .zstd: try Compress.zstd(tar)
      case .xz: try Compress.xz(tar)
      case .bzip2: try Compress.bzip2(tar)
      }
    try extract(packed, copyOwners: copyOwners)
    let first = Export.ids.first
    let file = try #require(scratch.status("data/a/file"))
    #expect(file.st_uid == (copyOwners ? first + 33 : first) && file.st_gid == (copyOwners ? first + 34 : first))
    #expect(file.st_mode == S_IFREG | 0o4755 && file.st_nlink == 2)
    #expect(file.st_mtim.tv_sec == 1_700_000_000)
    let directory = try #require(scratch.status("data/a"))
    #expect(directory.st_uid == first && directory.st_mode == S_IFDIR | 0o2750)
    #expect(directory.st_mtim.tv_sec == 1_700_000_000)
    let implied = try #require(scratch.status("data/implied"))
    #expect(implied.st_uid == first && implied.st_gid == first && implied.st_mode == S_IFDIR | 0o755)
    #expect(scratch.status("data/a/link")?.st_uid == first)
    let pipe = try #require(scratch.status("data/a/pipe"))
    #expect(pipe.st_mode == S_IFIFO | 0o622 && pipe.st_uid == (copyOwners ? first + 5 : first))
    #expect(try scratch.text("data/.wh.plain") == "ordinary")
    #expect(scratch.status("data/a/zero") == nil)
    // The directory of the request keeps its own owner and mode.
    #expect(scratch.status("data")?.st_mode == S_IFDIR | 0o755 && scratch.status("data")?.st_uid == 0)
  }

  @Test func devicesAreMadeWhereAsked() throws {
    try extract(sample.finished, ids: .host, makesDevices: true)
    let zero = try #require(scratch.status("data/a/zero"))
    #expect(zero.st_mode == S_IFCHR | 0o666 && zero.st_rdev == dev_t(DeviceNumber(major: 1, minor: 5).encoded))
    #expect(scratch.status("data/a/file")?.st_uid == 33)
  }

  @Test func whatGoesOutComesBack() throws {
    try Export.setOwner(scratch.root + "/data", Export.ids.first + 1, Export.ids.first + 2)
    try extract(sample.finished)
    let archive = scratch.path + "/out.tar"
    let root = try RootedDirectory(path: scratch.root)
    try TarExporter.export(root, path: "/data", prefix: "data", ids: Export.ids, to: Export.create(archive))
    let first = try FileSystem.read(archive, maxBytes: 1 << 20)
    try FileSystem.removeTree(scratch.root + "/data")
    try extract(first, to: "/")
    try TarExporter.export(root, path: "/data", prefix: "data", ids: Export.ids, to: Export.create(archive))
    #expect(try FileSystem.read(archive, maxBytes: 1 << 20) == first)
  }

  @Test func capabilitiesHoldInTheContainerOnly() throws {
    var tar = TarBytes()
    tar.extended([
      ("SCHILY.xattr.security.capability", Export.capability), ("SCHILY.xattr.user.note", [1]),
      ("SCHILY.xattr.trusted.overlay.opaque", [121]), ("SCHILY.xattr.user.overlay.opaque", [121]),
    ])
    tar.add("ping", content: "p", mode: 0o755)
    try extract(tar.finished)
    let file = try Export.open(scratch.root + "/data/ping")
    #expect(try file.listxattr() == ["security.capability", "user.note"])
    #expect(
      try file.getxattr("security.capability") == FileCapability.rooted(Export.capability, root: Export.ids.first))
  }

  @Test func kindsAreKeptOnDemand() throws {
    try FileSystem.makeDirectory(scratch.root + "/data/d")
    try Export.write(scratch.root + "/data/d/inner", "kept")
    try Export.write(scratch.root + "/data/f", "kept")
    var file = TarBytes()
    file.add("d", content: "new")
    try expectRefused(
      file, "cannot overwrite directory \"/data/d\" with non-directory \"/data\"", keepKind: true)
    var link = TarBytes()
    link.symbolicLink("d", to: "/")
    try expectRefused(
      link, "cannot overwrite directory \"/data/d\" with non-directory \"/data\"", keepKind: true)
    var directory = TarBytes()
    directory.directory("f")
    try expectRefused(
      directory, "cannot overwrite non-directory \"/data/f\" with directory \"/data\"", keepKind: true)
    #expect(try scratch.text("data/d/inner") == "kept" && scratch.text("data/f") == "kept")
    var both = file
    both.directory("f", mode: 0o700)
    try extract(both.finished)
    #expect(try scratch.text("data/d") == "new")
    #expect(scratch.status("data/f")?.st_mode == S_IFDIR | 0o700)
  }

  private func expectRefused(
    _ tar: TarBytes, _ reason: String, keepKind: Bool, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try expectRefused(tar, .invalidArgument, reason, keepKind: keepKind, sourceLocation: sourceLocation)
  }

  @Test func existingDirectoriesStayWithWhatIsInThem() throws {
    try FileSystem.makeDirectory(scratch.root + "/data/d", mode: 0o700)
    try Export.write(scratch.root + "/data/d/inner", "kept")
    var tar = TarBytes()
    tar.directory("d", mode: 0o711)
    tar.add("d/new", content: "new")
    try extract(tar.finished, keepKind: true)
    #expect(try scratch.text("data/d/inner") == "kept" && scratch.text("data/d/new") == "new")
    #expect(scratch.status("data/d")?.st_mode == S_IFDIR | 0o711)
  }

  @Test(arguments: [
    ("/none", PlatformError.Code.notFound), ("/file", .notFound), ("/circle", .invalidArgument),
  ])
  func onlyDirectoriesAreWrittenInto(path: String, code: PlatformError.Code) throws {
    try Export.write(scratch.root + "/file", "")
    try systemCall("symlink") { symlink("circle", scratch.root + "/circle") }
    let error = #expect(throws: PlatformError.self) { try extract(sample.finished, to: path) }
    #expect(error?.code == code)
  }

  @Test func boundsHold() throws {
    var limits = LayerLimits()
    limits.entries = 3
    try expectRefused(sample, .resourceExhausted, "more than 3 entries", limits: limits)
    limits = LayerLimits()
    limits.totalBytes = 2_000
    try expectRefused(sample, .resourceExhausted, "more than 2000 bytes", limits: limits)
    limits = LayerLimits()
    limits.depth = 1
    try expectRefused(sample, .resourceExhausted, "levels deep", limits: limits)
    limits = LayerLimits()
    limits.ratioGraceBytes = 1 << 20
    limits.ratio = 100
    var bomb = TarBytes()
    bomb.add("zeroes", content: String(repeating: "\0", count: 8 << 20))
    let error = #expect(throws: PlatformError.self) {
      try extract(Compress.gzip(bomb.finished), limits: limits)
    }
    #expect(error?.code == .resourceExhausted)
    #expect(error?.message.contains("100 times its size") == true)
    var owner = TarBytes()
    owner.add("x", uid: 65_536)
    try expectRefused(owner, .invalidArgument, "which the container does not have")
  }
}
