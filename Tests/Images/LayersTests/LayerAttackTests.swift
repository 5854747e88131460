import ContentStore
import Glibc
import LinuxSystem
import Model
import Testing

@testable import Layers

/// The attack cases of area *layer*, each named by its id.
@Suite struct LayerAttackTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  @discardableResult
  private func apply(_ bytes: [UInt8], limits: LayerLimits = .standard) throws -> AppliedLayer {
    try LayerApplier(limits: limits).apply(MemorySource(bytes), to: scratch.root)
  }

  @discardableResult
  private func apply(_ tar: TarBytes) throws -> AppliedLayer { try apply(tar.finished) }

  /// Expects a refusal, and that nothing outside the root changed.
  private func expectRefused(
    _ bytes: [UInt8], _ code: PlatformError.Code = .invalidArgument, _ reason: String, limits: LayerLimits = .standard,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try scratch.outside()
    let error = #expect(throws: PlatformError.self, sourceLocation: sourceLocation) { try apply(bytes, limits: limits) }
    #expect(error?.code == code, sourceLocation: sourceLocation)
    #expect(error?.message.contains(reason) == true, "\(error?.message ?? "no error")", sourceLocation: sourceLocation)
    #expect(try scratch.outside() == before, sourceLocation: sourceLocation)
  }

  @Test(
    "ATT-001: parent path in tar name", arguments: ["../../etc/x", "a//../../../x", "..", "a/..", "/../etc/passwd"])
  func att001ParentPathInTarName(name: String) throws {
    var tar = TarBytes()
    tar.add(name, content: "evil")
    try expectRefused(tar.finished, .invalidArgument, "leads upwards")
  }

  @Test("ATT-002: absolute symlink then write through it")
  func att002AbsoluteSymlinkThenWriteThroughIt() throws {
    let outside = scratch.path + "/etc"
    var tar = TarBytes()
    tar.symbolicLink("link", to: outside)
    tar.add("link/file", content: "evil")
    tar.symbolicLink("passwd", to: outside + "/passwd")
    tar.add("passwd", content: "evil")
    let before = try scratch.outside()
    try apply(tar)
    #expect(try scratch.outside() == before)
    #expect(try scratch.text(outside.dropFirst() + "/file") == "evil")
    #expect(try scratch.text("passwd") == "evil")
    #expect(try FileSystem.read(outside + "/passwd", maxBytes: 10) == Array("host".utf8))
  }

  @Test("ATT-003: symlink chain up and out")
  func att003SymlinkChainUpAndOut() throws {
    var tar = TarBytes()
    tar.symbolicLink("b", to: "..")
    tar.symbolicLink("a", to: "b/..")
    tar.add("a/x", content: "inside")
    tar.add("a/etc/x", content: "inside")
    let before = try scratch.outside()
    try apply(tar)
    #expect(try scratch.outside() == before)
    #expect(try scratch.text("x") == "inside")
    #expect(try scratch.text("etc/x") == "inside")
    var direct = TarBytes()
    direct.symbolicLink("c", to: "..")
    direct.add("c/../../x", content: "evil")
    try expectRefused(direct.finished, .invalidArgument, "leads upwards")
  }

  @Test("ATT-003: endless links stop")
  func att003EndlessLinksStop() throws {
    var tar = TarBytes()
    tar.symbolicLink("a", to: "b")
    tar.symbolicLink("b", to: "a")
    tar.add("a/x", content: "evil")
    try expectRefused(tar.finished, .invalidArgument, "cannot be stored")
  }

  @Test("ATT-004: hard link to a host file")
  func att004HardLinkToAHostFile() throws {
    for (target, reason) in [("../../etc/passwd", "leads upwards"), (scratch.path + "/etc/passwd", "does not have")] {
      var tar = TarBytes()
      tar.hardLink("stolen", to: target)
      try expectRefused(tar.finished, .invalidArgument, reason)
      #expect(scratch.status("stolen") == nil)
    }
  }

  @Test("ATT-005: hard link through a symlink of the same layer")
  func att005HardLinkThroughASymlinkOfTheSameLayer() throws {
    for target in ["../../etc", "../etc", scratch.path + "/etc"] {
      var tar = TarBytes()
      tar.symbolicLink("d1", to: target)
      tar.hardLink("stolen", to: "d1/passwd")
      try expectRefused(tar.finished, .invalidArgument, "does not have")
      #expect(scratch.status("stolen") == nil)
    }
  }

  @Test("ATT-006: whiteout of dots is refused", arguments: [".wh.", ".wh..", ".wh...", "d/.wh..", "d/.wh..."])
  func att006WhiteoutOfDotsIsRefused(name: String) throws {
    var tar = TarBytes()
    tar.directory("d")
    tar.add(name)
    try expectRefused(tar.finished, .invalidArgument, "names no file")
  }

  @Test("ATT-006: whiteout outside its layer")
  func att006WhiteoutOutsideItsLayer() throws {
    var upward = TarBytes()
    upward.add("../.wh.etc")
    try expectRefused(upward.finished, .invalidArgument, "leads upwards")
    var linked = TarBytes()
    linked.symbolicLink("d", to: "..")
    linked.add("d/.wh.etc")
    let before = try scratch.outside()
    try apply(linked)
    #expect(try scratch.outside() == before)
    let node = try #require(scratch.status("etc"))
    #expect(node.st_mode & S_IFMT == S_IFCHR && node.st_rdev == 0)
  }

  @Test("ATT-007: opaque marker replaced by a symlink")
  func att007OpaqueMarkerReplacedByASymlink() throws {
    var tar = TarBytes()
    tar.directory("d")
    tar.symbolicLink("d/.wh..wh..opq", to: "/")
    try expectRefused(tar.finished, .invalidArgument, "no regular file")
    var linked = TarBytes()
    linked.symbolicLink("out", to: scratch.path + "/etc")
    linked.add("out/.wh..wh..opq")
    let before = try scratch.outside()
    try apply(linked)
    #expect(try scratch.outside() == before)
    #expect(try Descriptor.open(scratch.path + "/etc", flags: O_PATH).listxattr().isEmpty)
  }

  @Test("ATT-008: duplicate entries change kind")
  func att008DuplicateEntriesChangeKind() throws {
    var tar = TarBytes()
    tar.add("x", content: "one")
    tar.symbolicLink("x", to: scratch.path + "/etc/passwd")
    tar.add("x", content: "two")
    tar.directory("y")
    tar.add("y/inner", content: "gone")
    tar.symbolicLink("y", to: scratch.path + "/etc")
    tar.directory("y")
    tar.add("y/inner", content: "new")
    let before = try scratch.outside()
    try apply(tar)
    #expect(try scratch.outside() == before)
    #expect(try scratch.text("x") == "two")
    #expect(scratch.status("x").map { $0.st_mode & S_IFMT } == S_IFREG)
    #expect(scratch.status("y").map { $0.st_mode & S_IFMT } == S_IFDIR)
    #expect(try scratch.text("y/inner") == "new")
  }

  @Test("ATT-009: special files")
  func att009SpecialFiles() throws {
    var tar = TarBytes()
    for (name, type, major) in [("disk", "4", "0000010"), ("mem", "3", "0000001"), ("null", "3", "0000000")]
      as [(String, Character, String)]
    {
      tar.add(Array(name.utf8), type: type, mode: 0o666) { block in
        for (index, byte) in major.utf8.enumerated() { block[329 + index] = byte }
      }
    }
    tar.add("pipe", type: "6", mode: 0o622)
    tar.add("su", content: "#!", mode: 0o4755)
    // VFS_CAP_REVISION_2 with cap_net_raw, effective; then the same for another user namespace's root.
    let capability: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0] + [UInt8](repeating: 0, count: 12)
    var foreign = capability
    foreign[3] = 3
    foreign += [0, 0, 1, 0]
    tar.extended([("SCHILY.xattr.security.capability", capability)])
    tar.add("ping", content: "p", mode: 0o755)
    tar.extended([("SCHILY.xattr.security.capability", foreign)])
    tar.add("pong", content: "p", mode: 0o755)
    let layer = try apply(tar)
    for name in ["disk", "mem", "null"] { #expect(scratch.status(name) == nil) }
    #expect(layer.notes.filter { $0.contains("device") }.count == 3)
    #expect(scratch.status("pipe").map { $0.st_mode } == S_IFIFO | 0o622)
    #expect(scratch.status("su").map { $0.st_mode } == S_IFREG | 0o4755)
    let ping = try Descriptor.open(scratch.root + "/ping", flags: O_PATH)
    #expect(try ping.getxattr("security.capability") == capability)
    #expect(try scratch.attributes("pong").isEmpty)
    var socket = TarBytes()
    socket.add(Array("sock".utf8), type: "s")
    try expectRefused(socket.finished, .invalidArgument, "unknown type")
  }

  @Test("ATT-010: forbidden extended attributes")
  func att010ForbiddenExtendedAttributes() throws {
    var tar = TarBytes()
    tar.extended([
      ("SCHILY.xattr.trusted.overlay.opaque", "y"), ("SCHILY.xattr.trusted.overlay.redirect", "/.."),
      ("SCHILY.xattr.trusted.overlay.metacopy", ""), ("SCHILY.xattr.user.overlay.opaque", "y"),
      ("SCHILY.xattr.security.selinux", "system_u:object_r:etc_t:s0"), ("SCHILY.xattr.system.posix_acl_access", "x"),
      ("SCHILY.xattr.security.ima", "x"), ("SCHILY.xattr.user.note", "kept"),
    ])
    tar.directory("d")
    let layer = try apply(tar)
    #expect(try scratch.attributes("d") == ["user.note"])
    #expect(layer.notes.count == 7)
  }

  @Test("ATT-011: sparse and size lies")
  func att011SparseAndSizeLies() throws {
    var sparse = TarBytes()
    sparse.add(Array("big".utf8), type: "S") { block in
      // Real size 8 EiB in GNU's binary form, where its sparse header keeps it.
      block[483] = 0x80
      block[487] = 0x80
    }
    try expectRefused(sparse.finished, .invalidArgument, "sparse")
    var paxSparse = TarBytes()
    paxSparse.extended([("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "9223372036854775807")])
    paxSparse.add("big", content: "x")
    try expectRefused(paxSparse.finished, .invalidArgument, "sparse")
    for size in ["9223372036854775807", "99999999999999"] {
      var lie = TarBytes()
      lie.extended([("size", size)])
      lie.add("big", content: "x")
      try expectRefused(lie.finished, .resourceExhausted, "limit")
    }
    var short = TarBytes()
    short.extended([("size", "1000000")])
    short.add("big", content: "x")
    try expectRefused(short.finished, .invalidArgument, "in the middle of a file")
    var negative = TarBytes()
    negative.add(Array("big".utf8)) { block in
      for index in 124..<136 { block[index] = 0xFF }
    }
    try expectRefused(negative.finished, .invalidArgument, "size is negative")
    var huge = TarBytes()
    huge.add(Array("big".utf8)) { block in
      block[124] = 0x80
      block[128] = 0x7F
    }
    try expectRefused(huge.finished, .resourceExhausted, "limit")
    #expect((scratch.status("big")?.st_blocks ?? 0) < 16)
  }

  @Test(arguments: [
    "-9223372036854775808.5", "-9223372036854775808", "9223372036854775807.999999999", "1099511627777",
    "-1099511627777.1",
  ])
  func refusesTimesThatNoFileHas(_ time: String) throws {
    var tar = TarBytes()
    tar.extended([("mtime", time)])
    tar.add("file", content: "x")
    try expectRefused(tar.finished, .invalidArgument, "a time is out of range")
  }

  @Test(arguments: [[0x80, 0, 0, 0, 0x7F], [0xFF, 0xFF, 0xFF, 0xFF, 0x80]] as [[UInt8]])
  func refusesBinaryTimesThatNoFileHas(_ first: [UInt8]) throws {
    var tar = TarBytes()
    tar.add(Array("file".utf8), content: [1]) { block in
      for index in 136..<148 { block[index] = 0 }
      for (index, byte) in first.enumerated() { block[136 + index] = byte }
    }
    try expectRefused(tar.finished, .invalidArgument, "a time is out of range")
  }

  @Test("ATT-012: gzip bomb")
  func att012GzipBomb() throws {
    // 1 MiB of zeroes packed and repeated as members: ten GiB in ten MiB.
    let member = try Compress.gzip([UInt8](repeating: 0, count: 1 << 20))
    var header = TarBytes()
    header.add("big", content: "")
    var limits = LayerLimits()
    limits.ratioGraceBytes = 64 << 20
    let start = TarBytes.header(Array("big".utf8), size: 8 << 30)
    let bomb = try Compress.gzip(start) + (0..<10_240).flatMap { _ in member }
    let before = try residentBytes()
    try expectRefused(bomb, .resourceExhausted, "times its size", limits: limits)
    #expect(try residentBytes() - before < 100 << 20)
    limits.ratio = 1 << 40
    limits.totalBytes = 32 << 20
    try expectRefused(bomb, .resourceExhausted, "limit", limits: limits)
  }

  @Test("ATT-012: zstd window")
  func att012ZstdWindow() throws {
    // A frame header with a window of 2 GiB: descriptor without single segment, window exponent 21 (2^31).
    let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 21 << 3, 0x01, 0x00, 0x00]
    try expectRefused(frame, .resourceExhausted, "window")
  }

  @Test("ATT-012: ten thousand members")
  func att012TenThousandMembers() throws {
    var tar = TarBytes()
    tar.add("small", content: "x")
    let packed = try tar.finished.map { try Compress.gzip([$0]) } + (0..<10_000).map { _ in try Compress.gzip([]) }
    let layer = try apply(packed.flatMap { $0 })
    #expect(layer.diffID == ContentHasher.digest(of: tar.finished))
    #expect(try scratch.text("small") == "x")
  }

  @Test("ATT-013: a million tiny entries")
  func att013AMillionTinyEntries() throws {
    var limits = LayerLimits()
    limits.entries = 2_000
    var tar = TarBytes()
    for index in 0..<2_001 { tar.add("f\(index)") }
    try expectRefused(tar.finished, .resourceExhausted, "entries", limits: limits)
    #expect(LayerLimits.standard.entries < 1_000_000)
    // Directories that entries imply count as well.
    var implied = TarBytes()
    for index in 0..<1_001 { implied.add("a\(index)/b/c") }
    try expectRefused(implied.finished, .resourceExhausted, "entries", limits: limits)
  }

  @Test("ATT-013: deep directories")
  func att013DeepDirectories() throws {
    let deep = Array(String(repeating: "d/", count: 2_000).utf8)
    var tar = TarBytes()
    tar.extended([("path", deep)])
    tar.add("x", type: "5", mode: 0o755)
    try expectRefused(tar.finished, .resourceExhausted, "levels deep")
    // At the limit it works, and can be removed again.
    var allowed = TarBytes()
    allowed.extended([("path", Array(deep.prefix(2_048 - 2)))])
    allowed.add("x", type: "5", mode: 0o755)
    try apply(allowed)
    try FileSystem.removeTree(scratch.root)
  }

  @Test("ATT-014: name tricks that are refused")
  func att014NameTricksThatAreRefused() throws {
    let cases: [([UInt8], PlatformError.Code, String)] = [
      (Array("a\0b".utf8), .invalidArgument, "zero byte"),
      (Array(repeating: 0x61, count: 64 << 10), .resourceExhausted, "bytes"),
      (Array(repeating: 0x61, count: 256), .resourceExhausted, "more than 255 bytes"),
      (Array("file/".utf8), .invalidArgument, "like a directory"),
    ]
    for (name, code, reason) in cases {
      var tar = TarBytes()
      tar.extended([("path", name)])
      tar.add("x", content: "x")
      try expectRefused(tar.finished, code, reason)
    }
    var long = TarBytes()
    long.add(Array("././@LongLink".utf8), type: "L", content: Array("a\0b\0".utf8))
    long.add("x")
    try expectRefused(long.finished, .invalidArgument, "zero byte")
    var empty = TarBytes()
    empty.add("")
    try expectRefused(empty.finished, .invalidArgument, "empty name")
    var dot = TarBytes()
    dot.add(".", content: "x")
    try expectRefused(dot.finished, .invalidArgument, "is no directory")
  }

  @Test("ATT-014: name tricks that are stored exactly")
  func att014NameTricksThatAreStoredExactly() throws {
    let names: [[UInt8]] = [
      Array("new\nline".utf8), [0x66, 0xFF, 0xFE], Array("e\u{301}".utf8), Array("é".utf8), Array(" ".utf8),
      Array("-rf".utf8), [0xEF, 0x9E, 0x80], Array("\u{202E}txt".utf8), Array("\u{1B}[31m".utf8),
    ]
    var tar = TarBytes()
    for name in names { tar.add(name, content: name) }
    tar.add("./plain//name", content: "x")
    try apply(tar)
    let stored = try FileSystem.list(scratch.root).map { PathText.bytes(of: $0) }
    for name in names { #expect(stored.contains(name)) }
    #expect(stored.count == names.count + 1)
    #expect(try scratch.text("plain/name") == "x")
  }

  @Test("ATT-014: messages are escaped")
  func att014MessagesAreEscaped() {
    var tar = TarBytes()
    tar.add(Array("../\u{1B}[2J\n\u{202E}".utf8) + [0xFF] as [UInt8])
    let error = #expect(throws: PlatformError.self) { try apply(tar) }
    #expect(error?.message.contains(#"../\u{1b}[2J\u{a}\u{202e}\u{f7ff}"#) == true, "\(error?.message ?? "")")
    #expect(error?.message.unicodeScalars.allSatisfy { $0.value >= 0x20 } == true)
  }

  private func residentBytes() throws -> Int {
    let fields = String(decoding: try FileSystem.read("/proc/self/statm", maxBytes: 200), as: UTF8.self).split(
      separator: " ")
    return (Int(fields[1]) ?? 0) * 4096
  }
}
