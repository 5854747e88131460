import Layers
import LinuxSystem
import Model
import Testing

@testable import Builder

@Suite struct ContextArchiveTests {
  private let fixture: ContextFixture

  init() throws { fixture = try ContextFixture() }

  private static func entry(
    _ kind: TarEntryKind, _ name: String, link: String = "", mode: UInt32 = 0o644, _ content: String = ""
  ) -> (TarEntry, String) {
    var entry = TarEntry(kind: kind, name: Array(name.utf8))
    entry.linkName = Array(link.utf8)
    entry.mode = mode
    entry.sizeBytes = Int64(content.utf8.count)
    return (entry, content)
  }

  private static func archive(_ entries: [(TarEntry, String)]) throws -> MemorySource {
    var bytes: [UInt8] = []
    let writer = TarWriter { bytes.append(contentsOf: $0) }
    for (entry, content) in entries {
      try writer.add(entry)
      try writer.write(Array(content.utf8))
    }
    try writer.finish()
    return MemorySource(bytes)
  }

  @Test func archivesBecomeContexts() throws {
    let store = try fixture.open()
    let source = try Self.archive([
      Self.entry(.file, "./b.txt", "old"), Self.entry(.file, "dir/sub/x", mode: 0o755, "x"),
      Self.entry(.directory, "./", mode: 0o700), Self.entry(.symbolicLink, "l", link: "/etc/passwd"),
      Self.entry(.hardLink, "same", link: "./dir/sub/x"), Self.entry(.file, "b.txt", "new"),
    ])
    let context = try store.receive(archive: source)
    #expect(context.entries.map(\.path) == ["b.txt", "dir", "dir/sub", "dir/sub/x", "l", "same"])
    #expect(try context.read(try #require(context.entry("b.txt")), maxBytes: 3) == Array("new".utf8))
    #expect(context.entry("same")?.mode == 0o755 && context.entry("dir")?.mode == 0o755)
    // The link's target is text: it leads to nothing of the host's.
    let error = #expect(throws: PlatformError.self) { try context.resolve("l") }
    #expect(error?.code == .notFound)
  }

  @Test(
    "ATT-027: nothing of an archive leads out of the context",
    arguments: [
      [entry(.file, "../../etc/passwd", "x")], [entry(.file, "/etc/passwd", "x")], [entry(.file, "a/../../b", "x")],
      [entry(.symbolicLink, "out", link: "/"), entry(.file, "out/etc/passwd", "x")],
      [entry(.symbolicLink, "out", link: ".."), entry(.directory, "out/x")],
      [entry(.file, "f", "x"), entry(.file, "f/g", "x")], [entry(.hardLink, "h", link: "../../etc/passwd")],
      [entry(.hardLink, "h", link: "absent")], [entry(.characterDevice, "null")], [entry(.fifo, "pipe")],
    ])
  func archivesThatLeadOutAreRefused(entries: [(TarEntry, String)]) throws {
    let store = try fixture.open()
    let error = #expect(throws: PlatformError.self) { try store.receive(archive: try Self.archive(entries)) }
    #expect(error?.code == .invalidArgument)
  }

  @Test(
    "ATT-027: links within a context stay within it", arguments: ["/etc/passwd", "../../etc/passwd", "loop", "f/x"])
  func linksStayWithin(target: String) throws {
    let store = try fixture.open()
    let context = try store.receive(
      archive: try Self.archive([Self.entry(.symbolicLink, "loop", link: target), Self.entry(.file, "f", "x")]))
    #expect(throws: PlatformError.self) { try context.resolve("loop") }
  }
}
