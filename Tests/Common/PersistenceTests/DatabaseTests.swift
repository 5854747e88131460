import FoundationEssentials
import Glibc
import Model
import Testing

@testable import Persistence

/// A scratch folder that goes away with the test.
final class Scratch {
  let path: String
  init() throws {
    var template = Array("/tmp/persistence-test-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { throw PlatformError(.internal, "mkdtemp failed") }
    path = String(cString: made)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite struct DatabaseTests {
  let scratch: Scratch
  var path: String { scratch.path + "/state.db" }
  static let migrations = [Migration(name: "1-things", steps: [.createTable("things"), .createTable("others")])]

  init() throws { scratch = try Scratch() }

  private func bytes(_ text: String) -> Data { Data(text.utf8) }

  @Test func nobodyElseReadsTheFiles() throws {
    let suffixes = ["", "-wal", "-shm"]
    func modes() -> [mode_t] {
      suffixes.map { suffix in
        var status = stat()
        return lstat(path + suffix, &status) == 0 ? status.st_mode & 0o777 : 0
      }
    }
    let made = try Database(path: path, migrations: Self.migrations)
    #expect(modes() == [0o600, 0o600, 0o600])
    try made.close()
    // As an earlier version left it.
    chmod(path, 0o644)
    let opened = try Database(path: path, migrations: Self.migrations)
    try opened.table("things").put("a", name: nil, document: bytes("1"))
    #expect(modes() == [0o600, 0o600, 0o600])
    try opened.close()
  }

  @Test func storesReplacesFindsAndDeletes() throws {
    let table = try Database(path: path, migrations: Self.migrations).table("things")
    try table.put("b", name: "two", document: bytes("2"))
    try table.put("a", name: nil, document: bytes("1"))
    try table.put("c", name: nil, document: bytes("3"))
    #expect(try table.all().map(\.id) == ["a", "b", "c"])
    try table.put("b", name: "zwei", document: bytes("22"))
    #expect(try table.get("b")?.document == bytes("22"))
    #expect(try table.get(named: "two") == nil)
    #expect(try table.get(named: "zwei")?.id == "b")
    #expect(try table.delete("b"))
    #expect(try !table.delete("b"))
    #expect(try table.count() == 2)
  }

  @Test func rangesOfIdsAreReadInPiecesAndRemoved() throws {
    let database = try Database(path: path, migrations: Self.migrations)
    try database.transaction { records in
      for id in ["a", "a:1", "a:2", "a:3", "a;", "b:1"] { try records.put(id, document: bytes(id), in: "things") }
    }
    try database.read { records in
      let page = try records.page(in: "things", from: "a:", below: "a;", limit: 2)
      #expect(page.map(\.id) == ["a:1", "a:2"])
      #expect(page.first?.document == bytes("a:1"))
      #expect(try records.page(in: "things", from: "a:2!", below: "a;", limit: 2).map(\.id) == ["a:3"])
      #expect(try records.isAny(in: "things", from: "b:", below: "b;"))
      #expect(try !records.isAny(in: "things", from: "c:", below: "c;"))
    }
    try database.transaction { try $0.delete(in: "things", from: "a:", below: "a;") }
    #expect(try database.table("things").all().map(\.id) == ["a", "a;", "b:1"])
  }

  @Test func secondOwnerOfANameIsAConflict() throws {
    let table = try Database(path: path, migrations: Self.migrations).table("things")
    try table.put("a", name: "same", document: bytes("1"))
    let error = #expect(throws: PlatformError.self) { try table.put("b", name: "same", document: bytes("2")) }
    #expect(error?.code == .conflict)
    #expect(try table.get("b") == nil)
  }

  @Test func aFailedTransactionLeavesNothingInAnyTable() throws {
    let database = try Database(path: path, migrations: Self.migrations)
    struct Stop: Error {}
    #expect(throws: Stop.self) {
      try database.transaction { transaction in
        try transaction.put("a", document: bytes("1"), in: "things")
        try transaction.put("a", document: bytes("1"), in: "others")
        throw Stop()
      }
    }
    #expect(try database.table("things").count() == 0)
    #expect(try database.table("others").count() == 0)
  }

  @Test func reopenedFileKeepsRecordsAndRunsOnlyNewMigrations() throws {
    do {
      let database = try Database(path: path, migrations: Self.migrations)
      try database.table("things").put("a", document: bytes("1"))
      try database.close()
    }
    let more =
      Self.migrations + [
        Migration(name: "2-rewrite", steps: [.rewrite(table: "things", { $0 + Data("!".utf8) }), .dropTable("others")])
      ]
    let database = try Database(path: path, migrations: more)
    #expect(try database.table("things").get("a")?.document == bytes("1!"))
    try database.close()
    // Once more: the rewrite must not run twice.
    #expect(try Database(path: path, migrations: more).table("things").get("a")?.document == bytes("1!"))
  }

  @Test func roomsKeepTheirOwnMigrations() throws {
    let mine = [Migration(name: "1-mine", steps: [.createTable("mine")])]
    for _ in 0..<2 {
      let database = try Database(path: path, migrations: Self.migrations)
      try database.migrate(mine, set: "room")
      try database.table("mine").put("a", document: bytes("1"))
      try database.close()
    }
    let database = try Database(path: path, migrations: Self.migrations)
    let error = #expect(throws: PlatformError.self) { try database.migrate([], set: "room") }
    #expect(error?.message.contains("later version") == true)
  }

  @Test func aFileOfALaterVersionIsRefused() throws {
    let later = Self.migrations + [Migration(name: "9-later", steps: [])]
    try Database(path: path, migrations: later).close()
    let error = #expect(throws: PlatformError.self) { try Database(path: path, migrations: Self.migrations) }
    #expect(error?.message.contains("later version") == true)
  }

  @Test(arguments: [
    "not a database at all, but long enough to be taken for one by a hasty reader......", "damaged page",
  ])
  func damagedFileIsReportedAndKept(kind: String) throws {
    if kind == "damaged page" {
      let database = try Database(path: path, migrations: Self.migrations)
      for index in 0..<200 {
        try database.table("things").put("id\(index)", document: Data(repeating: 7, count: 300))
      }
      try database.close()
      let file = try #require(fopen(path, "r+"))
      fseek(file, 4096, SEEK_SET)
      fputs(String(repeating: "x", count: 8192), file)
      fclose(file)
    } else {
      try Data(kind.utf8).write(to: URL(filePath: path))
    }
    let before = try Data(contentsOf: URL(filePath: path))
    let error = #expect(throws: PlatformError.self) { try Database(path: path, migrations: Self.migrations) }
    #expect(error?.code == .internal)
    #expect(error?.message.contains("damaged") == true)
    #expect(try Data(contentsOf: URL(filePath: path)) == before)
  }

  @Test func acknowledgedWritesAreInTheLogWhenTheCallReturns() throws {
    let database = try Database(path: path, migrations: Self.migrations)
    try database.table("things").put("a", document: bytes("1"))
    // What a crash leaves: the files as they are now, opened by another process.
    for suffix in ["", "-wal"] {
      try Data(contentsOf: URL(filePath: path + suffix)).write(to: URL(filePath: scratch.path + "/copy.db" + suffix))
    }
    let copy = try Database(path: scratch.path + "/copy.db", migrations: Self.migrations)
    #expect(try copy.table("things").get("a")?.document == bytes("1"))
  }

  @Test func backupIsAUsableDatabase() throws {
    let database = try Database(path: path, migrations: Self.migrations)
    try database.table("things").put("a", name: "n", document: bytes("1"))
    try database.backup(to: scratch.path + "/backup.db")
    let copy = try Database(path: scratch.path + "/backup.db", migrations: Self.migrations)
    #expect(try copy.table("things").get(named: "n")?.id == "a")
  }

  @Test func unusablePathIsAClearError() throws {
    let error = #expect(throws: PlatformError.self) { try Database(path: scratch.path + "/absent/state.db") }
    #expect(error?.message.contains("cannot open database") == true)
  }
}
