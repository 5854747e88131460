import FoundationEssentials
import LinuxSystem
import Model
import Persistence

/// Something that was done, or refused.
public struct AuditEntry: Sendable, Hashable, Codable {
  public enum Outcome: String, Sendable, Codable { case ok, refused }

  /// Seconds since 1970.
  public var at: Int64 = 0
  /// Empty for nobody in particular and for wrong credentials.
  public var caller: String
  /// What was done, as the registry's API names it; `login`, `change` (of accounts and settings), `refused`.
  public var action: String
  /// Empty where it is about none.
  public var project: String
  public var repository: String
  /// A tag, a digest, or what changed in words.
  public var reference: String
  public var digest: String?
  /// The address; `local` for this machine.
  public var from: String
  public var outcome: Outcome
  /// How often it happened within a second or so; nil for once.
  public var count: Int?

  public static let maximumTextBytes = 512

  public init(
    _ action: String, caller: String, project: String = "", repository: String = "", reference: String = "",
    digest: String? = nil, from: String?, outcome: Outcome = .ok
  ) {
    (self.action, self.caller, self.project) = (action, Self.bounded(caller), Self.bounded(project))
    (self.repository, self.reference) = (Self.bounded(repository), Self.bounded(reference))
    (self.digest, self.from, self.outcome) = (digest, from ?? "local", outcome)
  }

  private static func bounded(_ text: String) -> String {
    text.utf8.count <= maximumTextBytes ? text : String(text.unicodeScalars.prefix(maximumTextBytes / 4))
  }
}

/// Who did what. Changes are on disk before they are acknowledged (``commit(_:)``); what only was read, and what was refused, is
/// written in batches (``flush()``) and may be lost for the time since the last one where the host or the process breaks.
///
/// The kinds have bounds of their own: however much is read or refused, no change is forgotten for it, and whatever strangers do from
/// however many addresses, nothing of those who are known.
public final class AuditLog: Sendable {
  /// Different entries that wait for the next batch; beyond them one entry counts the rest.
  public static let maximumWaiting = 4_096
  /// The same of those who are nobody in particular.
  public static let maximumStrangersWaiting = 1_024
  public static let maximumRows = 500_000
  /// Of strangers: this part of them.
  static let strangersPart = 5
  public static let maximumAgeSeconds: Int64 = 365 * 86_400

  private static let changes = "changes"
  private static let reads = "reads"
  private static let strangers = "strangers"
  private static let keys = ["action", "caller", "project"]
  private static let trimmedAtOnce = 2_000

  private struct Waiting {
    /// With how often each happened, when first, and the how manieth of them it was then.
    var reads: [AuditEntry: (count: Int, at: Int64, place: Int)] = [:]
    /// Of them those of strangers.
    var strangers = 0
    var unnamed = 0
    var unnamedStrangers = 0
    /// The last try to write changes failed, for another reason than a full disk.
    var isBroken = false
    var changes: [AuditEntry] = []
    /// All changes that ever came.
    var added = 0
  }

  private struct Written {
    var nextID: Int64
    /// How many changes ever came are on disk.
    var changes = 0
  }

  let path: String
  private let database: Database
  private let waiting = Locked(Waiting())
  /// Held while rows are written.
  private let written: Locked<Written>
  private let maximumRows: Int
  private let now: @Sendable () -> Int64

  /// - Parameters:
  ///   - path: of its own database.
  ///   - maximumRows: of changes, and of the rest.
  ///   - now: seconds since 1970.
  public init(path: String, maximumRows: Int = AuditLog.maximumRows, now: @escaping @Sendable () -> Int64) throws {
    self.path = path
    database = try Database(
      path: path,
      migrations: [
        Migration(
          name: "1-audit",
          steps: [.createLog(Self.changes, keys: Self.keys), .createLog(Self.reads, keys: Self.keys)]),
        Migration(name: "2-audit", steps: [.createLog(Self.strangers, keys: Self.keys)]),
      ])
    let last = try database.read { transaction in
      try [Self.changes, Self.reads, Self.strangers].map { try transaction.lastID(ofLog: $0) }.max() ?? 0
    }
    written = Locked(Written(nextID: last + 1))
    self.maximumRows = maximumRows
    self.now = now
  }

  /// Notes what was read or refused; does not block.
  public func note(_ entry: AuditEntry) {
    let at = now()
    var entry = entry
    let isStranger = entry.caller.isEmpty
    // Whoever has one address of IPv6 has as many as he likes of its network.
    if isStranger, entry.from.contains(":") { entry.from = TryLimiter.network(entry.from) + "::/64" }
    let noted = entry
    waiting.withLock { waiting in
      if let before = waiting.reads[noted] {
        waiting.reads[noted] = (before.count + 1, before.at, before.place)
      } else if isStranger, waiting.strangers < Self.maximumStrangersWaiting {
        waiting.strangers += 1
        waiting.reads[noted] = (1, at, waiting.reads.count)
      } else if !isStranger, waiting.reads.count - waiting.strangers < Self.maximumWaiting {
        waiting.reads[noted] = (1, at, waiting.reads.count)
      } else if isStranger {
        waiting.unnamedStrangers += 1
      } else {
        waiting.unnamed += 1
      }
    }
  }

  /// Throws `unavailable` while changes cannot be written. To be asked before one is made: what was made cannot be refused.
  public func require() throws {
    let mayChange = waiting.withLock { !$0.isBroken && $0.changes.count < Self.maximumWaiting }
    guard mayChange else {
      throw PlatformError(.unavailable, "the audit cannot be written: nothing is changed until it can")
    }
  }

  /// Writes changes down; they are on disk when this returns, unless that is full. Those that come at once are written with
  /// one flush. Throws `unavailable` where it fails: they were made, stay in memory and are tried again each second, and
  /// ``require()`` lets nothing else be changed meanwhile.
  public func commit(_ entries: [AuditEntry]) throws {
    guard !entries.isEmpty else { return }
    let at = now()
    let dated = entries.map { entry in
      var entry = entry
      entry.at = at
      return entry
    }
    let mine = waiting.withLock { waiting in
      waiting.changes += dated
      waiting.added += dated.count
      return waiting.added
    }
    do {
      try written.withLock { written in
        if written.changes < mine { try writeChanges(&written) }
      }
    } catch let error as PlatformError where error.code == .resourceExhausted {
      // The disk is full: what makes room on it cannot wait for room. They stay in memory, within their bound, and are
      // tried again each second.
    } catch {
      throw PlatformError(
        .unavailable, "it was done, but could not be written into the audit yet, which is tried again", cause: error)
    }
  }

  /// Writes what waits; to be called each second.
  public func flush() throws {
    try written.withLock { written in
      if waiting.withLock({ !$0.changes.isEmpty }) { try writeChanges(&written) }
      let (reads, further) = waiting.withLock { waiting in
        defer {
          (waiting.reads, waiting.strangers, waiting.unnamed, waiting.unnamedStrangers) = ([:], 0, 0, 0)
        }
        return (waiting.reads, [Self.reads: waiting.unnamed, Self.strangers: waiting.unnamedStrangers])
      }
      guard !reads.isEmpty else { return }
      let entries = reads.sorted { $0.value.place < $1.value.place }.map { entry, value in
        var entry = entry
        entry.at = value.at
        entry.count = value.count > 1 ? value.count : nil
        return entry
      }
      // Lost where this fails, as in a crash: the disk is full or broken, and nobody may wait for it.
      try database.unflushedTransaction { transaction in
        try append(entries.filter { !$0.caller.isEmpty }, to: Self.reads, transaction, &written)
        try append(entries.filter(\.caller.isEmpty), to: Self.strangers, transaction, &written)
        for log in [Self.reads, Self.strangers] {
          guard let count = further[log], count > 0 else { continue }
          var rest = AuditEntry("further", caller: "", reference: "too many to be told one by one", from: "")
          (rest.at, rest.count) = (now(), count)
          try append([rest], to: log, transaction, &written)
        }
      }
    }
  }

  private func writeChanges(_ written: inout Written) throws {
    let (changes, added) = waiting.withLock { waiting in
      defer { waiting.changes = [] }
      return (waiting.changes, waiting.added)
    }
    do {
      try database.transaction { try append(changes, to: Self.changes, $0, &written) }
    } catch {
      let isFull = (error as? PlatformError)?.code == .resourceExhausted
      // They are tried again with the next; who waits for one of them tries himself.
      waiting.withLock { waiting in
        waiting.changes = changes + waiting.changes
        waiting.isBroken = !isFull
      }
      throw error
    }
    waiting.withLock { $0.isBroken = false }
    written.changes = added
  }

  private func append(
    _ entries: [AuditEntry], to log: String, _ transaction: Transaction, _ written: inout Written
  ) throws {
    let encoder = JSONEncoder()
    for entry in entries {
      try transaction.append(
        written.nextID, at: entry.at,
        keys: ["action": entry.action, "caller": entry.caller, "project": entry.project],
        document: try encoder.encode(entry), toLog: log)
      written.nextID += 1
    }
  }

  /// Throws old rows away, bit by bit; to be called about once a minute.
  public func trim() throws {
    for log in [Self.changes, Self.reads, Self.strangers] {
      let rows = log == Self.strangers ? maximumRows / Self.strangersPart : maximumRows
      var went: Int
      repeat {
        went = try database.transaction {
          try $0.trim(
            log: log, keepingNewest: rows, notBefore: now() - Self.maximumAgeSeconds, limit: Self.trimmedAtOnce)
        }
      } while went == Self.trimmedAtOnce
    }
  }

  /// The newest entries below an id. Nil: whatever it is.
  public func entries(
    before: Int64 = .max, project: String? = nil, caller: String? = nil, action: String? = nil, limit: Int
  ) throws -> [(id: Int64, entry: AuditEntry)] {
    // What happened before is told, too.
    try flush()
    var keys: [String: String] = [:]
    if let project { keys["project"] = project }
    if let caller { keys["caller"] = caller }
    if let action { keys["action"] = action }
    let rows = try database.read { transaction in
      try [Self.changes, Self.reads, Self.strangers].flatMap {
        try transaction.entries(ofLog: $0, before: before, keys: keys, limit: limit)
      }
    }
    return try rows.sorted { $0.id > $1.id }.prefix(limit).map {
      ($0.id, try JSONDecoder().decode(AuditEntry.self, from: $0.document))
    }
  }

  /// Writes the rest and closes the file.
  public func close() throws {
    do {
      try flush()
    } catch let error as PlatformError where error.code == .resourceExhausted {
      // The disk is full. The log has them, too.
    }
    try database.close()
  }
}
