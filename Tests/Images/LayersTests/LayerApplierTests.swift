import ContentStore
import Glibc
import LinuxSystem
import Model
import Testing

@testable import Layers

@Suite struct LayerApplierTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  private func apply(_ bytes: [UInt8], expected: Digest? = nil) throws -> AppliedLayer {
    try LayerApplier().apply(MemorySource(bytes, chunkBytes: 777), to: scratch.root, expectedDiffID: expected)
  }

  private var sample: [UInt8] {
    var tar = TarBytes()
    tar.add("./", type: "5", mode: 0o751)
    tar.directory("etc")
    tar.add("etc/hosts", content: String(repeating: "127.0.0.1 localhost\n", count: 5_000), uid: 3, gid: 4)
    tar.symbolicLink("etc/link", to: "hosts")
    tar.hardLink("etc/hard", to: "etc/hosts")
    tar.add("empty")
    return tar.finished
  }

  @Test(arguments: CompressionFormat.allCases)
  func everyPackingGivesTheSameTree(format: CompressionFormat) throws {
    let tar = sample
    let packed =
      switch format {
      case .none: tar
      case .gzip: try Compress.gzip(Array(tar[..<700])) + Compress.gzip(Array(tar[700...]))
      case .zstd: try Compress.zstd(Array(tar[..<700])) + Compress.zstd(Array(tar[700...]))
      case .xz: try Compress.xz(Array(tar[..<700])) + Compress.xz(Array(tar[700...]))
      case .bzip2: try Compress.bzip2(Array(tar[..<700])) + Compress.bzip2(Array(tar[700...]))
      }
    let layer = try apply(packed, expected: ContentHasher.digest(of: tar))
    #expect(layer.compression == format)
    #expect(layer.contentDigest == ContentHasher.digest(of: packed))
    #expect(layer.contentBytes == Int64(packed.count))
    #expect(layer.tarBytes == Int64(tar.count))
    #expect(layer.fileBytes == 100_000)
    #expect(layer.entries == 6)
    let hosts = try #require(scratch.status("etc/hosts"))
    #expect(hosts.st_uid == 3 && hosts.st_gid == 4 && hosts.st_nlink == 2 && hosts.st_size == 100_000)
    #expect(hosts.st_mtim.tv_sec == 1_700_000_000)
    #expect(scratch.status("etc")?.st_mtim.tv_sec == 1_700_000_000)
    #expect(scratch.status("etc/link").map { $0.st_mode & S_IFMT } == S_IFLNK)
    #expect(scratch.status("").map { $0.st_mode & 0o7777 } == 0o751)
  }

  @Test(arguments: [CompressionFormat.gzip, .zstd, .xz, .bzip2])
  func tornAndDamagedStreamsAreRefused(format: CompressionFormat) throws {
    let tar = sample
    let packed =
      switch format {
      case .gzip: try Compress.gzip(tar)
      case .zstd: try Compress.zstd(tar)
      case .xz: try Compress.xz(tar)
      default: try Compress.bzip2(tar)
      }
    let torn = #expect(throws: PlatformError.self) { try apply(Array(packed.dropLast(9))) }
    #expect(torn?.code == .invalidArgument)
    let trailing = #expect(throws: PlatformError.self) { try apply(packed + Array("rubbish".utf8)) }
    #expect(trailing?.code == .invalidArgument)
    try FileSystem.removeTree(scratch.root)
    try FileSystem.makeDirectory(scratch.root)
    if format != .xz { #expect(try apply(packed + [0, 0, 0, 0]).entries == 6) }
  }

  @Test func anotherDiffIDIsRefused() {
    let error = #expect(throws: PlatformError.self) {
      try apply(sample, expected: ContentHasher.digest(of: [1]))
    }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.contains("but the image says") == true)
  }

  @Test func whiteoutsTakeOverlaysForm() throws {
    var tar = TarBytes()
    tar.directory("d")
    tar.add("d/.wh..wh..opq")
    tar.add("d/.wh.gone")
    tar.add("e/.wh.gone")
    tar.add("f/.wh..wh.plnk")
    // The same layer's own file stays where a whiteout of its name hides a lower one, in either order.
    tar.add("d/both", content: "mine")
    tar.add("d/.wh.both")
    tar.add("d/.wh.later")
    tar.add("d/later", content: "mine")
    tar.directory("g")
    tar.add("g/x", content: "mine")
    tar.add(".wh.g")
    tar.add(".wh.h")
    tar.directory("h")
    tar.add(".wh.i")
    tar.add("i/deep/x", content: "mine")
    _ = try apply(tar.finished)
    for name in ["d/gone", "e/gone"] {
      let node = try #require(scratch.status(name))
      #expect(node.st_mode & S_IFMT == S_IFCHR && node.st_rdev == 0)
    }
    for name in ["d", "g", "h", "i"] { #expect(try scratch.attributes(name) == ["trusted.overlay.opaque"]) }
    #expect(try scratch.attributes("e").isEmpty)
    for name in ["d/both", "d/later", "g/x", "i/deep/x"] { #expect(try scratch.text(name) == "mine") }
    #expect(try FileSystem.list(scratch.root + "/d") == ["both", "gone", "later"])
  }

  @Test func largeIDsAreRefused() {
    var tar = TarBytes()
    tar.add("x", uid: 65_535, gid: 65_535)
    tar.extended([("uid", "65536")])
    tar.add("y")
    let error = #expect(throws: PlatformError.self) { try apply(tar.finished) }
    #expect(error?.message.contains("ids end at 65535") == true)
    #expect(scratch.status("x")?.st_uid == 65_535)
  }

  @Test func fileInTheWayOfADirectoryIsRefused() {
    var tar = TarBytes()
    tar.add("a", content: "file")
    tar.add("a/b", content: "below")
    let error = #expect(throws: PlatformError.self) { try apply(tar.finished) }
    #expect(error?.message.contains("no directory") == true)
  }

  @Test func longNamesOfEveryDialectAreRead() throws {
    let long = String(repeating: "n", count: 200)
    var tar = TarBytes()
    tar.add(Array("././@LongLink".utf8), type: "L", content: Array("gnu/\(long)".utf8) + [0])
    tar.add("short", content: "1")
    tar.extended([("path", "pax/\(long)"), ("mtime", "1.5"), ("comment", "x")])
    tar.add("short", content: "2")
    tar.add(Array("tail".utf8)) { block in
      for (index, byte) in "prefix/of/ustar".utf8.enumerated() { block[345 + index] = byte }
    }
    tar.add(Array("pax_global_header".utf8), type: "g", content: TarBytes.record("comment", Array("commit".utf8)))
    tar.add(Array("././@LongLink".utf8), type: "K", content: Array(long.utf8) + [0])
    tar.symbolicLink("link", to: "short")
    _ = try apply(tar.finished)
    #expect(try scratch.text("gnu/\(long)") == "1")
    #expect(try scratch.text("pax/\(long)") == "2")
    let times = try #require(scratch.status("pax/\(long)")).st_mtim
    #expect(times.tv_sec == 1 && times.tv_nsec == 500_000_000)
    #expect(scratch.status("prefix/of/ustar/tail") != nil)
    #expect(try RootedDirectory(path: scratch.root).readLink("link") == long)
  }

  @Test(arguments: [
    ("empty stream", [], "is empty"), ("text", Array("hello, this is no archive".utf8), "in the middle of a header"),
    ("noise", [UInt8](repeating: 0x41, count: 2048), "damaged or no tar archive"),
  ])
  func whatIsNoArchiveIsRefused(what: String, bytes: [UInt8], reason: String) {
    let error = #expect(throws: PlatformError.self) { try apply(bytes) }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.contains(reason) == true)
  }

  @Test func anArchiveOfZeroesIsAnEmptyLayer() throws {
    // What docker makes of a step that changes nothing: 1,024 zero bytes.
    let layer = try apply([UInt8](repeating: 0, count: 1024))
    #expect(layer.diffID.hex == "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef")
    #expect(layer.entries == 0)
  }

  @Test func sourceErrorsReachTheCaller() {
    final class Failing: ByteSource {
      func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        throw PlatformError(.cancelled, "the client went away")
      }
    }
    let error = #expect(throws: PlatformError.self) {
      try LayerApplier().apply(Failing(), to: scratch.root)
    }
    #expect(error?.code == .cancelled)
  }

  @Test func seededDamageIsRefusedOrContained() throws {
    var state: UInt64 = 0xB01D
    func next() -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33)
    }
    let before = try scratch.outside()
    var tar = TarBytes()
    tar.directory("d")
    tar.extended([("path", "d/long"), ("size", "3"), ("SCHILY.xattr.user.a", "b")])
    tar.add("x", content: "abc")
    tar.symbolicLink("l", to: "../etc")
    tar.add("l/x", content: "abc")
    tar.hardLink("h", to: "d/long")
    tar.add("d/.wh.gone")
    let good = tar.finished
    var limits = LayerLimits()
    limits.totalBytes = 1 << 20
    for round in 0..<1_500 {
      var bytes = good
      for _ in 0...(next() % 6) { bytes[next() % bytes.count] = UInt8(truncatingIfNeeded: next()) }
      // Half of them with right checksums, to get behind the first check.
      if round % 2 == 0 { TarBytes.repairChecksums(&bytes) }
      if next() % 8 == 0 { bytes = Array(bytes.prefix(next() % bytes.count)) }
      _ = try? LayerApplier(limits: limits).apply(MemorySource(bytes, chunkBytes: 1 + next() % 600), to: scratch.root)
    }
    #expect(try scratch.outside() == before)
  }
}

extension TarBytes {
  /// Gives every block that looks like a header the checksum it should have.
  static func repairChecksums(_ bytes: inout [UInt8]) {
    for start in stride(from: 0, to: bytes.count - 511, by: 512) where bytes[start + 257] == 0x75 {
      for index in 148..<156 { bytes[start + index] = 0x20 }
      let sum = bytes[start..<start + 512].reduce(0) { $0 + Int($1) }
      let digits = Array(String(sum, radix: 8).utf8)
      let text = [UInt8](repeating: 0x30, count: 6 - digits.count) + digits + [0, 0x20]
      for (index, byte) in text.enumerated() { bytes[start + 148 + index] = byte }
    }
  }
}
