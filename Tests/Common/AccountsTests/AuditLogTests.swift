import Glibc
import Model
import Persistence
import Synchronization
import Testing

@testable import Accounts

@Suite struct AuditLogTests {
  private final class Clock: Sendable {
    let seconds = Atomic<Int64>(1_000_000_000)
  }

  private static func with(
    rows: Int = 100, _ body: (AuditLog, () throws -> AuditLog, Clock) throws -> Void
  ) throws {
    var template = Array("/tmp/audit-XXXXXX".utf8CString)
    let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer {
      for name in ["db", "db-wal", "db-shm"] { unlink("\(folder)/\(name)") }
      rmdir(folder)
    }
    let clock = Clock()
    let open = {
      try AuditLog(path: folder + "/db", maximumRows: rows) { clock.seconds.load(ordering: .relaxed) }
    }
    let log = try open()
    try body(log, open, clock)
    try log.close()
  }

  private static func entry(_ action: String, _ caller: String = "ada", _ project: String = "team") -> AuditEntry {
    AuditEntry(action, caller: caller, project: project, from: "192.0.2.1")
  }

  @Test func changesAreThereAsSoonAsTheyAreAcknowledged() throws {
    try Self.with { log, open, _ in
      try log.commit([Self.entry("pushManifest"), Self.entry("change")])
      log.note(Self.entry("pullManifest"))
      // As another process finds it after this one was killed: what was only read is not there yet.
      let other = try open()
      #expect(try other.entries(limit: 10).map(\.entry.action) == ["change", "pushManifest"])
      try other.close()
      try log.flush()
      #expect(try log.entries(limit: 10).map(\.entry.action) == ["pullManifest", "change", "pushManifest"])
    }
  }

  @Test func theSameWithinASecondIsOneRowWithItsCount() throws {
    try Self.with { log, _, clock in
      for _ in 0..<50 { log.note(Self.entry("pullBlob")) }
      log.note(Self.entry("pullBlob", "ben"))
      try log.flush()
      clock.seconds.add(1, ordering: .relaxed)
      log.note(Self.entry("pullBlob"))
      let found = try log.entries(caller: "ada", limit: 10)
      #expect(found.map(\.entry.count) == [nil, 50])
      #expect(found.map(\.entry.at) == [1_000_000_001, 1_000_000_000])
    }
  }

  @Test func entriesAreFoundByWhatTheyAreAbout() throws {
    try Self.with { log, _, _ in
      for number in 0..<12 {
        try log.commit([
          Self.entry(number % 2 == 0 ? "push" : "delete", number % 3 == 0 ? "ada" : "ben", "p\(number % 4)")
        ])
      }
      #expect(try log.entries(limit: 100).count == 12)
      #expect(try log.entries(caller: "ada", action: "push", limit: 100).map(\.entry.project) == ["p2", "p0"])
      #expect(try log.entries(project: "p1", limit: 100).count == 3)
      #expect(try log.entries(project: "none", limit: 100).isEmpty)
      var seen: [Int64] = []
      while true {
        let page = try log.entries(before: seen.last ?? .max, limit: 5)
        if page.isEmpty { break }
        seen += page.map(\.id)
      }
      #expect(seen == seen.sorted(by: >) && seen.count == 12)
    }
  }

  @Test func oldRowsGoAndReadingNeverPushesChangesOut() throws {
    try Self.with(rows: 10) { log, _, clock in
      try log.commit([Self.entry("change")])
      for number in 0..<30 { log.note(Self.entry("refused", "stranger\(number)")) }
      try log.flush()
      try log.trim()
      #expect(try log.entries(action: "refused", limit: 100).count == 10)
      #expect(try log.entries(action: "change", limit: 100).count == 1)
      clock.seconds.add(AuditLog.maximumAgeSeconds, ordering: .relaxed)
      try log.commit([Self.entry("late")])
      try log.trim()
      #expect(
        try log.entries(limit: 100).map(\.entry.action) == ["late"] + Array(repeating: "refused", count: 10) + [
          "change"
        ])
      clock.seconds.add(1, ordering: .relaxed)
      try log.trim()
      #expect(try log.entries(limit: 100).map(\.entry.action) == ["late"])
    }
  }

  @Test func aFloodOfDifferentEntriesIsBounded() throws {
    try Self.with(rows: 10_000) { log, _, _ in
      for number in 0..<(AuditLog.maximumWaiting + 7) { log.note(Self.entry("refused", "s\(number)")) }
      let further = try log.entries(action: "further", limit: 10)
      #expect(further.map(\.entry.count) == [7])
      let long = AuditEntry("refused", caller: String(repeating: "ä", count: 100_000), from: nil)
      #expect(long.caller.utf8.count <= AuditEntry.maximumTextBytes)
    }
  }

  @Test func `strangers fill only rows of their own, from however many addresses`() throws {
    try Self.with(rows: 50) { log, _, _ in
      func stranger(_ address: String) { log.note(AuditEntry("refused", caller: "", from: address, outcome: .refused)) }
      for number in 0..<40 { log.note(Self.entry("pullBlob", "c\(number)")) }
      for number in 0..<(AuditLog.maximumStrangersWaiting + 300) { stranger("192.0.\(number / 256).\(number % 256)") }
      log.note(Self.entry("pullBlob", "late"))
      try log.flush()
      #expect(try log.entries(action: "further", limit: 10).map(\.entry.count) == [300])
      try log.trim()
      #expect(try log.entries(action: "pullBlob", limit: 100).count == 41)
      #expect(try log.entries(caller: "", limit: 1_000).count == 10)
      // All addresses of one network of IPv6 are one.
      for number in 0..<100 { stranger("2001:db8::\(number)") }
      let last = try #require(try log.entries(caller: "", limit: 1).first)
      #expect((last.entry.from, last.entry.count) == ("2001:db8:0:0::/64", 100))
    }
  }

  @Test func `what was changed while the audit is broken is told, written later, and nothing else is changed`() throws {
    try Self.with { log, _, _ in
      try log.require()
      func alter(_ name: String, _ step: Migration.Step) throws {
        let known = ["1-audit", "2-audit"] + (name == "4" ? ["3"] : [])
        let database = try Database(
          path: log.path,
          migrations: known.map { Migration(name: $0, steps: []) } + [Migration(name: name, steps: [step])])
        try database.close()
      }
      try alter("3", .dropTable("changes"))
      let error = #expect(throws: PlatformError.self) { try log.commit([Self.entry("pushManifest")]) }
      #expect(error?.code == .unavailable && error?.message.hasPrefix("it was done") == true)
      let refusal = #expect(throws: PlatformError.self) { try log.require() }
      #expect(refusal?.code == .unavailable)
      #expect(throws: (any Error).self) { try log.flush() }
      try alter("4", .createLog("changes", keys: ["action", "caller", "project"]))
      try log.flush()
      try log.require()
      #expect(try log.entries(limit: 10).map(\.entry.action) == ["pushManifest"])
    }
  }

  @Test func changesOfManyAtOnceAreAllThere() async throws {
    var template = Array("/tmp/audit-XXXXXX".utf8CString)
    let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
    defer {
      for name in ["db", "db-wal", "db-shm"] { unlink("\(folder)/\(name)") }
      rmdir(folder)
    }
    let log = try AuditLog(path: folder + "/db") { 1 }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<40 { group.addTask { try log.commit([Self.entry("push", "c\(number)")]) } }
      try await group.waitForAll()
    }
    #expect(Set(try log.entries(limit: 100).map(\.entry.caller)).count == 40)
    try log.close()
  }
}
