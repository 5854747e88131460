import Glibc
import LinuxSystem
import Model
import Testing

@testable import Layers

/// The attack cases on `docker cp` into a container, each named by its id.
@Suite(.enabled(if: geteuid() == 0)) struct TarExtractorAttackTests {
  let scratch: Scratch
  let input: Scratch
  init() throws {
    scratch = try Scratch()
    input = try Scratch()
    try FileSystem.makeDirectory(scratch.root + "/data")
  }

  private func extract(_ tar: TarBytes, to path: String = "/data", ids: IDRange = Export.ids) throws {
    let file = try Export.create(input.path + "/in.tar")
    try file.write(all: tar.finished)
    lseek(file.raw, 0, SEEK_SET)
    try TarExtractor.extract(
      from: file, into: RootedDirectory(path: scratch.root), path: path,
      options: TarExtractor.Options(ids: ids, keepKind: false, copyOwners: true, limits: .standard))
  }

  private func expectRefused(
    _ tar: TarBytes, _ reason: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try scratch.outside()
    let error = #expect(throws: PlatformError.self, sourceLocation: sourceLocation) { try extract(tar) }
    #expect(error?.code == .invalidArgument, sourceLocation: sourceLocation)
    #expect(error?.message.contains(reason) == true, "\(error?.message ?? "no error")", sourceLocation: sourceLocation)
    #expect(try scratch.outside() == before, sourceLocation: sourceLocation)
  }

  @Test(arguments: ["../../etc/x", "a//../../../x", "..", "a/..", "/../etc/passwd"])
  func att001ParentPathInTarName(name: String) throws {
    var tar = TarBytes()
    tar.add(name, content: "evil")
    try expectRefused(tar, "leads upwards")
  }

  @Test func att002AbsoluteSymlinkThenWriteThroughIt() throws {
    let outside = scratch.path + "/etc"
    var tar = TarBytes()
    tar.symbolicLink("link", to: outside)
    tar.add("link/file", content: "evil")
    tar.symbolicLink("passwd", to: outside + "/passwd")
    tar.add("passwd", content: "evil")
    let before = try scratch.outside()
    try extract(tar)
    #expect(try scratch.outside() == before)
    #expect(try scratch.text(outside.dropFirst() + "/file") == "evil")
    #expect(try scratch.text("data/passwd") == "evil")
    #expect(try FileSystem.read(outside + "/passwd", maxBytes: 10) == Array("host".utf8))
  }

  @Test func att003SymlinkChainUpAndOut() throws {
    var tar = TarBytes()
    tar.symbolicLink("b", to: "../..")
    tar.symbolicLink("a", to: "b/..")
    tar.add("a/x", content: "inside")
    tar.add("a/etc/x", content: "inside")
    let before = try scratch.outside()
    try extract(tar)
    #expect(try scratch.outside() == before)
    #expect(try scratch.text("x") == "inside" && scratch.text("etc/x") == "inside")
    var endless = TarBytes()
    endless.symbolicLink("c", to: "d")
    endless.symbolicLink("d", to: "c")
    endless.add("c/x", content: "evil")
    try expectRefused(endless, "cannot write")
  }

  @Test func att004HardLinkToAHostFile() throws {
    for (target, reason) in [("../../etc/passwd", "leads upwards"), (scratch.path + "/etc/passwd", "not there")] {
      var tar = TarBytes()
      tar.hardLink("stolen", to: target)
      try expectRefused(tar, reason)
      #expect(scratch.status("data/stolen") == nil)
    }
  }

  @Test func att005HardLinkThroughASymlink() throws {
    for target in ["../../../etc", "../../etc", scratch.path + "/etc"] {
      var tar = TarBytes()
      tar.symbolicLink("d1", to: target)
      tar.hardLink("stolen", to: "d1/passwd")
      try expectRefused(tar, "not there")
      #expect(scratch.status("data/stolen") == nil)
    }
  }

  @Test func att046LinksInThePathOfTheRequest() throws {
    // Where the container's links lead, absolute or climbing, is inside the container.
    try FileSystem.makeDirectories(scratch.root + scratch.path + "/etc")
    try systemCall("symlink") { symlink(scratch.path + "/etc", scratch.root + "/absolute") }
    try systemCall("symlink") { symlink("../../.." + scratch.path + "/etc", scratch.root + "/climbing") }
    let before = try scratch.outside()
    for (path, name) in [("/absolute", "a"), ("/climbing", "b"), ("/../../absolute/.", "c"), ("data/../absolute", "d")]
    {
      var tar = TarBytes()
      tar.add(name, content: "in")
      try extract(tar, to: path)
      #expect(try scratch.text(scratch.path.dropFirst() + "/etc/" + name) == "in")
    }
    #expect(try scratch.outside() == before)
  }

  @Test func att046SymlinkSwappedIntoThePath() throws {
    // A thread changes the directory for a link to the host's and back, and so the last component, as fast as it can.
    let (root, outside) = (scratch.root, scratch.path + "/etc")
    try systemCall("symlink") { symlink(outside, root + "/swap") }
    let rounds = 300
    let before = try scratch.outside()
    let door = try RootedDirectory(path: root)
    try door.symlink(outside + "/passwd", at: "/trap")
    let swapper = try Disturbance { try door.rename(from: "data", to: "swap", exchange: true) }
    let inner = try Disturbance { try? door.rename(from: "trap", to: "data/passwd", exchange: true) }
    var tar = TarBytes()
    tar.directory("dir", mode: 0o777)
    tar.add("passwd", content: "evil", mode: 0o777)
    tar.add("pipe", type: "6", mode: 0o777)
    tar.add("implied/passwd", content: "evil", mode: 0o777)
    for _ in 0..<rounds {
      do {
        try extract(tar)
      } catch let error as PlatformError {
        #expect([.notFound, .conflict, .invalidArgument].contains(error.code), "\(error)")
      }
    }
    #expect(try swapper.stop() > rounds && inner.stop() > rounds)
    #expect(try scratch.outside() == before)
    #expect(try FileSystem.read(outside + "/passwd", maxBytes: 10) == Array("host".utf8))
  }

  @Test func seededDamageIsRefusedOrContained() throws {
    var state: UInt64 = 0xB01D_0001
    func next() -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33)
    }
    let before = try scratch.outside()
    var tar = TarBytes()
    tar.directory("d")
    tar.extended([("path", "d/long"), ("size", "3"), ("SCHILY.xattr.user.a", "b")])
    tar.add("x", content: "abc")
    tar.symbolicLink("l", to: "../../etc")
    tar.add("l/x", content: "abc")
    tar.hardLink("h", to: "d/long")
    tar.add("p", type: "6")
    let good = tar.bytes
    for round in 0..<500 {
      var damaged = TarBytes()
      damaged.bytes = good
      for _ in 0...(next() % 6) { damaged.bytes[next() % good.count] = UInt8(truncatingIfNeeded: next()) }
      if round % 2 == 0 { TarBytes.repairChecksums(&damaged.bytes) }
      _ = try? extract(damaged)
    }
    #expect(try scratch.outside() == before)
  }
}
