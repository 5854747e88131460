import FoundationEssentials
import HTTPServing
import Model
import Persistence
import Testing

@testable import KubeMachinery

@Suite struct RecordSealTests {
  private let text = "correct-horse-battery-staple"

  private func secret(_ name: String) -> ObjectKey { key(name, of: StoreFixture.secrets) }

  @Test("ATT-077: a secret is not in the files") func secretsAreEncrypted() async throws {
    let fixture = try StoreFixture()
    let store = try fixture.open()
    _ = try await store.write(secret("s"), .create(draft("s", text)))
    _ = try await store.write(key("m"), .create(draft("m", "plain-words-of-a-map")))
    var files = Data()
    for name in try FileManager.default.contentsOfDirectory(atPath: fixture.folder) {
      files.append(try #require(FileManager.default.contents(atPath: "\(fixture.folder)/\(name)")))
    }
    #expect(files.range(of: Data(text.utf8)) == nil)
    #expect(files.range(of: Data("plain-words-of-a-map".utf8)) != nil)
    let again = try fixture.open(path: fixture.copy())
    #expect(try await again.get(secret("s"))?.value()["value"]?.text == text)
  }

  @Test("A new key seals what is new, the old one opens what is old, and without it nothing is taken")
  func keysRotate() async throws {
    let fixture = try StoreFixture()
    let store = try fixture.open()
    _ = try await store.write(secret("old"), .create(draft("old", text)))
    let two = StorageKeys.freshLine(id: "two")
    let path = try fixture.copy()
    let rotated = try fixture.open(path: path, keys: two + StoreFixture.keyLine)
    _ = try await rotated.write(secret("new"), .create(draft("new", text)))
    #expect(try await rotated.list(ListRequest(StoreFixture.secrets)).objects.count == 2)
    #expect(try rotated.resealAll() == 1)
    #expect(try rotated.resealAll() == 0)
    // The old key is not needed any more; before, it was.
    let fresh = try fixture.open(path: path, keys: two)
    #expect(try await fresh.get(secret("old"))?.value()["value"]?.text == text)
    #expect(throws: PlatformError.self) { try fixture.open(path: fixture.copy(), keys: two) }
  }

  @Test func filesOfKeysGrowAndShrinkByOneRotation() throws {
    let old = StorageKeys.freshLine(id: "k7") + StorageKeys.freshLine(id: "k2") + StorageKeys.freshLine(id: "own")
    let grown = try StorageKeys.adding(to: old)
    #expect(try StorageKeys(parsing: grown).keys.map(\.id) == ["k8", "k7", "k2", "own"])
    #expect(Array(grown.suffix(old.count)) == old)
    let left = try StorageKeys.dropping(from: grown)
    #expect(try StorageKeys(parsing: left).keys.map(\.id) == ["k8"] && grown.starts(with: left))
    let full = (1...StorageKeys.maxKeys).flatMap { StorageKeys.freshLine(id: "k\($0)") }
    #expect(throws: PlatformError.self) { try StorageKeys.adding(to: full) }
    #expect(throws: PlatformError.self) { try StorageKeys.dropping(from: Array("k1 short\n".utf8)) }
  }

  private static func with(
    _ record: RevisionRecord, name: String? = nil, document: Data? = nil, seal: Data? = nil, revision: Int64? = nil,
    attributes: Data? = nil
  ) -> RevisionRecord {
    RevisionRecord(
      revision: revision ?? record.revision, change: record.change, resource: record.resource,
      namespace: record.namespace, name: name ?? record.name, attributes: attributes ?? record.attributes,
      before: record.before, seal: seal ?? record.seal, document: document ?? record.document)
  }

  @Test("ATT-076: a record that was changed, moved or renumbered is refused", arguments: ["secrets", "configmaps"])
  func changedRecordsAreRefused(_ resource: String) throws {
    let seal = RecordSeal(keys: try StorageKeys(parsing: StoreFixture.keyLine), secretResources: [StoreFixture.secrets])
    let record = try seal.seal(
      RevisionRecord(
        revision: 7, change: 0, resource: resource, namespace: "n", name: "a", attributes: nil, before: nil,
        seal: Data(),
        document: Data(#"{"a":1}"#.utf8)))
    #expect(try seal.open(record) == Array(#"{"a":1}"#.utf8))
    var flipped = record.document
    flipped[flipped.startIndex + 3] ^= 1
    var code = record.seal
    code[code.index(before: code.endIndex)] ^= 1
    var kind = record.seal
    kind[kind.startIndex] ^= 1
    let changes = [
      Self.with(record, document: flipped), Self.with(record, name: "b"), Self.with(record, revision: 8),
      Self.with(record, attributes: Data("[{},{}]".utf8)), Self.with(record, document: Data()),
      Self.with(record, seal: code), Self.with(record, seal: kind), Self.with(record, seal: Data()),
    ]
    for changed in changes { #expect(throws: PlatformError.self) { try seal.open(changed) } }
  }

  @Test("ATT-076: a row that is missing from the middle is noticed at the start") func missingRowsAreNoticed()
    async throws
  {
    let fixture = try StoreFixture()
    let store = try fixture.open()
    for name in ["a", "b", "c"] { _ = try await store.write(key(name), .create(draft(name))) }
    try store.database.transaction { try $0.compact(revisions: [2], of: SQLiteObjectStore.table, to: 0) }
    #expect { try fixture.open(path: fixture.copy()) } throws: {
      "\($0)".contains("revisions between 1 and 3 are missing")
    }
  }

  @Test(arguments: ["", "one", "one AAAA", "One " + String(repeating: "A", count: 43) + "=", "x y z"])
  func badKeysAreRefused(_ text: String) {
    #expect(throws: PlatformError.self) { try StorageKeys(parsing: Array(text.utf8)) }
  }

  @Test func aKeyThatIsThereTwiceIsRefused() {
    #expect(throws: PlatformError.self) {
      try StorageKeys(parsing: StorageKeys.freshLine(id: "a") + StorageKeys.freshLine(id: "a"))
    }
  }
}
