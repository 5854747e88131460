import Glibc
import Layers
import LinuxSystem
import Model
import Testing

@testable import ContainerEngine

@Suite(.enabled(if: geteuid() == 0), .timeLimit(.minutes(1))) struct VolumeTreeTests {
  private let folder: VolumeFolder
  private let ids = VolumeFolder.ids

  init() throws {
    folder = try VolumeFolder()
    for name in ["from", "to"] { try FileSystem.makeDirectory("\(folder.path)/\(name)") }
  }

  private var source: RootedDirectory { get throws { try RootedDirectory(path: "\(folder.path)/from") } }
  private var target: RootedDirectory { get throws { try RootedDirectory(path: "\(folder.path)/to") } }

  private func refusal(_ body: () throws -> Void) -> PlatformError? {
    #expect(throws: PlatformError.self) { try body() }
  }

  @Test func aCopyThatIsRefusedDoesNotWaitForWhatNobodyReads() throws {
    // Far more than a pipe holds comes behind what is refused.
    try folder.write("a", "x", in: "\(folder.path)/from")
    try FileSystem.atomicWrite("\(folder.path)/from/b", [UInt8](repeating: 7, count: 4 << 20), durable: false)
    let few = IDRange(first: ids.first, count: 10)
    let error = refusal { try VolumeTree.copy(source, ids: ids, to: target, as: few) }
    #expect(error?.code == .invalidArgument && error?.message.contains("which the container does not have") == true)
  }

  @Test func whyTheReaderGaveUpIsTold() throws {
    try folder.write("a", "x", in: "\(folder.path)/from")
    let error = refusal {
      try VolumeTree.copy(
        source, ids: ids, to: target, as: ids, time: CopyTime(isStill: true, seconds: -1))
    }
    #expect(
      error?.code == .unavailable && error?.message.contains("too long for its containers to stand still") == true)
  }

  @Test func theBoundOfTimeIsTold() throws {
    try folder.write("a", "x", in: "\(folder.path)/from")
    let error = refusal {
      try VolumeTree.read(source, ids: ids, time: CopyTime(isStill: false, seconds: -1)) { _ in }
    }
    #expect(error?.message == "it takes more than -1 s, which is the limit")
    var bytes = 0
    try VolumeTree.read(source, ids: ids, time: CopyTime(isStill: true, seconds: 60)) { bytes += $0.count }
    #expect(bytes >= 1_024)
  }

  @Test func aPathThatCouldNotBeRestoredIsNotBackedUp() throws {
    // 20 levels of 200 bytes fit; the 21st does not.
    let name = String(repeating: "n", count: 200)
    var current = try source.descriptor
    for _ in 0..<21 {
      #expect(mkdirat(current.raw, name, 0o755) == 0)
      current = try RootedDirectory(current).open(name, flags: O_PATH | O_DIRECTORY)
    }
    let error = refusal { try VolumeTree.read(source, ids: ids) { _ in } }
    #expect(error?.code == .resourceExhausted)
    #expect(error?.message.contains("the path './nnnn") == true && error?.message.contains("has 4223 bytes") == true)
  }

  @Test func theLongestPathThatIsBackedUpIsRestored() throws {
    let name = String(repeating: "n", count: 203)
    var current = try source.descriptor
    for level in 0..<20 {
      // 19 of 204 bytes with their slashes, and 216 in the last: 4,095 with "./" before and "/" behind.
      let name = level < 19 ? name : String(repeating: "m", count: 216)
      #expect(mkdirat(current.raw, name, 0o755) == 0)
      current = try RootedDirectory(current).open(name, flags: O_PATH | O_DIRECTORY)
    }
    var longest = 0
    try VolumeTree.copy(source, ids: ids, to: target, as: ids)
    try target.walk { entry in
      longest = max(longest, entry.path.utf8.count)
      return .enter
    }
    #expect(longest == 4_092)
  }

  @Test func holesStayHolesAndContentStaysContent() throws {
    let path = "\(folder.path)/from/sparse"
    let file = try Descriptor.open(path, flags: O_RDWR | O_CREAT, mode: 0o644)
    #expect(ftruncate(file.raw, 64 << 20) == 0)
    for (offset, text) in [(0, "start"), (20 << 20, "middle"), (33 << 20 + 5, "odd")] {
      #expect(pwrite(file.raw, text, text.utf8.count, off_t(offset)) == text.utf8.count)
    }
    for (name, size) in [("empty", 0), ("hole", 1 << 20), ("byte", 1)] {
      let file = try Descriptor.open("\(folder.path)/from/\(name)", flags: O_RDWR | O_CREAT, mode: 0o644)
      #expect(ftruncate(file.raw, off_t(size)) == 0)
    }
    try VolumeTree.copy(source, ids: ids, to: target, as: ids)
    for name in ["sparse", "empty", "hole", "byte"] {
      let (from, to) = ("\(folder.path)/from/\(name)", "\(folder.path)/to/\(name)")
      #expect(try FileSystem.read(from, maxBytes: 65 << 20) == FileSystem.read(to, maxBytes: 65 << 20), "\(name)")
    }
    let status = try target.stat("sparse")
    #expect(status.sizeBytes == 64 << 20 && status.blocks * 512 <= 1 << 20)
    #expect(try target.stat("hole").blocks == 0)
  }

  @Test func moreBytesThanAnArchiveHoldsAreRefusedAtOnce() throws {
    let mount = "\(folder.path)/from"
    try NamespaceThread.run(unsharing: .mount, propagation: .private) {
      // ext4 with blocks of 4 KiB ends at 16 TiB.
      try MountAPI.mount(source: "none", target: mount, type: "tmpfs")
      for name in ["a", "b"] {
        let file = try Descriptor.open("\(mount)/\(name)", flags: O_RDWR | O_CREAT, mode: 0o644)
        #expect(ftruncate(file.raw, off_t(9) << 40) == 0)
      }
      let root = try RootedDirectory(path: mount)
      var bytes = 0
      struct Enough: Error {}
      // The first file alone is within the bound, and is what comes.
      #expect(throws: Enough.self) {
        try VolumeTree.read(root, ids: ids) {
          bytes += $0.count; if bytes > 1 << 20 { throw Enough() }
        }
      }
      try root.unlink("a")
      try root.rename(from: "b", to: "c")
      let file = try Descriptor.open("\(mount)/c", flags: O_RDWR)
      #expect(ftruncate(file.raw, off_t(17) << 40) == 0)
      let error = refusal { try VolumeTree.read(root, ids: ids) { _ in } }
      #expect(
        error?.code == .resourceExhausted && error?.message.contains("bytes of './c' the archive would have") == true)
    }
  }

  @Test func verifyRefusesWhatCouldNotBeWritten() throws {
    func verify(_ entry: TarEntry) throws -> Int64 {
      let path = "\(folder.path)/v.tar"
      let file = try Descriptor.open(path, flags: O_RDWR | O_CREAT | O_TRUNC, mode: 0o600)
      let tar = TarWriter(to: file)
      try tar.add(entry)
      try tar.finish()
      try file.rewind()
      return try VolumeTree.verify(BufferedSource(DescriptorSource(file)), ids: ids)
    }
    func entry(_ kind: TarEntryKind, _ name: String, to link: String = "", uid: Int64 = 0) -> TarEntry {
      var entry = TarEntry(kind: kind, name: Array(name.utf8))
      entry.linkName = Array(link.utf8)
      entry.uid = uid
      return entry
    }
    let long = String(repeating: "nnnn/", count: 818) + "abcd"
    for right in [
      entry(.directory, "./"), entry(.file, "f"), entry(.symbolicLink, "l", to: "/etc"), entry(.hardLink, "h", to: "f"),
      entry(.fifo, "p", uid: 65_535), entry(.blockDevice, "disk", uid: 1 << 30), entry(.file, String(long.dropLast(5))),
    ] {
      #expect(try verify(right) == 1)
    }
    for (wrong, text) in [
      (entry(.file, "../f"), "leads upwards"), (entry(.file, long), "bytes"), (entry(.file, "./"), "is no directory"),
      (entry(.symbolicLink, "l"), "has no usable target"), (entry(.hardLink, "h", to: "h"), "leads nowhere"),
      (entry(.hardLink, "h", to: "../x"), "leads upwards"), (entry(.file, "f", uid: 65_536), "belongs to 65536:0"),
      (entry(.directory, "./", uid: 70_000), "belongs to 70000:0"),
    ] {
      let error = refusal { _ = try verify(wrong) }
      #expect(error?.message.contains(text) == true, "\(error?.message ?? "")")
    }
  }

  @Test func aFewScheduledBackupsAtOnceAndTheOldestFirst() {
    let turns = BackupTurns()
    let due: [(name: String, lastAt: Int64)] = [("e", 5), ("a", 1), ("c", 3), ("b", 2), ("d", 4)]
    #expect(turns.take(due) == ["a", "b", "c"])
    #expect(turns.take(due) == [])
    turns.end("b")
    #expect(turns.take(due.filter { $0.name != "b" }) == ["d"])
    turns.end("a")
    turns.end("c")
    #expect(turns.take([("x", 9)]) == ["x"])
  }

  @Test(
    arguments: [
      (0o600, 0, "a passphrase\nsecond line\n", true), (0o400, 0, "a passphrase", true),
      (0o640, 0, "a passphrase\n", false),
      (0o604, 0, "a passphrase\n", false), (0o600, 1_000, "a passphrase\n", false),
    ] as [(UInt32, UInt32, String, Bool)])
  func theFileOfThePassphraseIsRootsAlone(mode: UInt32, owner: UInt32, text: String, isTaken: Bool) throws {
    let path = "\(folder.path)/word"
    try FileSystem.atomicWrite(path, Array(text.utf8), mode: mode, durable: false)
    try systemCall("chown", path) { chown(path, owner, 0) }
    if isTaken {
      #expect(try PassphraseFile.read(path) == Array("a passphrase".utf8))
    } else {
      #expect(refusal { _ = try PassphraseFile.read(path) }?.code == .unavailable)
    }
    try systemCall("symlink") { symlink(path, "\(folder.path)/link") }
    #expect(refusal { _ = try PassphraseFile.read("\(folder.path)/link") }?.code == .unavailable)
    #expect(refusal { _ = try PassphraseFile.read("\(folder.path)/none") }?.code == .unavailable)
  }
}
