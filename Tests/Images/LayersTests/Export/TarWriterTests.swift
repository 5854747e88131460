import Glibc
import LinuxSystem
import Model
import Testing

@testable import Layers

@Suite struct TarWriterTests {
  let scratch: Scratch
  init() throws { scratch = try Scratch() }

  private var archive: String { scratch.path + "/out.tar" }

  @Test func whatUstarCannotHoldGoesIntoPaxRecords() throws {
    let long = String(repeating: "d", count: 90) + "/" + String(repeating: "é", count: 100)
    let writer = TarWriter(to: try Export.create(archive))
    var file = TarEntry(kind: .file, name: Array(long.utf8))
    file.uid = 3_000_000
    file.gid = 2_097_152
    file.mode = 0o4755
    file.modified = FileTime(seconds: -5)
    file.attributes = [(Array("user.note".utf8), [0, 10, 61, 255])]
    try writer.write(entry: file, bytes: Array("content".utf8))
    var link = TarEntry(kind: .symbolicLink, name: Array("link".utf8))
    link.linkName = Array(long.utf8)
    try writer.write(entry: link, content: nil)
    var plain = TarEntry(kind: .file, name: Array("plain".utf8))
    plain.modified = FileTime(seconds: 1_700_000_000)
    try writer.write(entry: plain, bytes: [])
    try writer.finish()
    file.sizeBytes = 7
    #expect(try Export.entries(archive) == [file, link, plain])
    let listed = try Export.run([
      "python3", "-c",
      """
      import sys, tarfile
      t = tarfile.open(sys.argv[1], "r:")
      for m in t: print(len(m.name), m.uid, m.gid, oct(m.mode), int(m.mtime), m.size, len(m.linkname))
      print(t.extractfile(t.getmembers()[0]).read().decode())
      """, archive,
    ])
    #expect(
      listed == "191 3000000 2097152 0o4755 -5 7 0\n4 0 0 0o644 0 0 191\n5 0 0 0o644 1700000000 0 0\ncontent\n")
    #expect(try Export.run(["tar", "-tf", archive]).contains("plain\n"))
  }

  @Test func sizesFromEightGibibytesGoIntoPaxRecords() throws {
    // The file is one hole; only the archive's start is kept.
    struct Enough: Error {}
    let content = try Export.create(scratch.path + "/big")
    var entry = TarEntry(kind: .file, name: Array("big".utf8))
    entry.sizeBytes = (8 << 30) + 5
    try systemCall("ftruncate") { ftruncate(content.raw, off_t(entry.sizeBytes)) }
    var head: [UInt8] = []
    let writer = TarWriter { bytes in
      head += bytes
      if head.count > 1 << 20 { throw Enough() }
    }
    #expect(throws: Enough.self) { try writer.write(entry: entry, content: content) }
    let record = Array("19 size=8589934597\n".utf8)
    #expect(head[512..<512 + record.count + 1].elementsEqual(record + [0]))
    let reader = TarReader(MemorySource(head))
    #expect(try reader.nextEntry() == entry)
  }

  @Test(arguments: [0, 1, 511, 512, 513, 65_536, 131_072, 200_000, 262_144, 700_001])
  func contentOfEverySizeKeepsItsPlace(size: Int) throws {
    let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    let content = try Export.create(scratch.path + "/content")
    try content.write(all: bytes)
    lseek(content.raw, 0, SEEK_SET)
    let writer = TarWriter(to: try Export.create(archive))
    var entry = TarEntry(kind: .file, name: Array("a".utf8))
    entry.sizeBytes = Int64(size)
    try writer.write(entry: TarEntry(kind: .file, name: Array("b".utf8)), bytes: bytes)
    try writer.write(entry: entry, content: content)
    try writer.finish()
    let reader = TarReader(BufferedSource(DescriptorSource(try Export.open(archive))))
    for name in ["b", "a"] {
      #expect(try reader.nextEntry()?.name == Array(name.utf8))
      #expect(try reader.readAll(maxBytes: 1 << 20) == bytes)
    }
    #expect(try reader.nextEntry() == nil)
  }

  @Test func aFileThatShrankIsFilledUp() throws {
    let content = try Export.create(scratch.path + "/content")
    try content.write(all: Array("abc".utf8))
    lseek(content.raw, 0, SEEK_SET)
    let writer = TarWriter(to: try Export.create(archive))
    var entry = TarEntry(kind: .file, name: Array("a".utf8))
    entry.sizeBytes = 100_000
    try writer.write(entry: entry, content: content)
    try writer.finish()
    let reader = TarReader(BufferedSource(DescriptorSource(try Export.open(archive))))
    _ = try reader.nextEntry()
    let read = try reader.readAll(maxBytes: 1 << 20)
    #expect(read.count == 100_000 && read.starts(with: "abc".utf8) && read[3...].allSatisfy { $0 == 0 })
  }
}
