import ContentStore
import Glibc
import Layers
import LinuxSystem
import Model
import Testing

@testable import ContainerEngine

@Suite struct VolumeArchiveTests {
  private struct Entry {
    var name: String
    var bytes: [UInt8]
    /// nil: the one of the bytes.
    var sum: String?
  }

  private static let passphrase = Array("correct horse".utf8)

  private static let manifest = VolumeManifest(
    volume: "data", createdAt: 1_764_000_000_000_000_000, labels: ["a": "b"], options: [:], consistency: .frozen,
    isScheduled: false)

  /// Bytes that do not pack, the same each time.
  private static func noise(_ count: Int) -> [UInt8] {
    var state: UInt64 = 88_172_645_463_325_252
    return (0..<count / 8).flatMap { _ -> [UInt8] in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return (0..<8).map { UInt8(truncatingIfNeeded: state >> (8 * UInt64($0))) }
    }
  }

  private static func file() throws -> Descriptor {
    let path = "/tmp/bulkhead-archive-\(UInt64.random(in: .min ... .max))"
    let file = try Descriptor.open(path, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    try FileSystem.removeFile(path)
    return file
  }

  private static func archive(_ content: [UInt8], passphrase: [UInt8]? = nil) throws -> Descriptor {
    let file = try file()
    let writer = try VolumeArchiveWriter(
      manifest, key: passphrase.map { try ArchiveKey(passphrase: $0, rounds: 1 << 10) }, pieceBytes: 4 << 10, to: file)
    try content.withUnsafeBytes { try writer.write($0) }
    try writer.finish()
    try file.rewind()
    return file
  }

  private static func read(_ file: Descriptor, passphrase: [UInt8]? = nil) throws -> (VolumeManifest, [UInt8]) {
    let reader = try VolumeArchiveReader(
      BufferedSource(DescriptorSource(file)), passphrase: passphrase, pieceBytes: 4 << 10)
    let source = BufferedSource(try DecompressingSource(reader, format: .zstd, limits: VolumeArchiveReader.limits))
    var content: [UInt8] = []
    while true {
      let piece = try source.nextChunk()
      if piece.isEmpty { return (reader.manifest, content) }
      content += piece
    }
  }

  private static func entries(_ file: Descriptor) throws -> [Entry] {
    let tar = TarReader(BufferedSource(DescriptorSource(file)))
    var entries: [Entry] = []
    while let entry = try tar.nextEntry() {
      entries.append(
        Entry(name: String(decoding: entry.name, as: UTF8.self), bytes: try tar.readAll(maxBytes: 8 << 20)))
    }
    return entries
  }

  /// Writes entries with the sums that they have, and a list of them all where `listed`.
  private static func write(_ entries: [Entry], listed: Bool = true) throws -> Descriptor {
    let file = try file()
    let tar = TarWriter(to: file)
    var list: [UInt8] = []
    for var entry in entries {
      if entry.name == ArchiveNames.sums, listed { entry.bytes = list }
      let sum = ContentHasher.digest(of: entry.bytes)
      list += ArchiveNames.line(sum, entry.name)
      var header = TarEntry(kind: .file, name: Array(entry.name.utf8))
      header.sizeBytes = Int64(entry.bytes.count)
      header.attributes = [(Array(ArchiveNames.sumAttribute.utf8), Array((entry.sum ?? sum.hex).utf8))]
      try tar.add(header)
      try tar.write(entry.bytes)
    }
    try tar.finish()
    try file.rewind()
    return file
  }

  private static func refusal(_ file: Descriptor, _ passphrase: [UInt8]?) -> PlatformError? {
    #expect(throws: PlatformError.self) { _ = try read(file, passphrase: passphrase) }
  }

  @Test(arguments: [nil, passphrase] as [[UInt8]?], [0, 1, 1_001, 9 << 10])
  func `what went in comes out`(passphrase: [UInt8]?, size: Int) throws {
    let content = Self.noise(size / 8 * 8) + [UInt8](repeating: 7, count: size % 8)
    let file = try Self.archive(content, passphrase: passphrase)
    let names = try Self.entries(file).map(\.name)
    #expect(names.first == "manifest.json" && names.contains("SHA256SUMS"))
    #expect(names.contains("data.tar.zst/00000002") == (size == 9 << 10))
    try file.rewind()
    let (manifest, read) = try Self.read(file, passphrase: passphrase)
    #expect(read == content && (manifest.encryption != nil) == (passphrase != nil))
    #expect(manifest.volume == "data" && manifest.labels == ["a": "b"] && manifest.consistency == .frozen)
  }

  @Test(arguments: [nil, passphrase] as [[UInt8]?])
  func `an archive that ends early is refused, wherever it ends`(passphrase: [UInt8]?) throws {
    let file = try Self.archive(Self.noise(5 << 10), passphrase: passphrase)
    let size = try file.status().sizeBytes
    let whole = try file.readAll(maxBytes: Int(size))
    var cuts = Array(stride(from: 0, to: whole.count - 2_048, by: 401))
    // Padding and end mark of the last entry may be missing: everything that counts is there.
    cuts += [512, 1_024, 1_536, whole.count - 2_048]
    for cut in cuts {
      let short = try Self.file()
      try short.write(all: Array(whole[..<cut]))
      try short.rewind()
      #expect(Self.refusal(short, passphrase)?.code == .invalidArgument, "cut at \(cut)")
    }
  }

  @Test(arguments: [nil, passphrase] as [[UInt8]?])
  func `a changed byte is found, wherever it is`(passphrase: [UInt8]?) throws {
    let entries = try Self.entries(try Self.archive(Self.noise(5 << 10), passphrase: passphrase))
    for index in entries.indices {
      // The sum beside it tells.
      var changed = entries
      changed[index].sum = ContentHasher.digest(of: entries[index].bytes).hex
      changed[index].bytes[entries[index].bytes.count / 2] ^= 1
      #expect(Self.refusal(try Self.write(changed, listed: false), passphrase) != nil, "\(entries[index].name)")
    }
  }

  @Test func `what somebody has made fit again is refused where it is sealed`() throws {
    let whole = try Self.entries(try Self.archive(Self.noise(9 << 10), passphrase: Self.passphrase))
    #expect(whole.map(\.name).suffix(2) == ["SHA256SUMS", "SHA256SUMS.seal"])
    func refused(_ what: String, _ change: (inout [Entry]) throws -> Void) throws {
      var entries = whole
      try change(&entries)
      let file = try Self.write(entries)
      #expect(Self.refusal(file, Self.passphrase)?.code == .invalidArgument, "\(what)")
    }
    try refused("a byte of a piece") { $0[2].bytes[9] ^= 1 }
    try refused("two pieces exchanged") { entries in
      let bytes = entries[1].bytes
      entries[1].bytes = entries[2].bytes
      entries[2].bytes = bytes
    }
    try refused("a piece twice") { $0[2].bytes = $0[1].bytes }
    try refused("the last piece left out") { $0.remove(at: 3) }
    try refused("the seal left out") { $0.removeLast() }
    try refused("something behind the end") { $0.append(Entry(name: "x", bytes: [1])) }
    try refused("another manifest") { entries in
      var manifest = try VolumeManifest(parsing: entries[0].bytes)
      manifest.volume = "other"
      entries[0].bytes = try manifest.encoded()
    }
    try refused("no sealing") { entries in
      var manifest = try VolumeManifest(parsing: entries[0].bytes)
      manifest.encryption = nil
      entries[0].bytes = try manifest.encoded()
    }
  }

  @Test func `pieces stand in their order, and nothing else stands there`() throws {
    let whole = try Self.entries(try Self.archive(Self.noise(9 << 10)))
    func refused(_ text: String, _ change: (inout [Entry]) -> Void) throws {
      var entries = whole
      change(&entries)
      let error = Self.refusal(try Self.write(entries), nil)
      #expect(error?.message.contains(text) == true, "\(text): \(error?.message ?? "")")
    }
    try refused("does not begin with manifest.json") { $0.removeFirst() }
    try refused("'data.tar.zst/00000001' stands where piece 0 is expected") { $0.remove(at: 1) }
    try refused("'data.tar.zst/00000000' stands where piece 1 is expected") { $0.insert($0[1], at: 2) }
    try refused("'../etc/passwd' stands where piece 1 is expected") {
      $0.insert(Entry(name: "../etc/passwd", bytes: []), at: 2)
    }
    try refused("ends before SHA256SUMS") { $0.removeLast() }
    try refused("the zstd stream ends in the middle") { $0.remove(at: 3) }
    try refused("is empty") { $0[3].bytes = [] }
    try refused("piece 1 follows one that is no whole piece") { $0[1].bytes.removeLast() }
    try refused("'SHA256SUMS' stands behind its end") { $0.append($0[4]) }
  }

  @Test func `a list that is not that of the pieces is refused`() throws {
    var entries = try Self.entries(try Self.archive(Self.noise(5 << 10)))
    entries[entries.count - 1].bytes += Array("0  x\n".utf8)
    let error = Self.refusal(try Self.write(entries, listed: false), nil)
    #expect(error?.message == "the archive is damaged: SHA256SUMS is not the list of what came before it")
  }

  @Test(
    arguments: [
      (passphrase, nil, .invalidArgument, "is encrypted: its passphrase is needed"),
      (nil, passphrase, .invalidArgument, "is not encrypted, but a passphrase was given"),
      (passphrase, Array("correct horsf".utf8), .forbidden, "the passphrase is not the archive's"),
      (passphrase, Array("short".utf8), .invalidArgument, "a passphrase has 8 to 1024 bytes, not 5"),
      (passphrase, [UInt8](repeating: 65, count: 1_025), .invalidArgument, "not 1025"),
    ] as [([UInt8]?, [UInt8]?, PlatformError.Code, String)])
  func `the passphrase has to be the archive's`(
    own: [UInt8]?, given: [UInt8]?, code: PlatformError.Code, text: String
  ) throws {
    let error = Self.refusal(try Self.archive([1, 2, 3], passphrase: own), given)
    #expect(error?.code == code && error?.message.contains(text) == true, "\(error?.message ?? "")")
  }

  @Test func `an archive cannot ask for more memory than bounded`() throws {
    var entries = try Self.entries(try Self.archive([1, 2, 3], passphrase: Self.passphrase))
    for rounds in [0, 1, 3, 1 << 20, 1 << 40] {
      var manifest = try VolumeManifest(parsing: entries[0].bytes)
      manifest.encryption?.rounds = rounds
      entries[0].bytes = try manifest.encoded()
      let error = Self.refusal(try Self.write(entries), Self.passphrase)
      #expect(error?.message == "the archive's parameters of scrypt are out of bounds")
    }
  }

  @Test(arguments: [
    [UInt8](), Array("not an archive at all".utf8), [UInt8](repeating: 0, count: 10_240), noise(10_240),
  ])
  func `what is no archive is told so`(bytes: [UInt8]) throws {
    let file = try Self.file()
    try file.write(all: bytes)
    try file.rewind()
    #expect(Self.refusal(file, nil)?.message.hasPrefix("this is no archive of a volume") == true)
  }

  @Test func `backups are listed by their time, and the oldest of a kind go`() async throws {
    let folder = "/tmp/bulkhead-backups-\(UInt64.random(in: .min ... .max))"
    defer { try? FileSystem.removeTree(folder) }
    let store = try BackupStore(folder: folder)
    func add(_ second: Int64, scheduled: Bool = false) async throws -> String {
      try await store.add("data") { file in
        var manifest = Self.manifest
        manifest.createdAt = second * 1_000_000_000
        manifest.isScheduled = scheduled
        try VolumeArchiveWriter(manifest, key: nil, to: file).finish()
        return manifest
      }.id
    }
    var ids: [String] = []
    for second: Int64 in 1...6 { ids.append(try await add(second, scheduled: second % 2 == 0)) }
    #expect(try store.list("data").map(\.id) == ids.reversed() && store.list().count == 6)
    #expect(try store.retain("data", keep: 1, scheduled: true) == [ids[3], ids[1]])
    #expect(try store.list("data").map(\.id) == [ids[5], ids[4], ids[2], ids[0]])
    await #expect(throws: PlatformError.self) {
      try await store.add("data") { _ in throw PlatformError(.internal, "x") }
    }
    for (volume, id) in [("data", "../data"), ("data", ".x"), ("..", ids[0]), ("data", ""), ("data", ids[1])] {
      #expect(throws: PlatformError.self) { try store.open(volume, id) }
    }
    #expect(try store.list("data").count == 4 && FileSystem.list("\(folder)/data").count == 4)
    try FileSystem.atomicWrite("\(folder)/data/20260101T000000Z-abcd.part", [1], mode: 0o600)
    _ = try BackupStore(folder: folder)
    #expect(try FileSystem.list("\(folder)/data").count == 4)
  }

  @Test func `a volume is held by one, and shared by many`() throws {
    let gate = VolumeGate()
    do {
      let hold = try gate.hold("v")
      for attempt in [{ _ = try gate.hold("v") }, { _ = try gate.share("v") }, { try gate.requireStartable("v") }] {
        #expect(throws: PlatformError.self) { try attempt() }
      }
      try gate.requireStartable("w")
      withExtendedLifetime(hold) {}
    }
    do {
      let shares = (try gate.share("v"), try gate.share("v"))
      try gate.requireStartable("v")
      #expect(throws: PlatformError.self) { _ = try gate.hold("v") }
      withExtendedLifetime(shares) {}
    }
    _ = try gate.hold("v")
  }

  @Test(arguments: [
    ("0 3 * * *", "2026-11-28 03:00", "2026-11-28 03:01", false),
    ("0 3 * * *", "2026-11-28 02:59", "2026-11-28 03:00", true),
    ("*/5 * * * *", "2026-11-28 02:51", "2026-11-28 02:54", false),
    ("*/5 * * * *", "2026-11-28 02:51", "2026-11-30 00:00", true),
  ])
  func `a backup is due once a time of its table has passed`(table: String, last: String, now: String, due: Bool) throws
  {
    func nanoseconds(_ text: String) -> Int64 {
      let numbers = text.split { !$0.isNumber }.compactMap { Int64($0) }
      // All within one November.
      return ((numbers[2] * 24 + numbers[3]) * 60 + numbers[4] + 29_700_000 / 1_440 * 1_440) * 60_000_000_000
    }
    let schedule = try VolumeSchedule(table: table, keep: 3, live: false, now: nanoseconds(last))
    #expect(schedule.isDue(now: nanoseconds(now)) == due)
  }

  @Test(arguments: [("0 3 * *", 3), ("0 3 31 2 *", 3), ("0 3 * * *", 0), ("0 3 * * *", 1_001)])
  func `a time-table that is none is refused`(table: String, keep: Int) {
    #expect {
      try VolumeSchedule(table: table, keep: keep, live: false, now: 0)
    } throws: { ($0 as? PlatformError)?.code == .invalidArgument }
  }

  @Test func `what became of scheduled backups is counted, and kept when the table changes`() throws {
    var schedule = try VolumeSchedule(table: "0 3 * * *", keep: 3, live: false, now: 0)
    #expect(schedule.nextAt == 3 * 3_600 && schedule.lastSuccessAt == nil && schedule.failures == nil)
    schedule.note(String(repeating: "x", count: 2_000), now: 5)
    schedule.note("full", now: 6)
    #expect(schedule.failures == 2 && schedule.lastFailureAt == 6 && schedule.lastError == "full")
    schedule.note(nil, now: 7)
    #expect(schedule.lastError == nil && schedule.lastSuccessAt == 7 && schedule.failures == 2)
    var next = try VolumeSchedule(table: "0 4 * * *", keep: 2, live: true, now: 9)
    next.takeOver(schedule)
    #expect(next.lastSuccessAt == 7 && next.lastFailureAt == 6 && next.failures == 2 && next.keep == 2)
  }

  @Test func `a backup that was unpacked like a plain archive is known`() throws {
    let folder = "/tmp/bulkhead-unpacked-\(UInt64.random(in: .min ... .max))"
    defer { try? FileSystem.removeTree(folder) }
    try FileSystem.makeDirectories(folder + "/data.tar.zst", mode: 0o700)
    let root = try RootedDirectory(path: folder)
    try root.createFile("manifest.json", mode: 0o600).write(all: try Self.manifest.encoded())
    #expect(VolumeManifest(unpackedIn: root) == nil)
    for name in [ArchiveNames.sums, ArchiveNames.piece(0)] { _ = try root.createFile(name, mode: 0o600) }
    #expect(VolumeManifest(unpackedIn: root)?.volume == "data")
  }
}
