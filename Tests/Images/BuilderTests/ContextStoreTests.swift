import ContentStore
import Dockerfile
import Layers
import LinuxSystem
import Logging
import Model
import Testing

@testable import Builder

/// A store in a scratch folder that goes away with the test.
final class ContextFixture: Sendable {
  let path = "/tmp/context-test-\(UInt64.random(in: .min ... .max))"

  init() throws { try FileSystem.makeDirectory(path, mode: 0o700) }

  deinit { try? FileSystem.removeTree(path) }

  func open(limits: ContextLimits = ContextLimits()) throws -> ContextStore {
    try ContextStore(root: path + "/store", limits: limits, logger: Logger(label: "test"))
  }

  static func file(_ path: String, _ content: String, mode: UInt32 = 0o644) -> ContextEntry {
    let bytes = Array(content.utf8)
    return ContextEntry(
      bytes: Array(path.utf8), kind: .file(sizeBytes: Int64(bytes.count), digest: ContentHasher.digest(of: bytes)),
      mode: mode, modified: FileTime(seconds: 1_700_000_000, nanoseconds: 5))
  }

  static func directory(_ path: String) -> ContextEntry {
    ContextEntry(bytes: Array(path.utf8), kind: .directory, mode: 0o750, modified: FileTime(seconds: 9))
  }

  static func link(_ path: String, _ target: String) -> ContextEntry {
    ContextEntry(
      bytes: Array(path.utf8), kind: .symbolicLink(target: target), mode: 0, modified: FileTime(seconds: 9))
  }

  /// Announces and sends what is missing.
  static func upload(_ entries: [ContextEntry], _ contents: [String], to store: ContextStore) throws -> Digest {
    let upload = try store.announce(ContextList.encode(entries))
    let byDigest = Dictionary(contents.map { (ContentHasher.digest(of: Array($0.utf8)), $0) }) { first, _ in first }
    let bytes = upload.missing.flatMap { Array((byDigest[$0.digest] ?? "").utf8) }
    if !upload.missing.isEmpty { try store.receive(upload.list.id, from: MemorySource(bytes, chunkBytes: 3)) }
    return upload.list.id
  }
}

@Suite struct ContextStoreTests {
  private let fixture: ContextFixture

  init() throws { fixture = try ContextFixture() }

  private static let entries = [
    ContextFixture.file("Dockerfile", "FROM a"), ContextFixture.directory("src"),
    ContextFixture.file("src/a.c", "one"), ContextFixture.directory("src/deep"),
    ContextFixture.file("src/deep/b.c", "two"), ContextFixture.link("src/link", "deep/b.c"),
    ContextFixture.file("src.txt", "one", mode: 0o755), ContextFixture.link("up", "/src/deep"),
  ]

  @Test func onlyWhatIsMissingIsSent() throws {
    let store = try fixture.open()
    let first = try store.announce(ContextList.encode(Self.entries))
    // "one" is there twice, but sent once.
    #expect(first.missing.map(\.sizeBytes) == [6, 3, 3])
    #expect(throws: PlatformError.self) { try store.context(first.list.id) }
    try store.receive(first.list.id, from: MemorySource(Array("FROM aonetwo".utf8), chunkBytes: 5))
    #expect(try store.context(first.list.id).entries == Self.entries)
    // One file more: only that is missing.
    let more = Self.entries.dropLast() + [ContextFixture.file("tail", "three")]
    #expect(try store.announce(ContextList.encode(Array(more))).missing.map(\.sizeBytes) == [5])
    // It is all there after a restart.
    let again = try fixture.open().context(first.list.id)
    let entry = try #require(again.entry("src/deep/b.c"))
    #expect(try again.read(entry, maxBytes: 10) == Array("two".utf8))
    #expect(try again.open(entry).readAll(maxBytes: 10) == Array("two".utf8))
  }

  @Test func contextsAreLookedThrough() throws {
    let store = try fixture.open()
    let id = try ContextFixture.upload(Self.entries, ["FROM a", "one", "two"], to: store)
    let context = try store.context(id)
    #expect(context.below("src").map(\.path) == ["src/a.c", "src/deep", "src/deep/b.c", "src/link"])
    #expect(context.below("").count == 8 && context.below("absent").isEmpty && context.entry("src/x") == nil)
    #expect(try context.resolve("src/link") == "src/deep/b.c")
    #expect(try context.resolve("up/b.c") == "src/deep/b.c")
    #expect(try context.resolve("src/link", followLast: false) == "src/link")
    #expect(try context.resolve("../../src/./a.c") == "src/a.c")
    #expect(try context.resolve("/") == "")
    let filtered = context.filtered(try PatternMatcher(["src", "!src/deep/b.c", "up"]))
    #expect(filtered.entries.map(\.path) == ["Dockerfile", "src", "src/deep", "src/deep/b.c", "src.txt"])
    #expect(filtered.id != context.id && context.filtered(PatternMatcher()).id == context.id)
  }

  @Test func filesAreLaidOutForMounts() throws {
    let store = try fixture.open()
    let context = try store.context(try ContextFixture.upload(Self.entries, ["FROM a", "one", "two"], to: store))
    try FileSystem.makeDirectory(fixture.path + "/out", mode: 0o700)
    let root = try RootedDirectory(path: fixture.path + "/out")
    try context.materialise("src", in: root)
    #expect(try root.list() == ["a.c", "deep", "link"])
    #expect(try root.readLink("link") == "deep/b.c" && root.stat("deep").mode == 0o750)
    let status = try root.stat("a.c")
    #expect(status.mode == 0o644 && status.modificationTime == FileTime(seconds: 1_700_000_000, nanoseconds: 5))
    #expect(try root.open("deep/b.c", flags: 0).readAll(maxBytes: 10) == Array("two".utf8))
  }

  @Test(arguments: [
    [ContextFixture.file("../x", "")], [ContextFixture.file("/x", "")], [ContextFixture.file("a/../b", "")],
    [ContextFixture.file("", "")], [ContextFixture.file("a//b", "")], [ContextFixture.file("a/b", "")],
    [ContextFixture.file("a", ""), ContextFixture.file("a", "")],
    [ContextFixture.file("b", ""), ContextFixture.file("a", "")],
    [ContextFixture.link("a", "/"), ContextFixture.file("a/etc", "")],
    [ContextFixture.file("a", ""), ContextFixture.file("a/b", "")],
    [ContextFixture.directory("a"), ContextFixture.file("a.b", ""), ContextFixture.file("a/c", "")],
    [ContextFixture.file(String(repeating: "x", count: 256), "")],
  ])
  func listsThatAreNoTreeAreRefused(entries: [ContextEntry]) throws {
    let store = try fixture.open()
    let error = #expect(throws: PlatformError.self) { try store.announce(ContextList.encode(entries)) }
    #expect(error?.code == .invalidArgument)
  }

  @Test(arguments: [
    "", "bulkhead-context 2\0", "bulkhead-context 1\0f 644 1.0 5 abc x\0", "bulkhead-context 1\0x 1.0 a\0",
    "bulkhead-context 1\0d 99999 1.0 a\0", "bulkhead-context 1\0d 755 1 a\0",
    "bulkhead-context 1\0d 755 1.9999999999 a\0",
    "bulkhead-context 1\0d 755 1.0 a", "bulkhead-context 1\0l 1.0 a\0", "bulkhead-context 1\0l 1.0 a\0\0",
  ])
  func malformedListsAreRefused(text: String) throws {
    let store = try fixture.open()
    let error = #expect(throws: PlatformError.self) { try store.announce(Array(text.utf8)) }
    #expect(error?.code == .invalidArgument)
  }

  @Test(arguments: ["FROM aonetw", "FROM aonetwox", "FROM bonetwo", ""])
  func otherContentsAreRefused(text: String) throws {
    let store = try fixture.open()
    let id = try store.announce(ContextList.encode(Self.entries)).list.id
    let error = #expect(throws: PlatformError.self) { try store.receive(id, from: MemorySource(Array(text.utf8))) }
    #expect(error?.code == .invalidArgument)
    let absent = #expect(throws: PlatformError.self) { try store.receive(id, from: MemorySource([])) }
    #expect(absent?.code == .notFound)
  }

  @Test func boundsHold() throws {
    var limits = ContextLimits()
    limits.entries = 2
    limits.contextBytes = 4
    let store = try fixture.open(limits: limits)
    let many = ["a", "b", "c"].map { ContextFixture.directory($0) }
    for entries in [many, [ContextFixture.file("a", "12345")]] {
      let error = #expect(throws: PlatformError.self) { try store.announce(ContextList.encode(entries)) }
      #expect(error?.code == .resourceExhausted)
    }
    let wrong = ContextEntry(
      bytes: [98], kind: .file(sizeBytes: 2, digest: ContentHasher.digest(of: [49])), mode: 0,
      modified: FileTime(seconds: 0))
    let lie = #expect(throws: PlatformError.self) {
      try store.announce(ContextList.encode([ContextFixture.file("a", "1"), wrong]))
    }
    #expect(lie?.code == .invalidArgument)
  }

  @Test func whatWasNotUsedForLongGoesFirst() throws {
    var limits = ContextLimits()
    limits.keptContexts = 2
    let store = try fixture.open(limits: limits)
    let first = try ContextFixture.upload([ContextFixture.file("f", "1")], ["1"], to: store)
    let second = try ContextFixture.upload([ContextFixture.file("f", "22")], ["22"], to: store)
    let held = try store.context(first)
    let third = try ContextFixture.upload([ContextFixture.file("f", "333")], ["333"], to: store)
    #expect(throws: PlatformError.self) { try store.context(second) }
    _ = try store.context(third)
    let fourth = try ContextFixture.upload([ContextFixture.file("f", "4444")], ["4444"], to: store)
    _ = try store.context(fourth)
    #expect(throws: PlatformError.self) { try store.context(first) }
    // A build that uses a context that is gone from the list goes on.
    #expect(try held.read(held.entries[0], maxBytes: 5) == Array("1".utf8))
    #expect(try store.prune() > 0)
    #expect(try held.read(held.entries[0], maxBytes: 5) == Array("1".utf8))
    withExtendedLifetime(held) {}
  }

  @Test func aNewStartOfTheHostEmptiesTheStore() throws {
    let id = try ContextFixture.upload([ContextFixture.file("f", "1")], ["1"], to: fixture.open())
    try FileSystem.atomicWrite(fixture.path + "/store/boot-id", Array("another".utf8))
    let store = try fixture.open()
    #expect(throws: PlatformError.self) { try store.context(id) }
    #expect(store.usedBytes() == 0)
  }
}
