import FoundationEssentials
import LinuxSystem
import Model
import Persistence

/// Peers, rules and the history of their runs, cache projects and what they know. Each write is durable on return; calls
/// block. Passwords are sealed with a key in a file beside the database, named as it with `.key`.
public final class ReplicationStore: Sendable {
  public static let maximumRules = 256
  /// Runs of one rule that are remembered.
  public static let maximumHistory = 100

  enum Table {
    static let peers = "replication_peers"
    static let rules = "replication_rules"
    static let executions = "replication_executions"
    static let indexes = "cached_indexes"
    static let tags = "cached_tags"
    static let caches = "cache_projects"
    /// When tags and indexes were used last.
    static let uses = "cache_uses"
    static let sizes = "cache_sizes"
  }

  let bounds: CacheBounds
  let database: Database
  private let seal: PasswordSeal
  private let lastID = Locked<UInt64>(0)

  /// Opens or makes the file; runs that the end of the server cut off become `interrupted`.
  public convenience init(path: String, now: Int64) throws {
    try self.init(path: path, now: now, bounds: CacheBounds())
  }

  init(path: String, now: Int64, bounds: CacheBounds) throws {
    self.bounds = bounds
    seal = try PasswordSeal(keyFile: path + ".key")
    database = try Database(
      path: path,
      migrations: [
        Migration(
          name: "replication-1",
          steps: [Table.peers, Table.rules, Table.executions, Table.indexes, Table.tags].map { .createTable($0) }),
        Migration(name: "replication-2", steps: [.createTable(Table.caches)]),
        Migration(name: "replication-3", steps: [.createTable(Table.uses), .createTable(Table.sizes)]),
      ])
    for stored in try all(StoredPeer.self, Table.peers) where stored.password != nil {
      try put(StoredPeer(stored.peer(seal), seal), Table.peers, stored.name)
    }
    let executions = try all(ReplicationExecution.self, Table.executions)
    lastID.withLock { $0 = executions.compactMap { UInt64($0.id) }.max() ?? 0 }
    for var execution in executions where execution.state == .running {
      execution.state = .interrupted
      execution.endedAt = now
      try put(execution, Table.executions, execution.id)
    }
    try countUses(now: now)
  }

  public func close() throws { try database.close() }

  // MARK: - Peers

  /// All peers, without their passwords.
  public func peers() throws -> [ReplicationPeer] {
    try all(StoredPeer.self, Table.peers).map {
      ReplicationPeer(name: $0.name, host: $0.host, user: $0.user, isInsecure: $0.isInsecure)
    }
  }

  /// Throws `notFound`.
  public func peer(_ name: String) throws -> ReplicationPeer {
    guard let peer = try get(StoredPeer.self, Table.peers, name) else {
      throw PlatformError(.notFound, "no such replication peer: \(name.prefix(64))")
    }
    return try peer.peer(seal)
  }

  public func setPeer(_ peer: ReplicationPeer) throws {
    try peer.check()
    let document = try JSONEncoder().encode(StoredPeer(peer, seal))
    try database.transaction { transaction in
      try transaction.put(peer.name, document: document, in: Table.peers)
      try renewCaches(of: peer.name, transaction)
    }
  }

  /// Throws `conflict` while a rule or a cache project uses it.
  public func removePeer(_ name: String) throws {
    if let rule = try rules().first(where: { $0.peer == name }) {
      throw PlatformError(.conflict, "the peer '\(name)' is used by the rule '\(rule.name)'")
    }
    if let cache = try cacheProjects().first(where: { $0.peer == name }) {
      throw PlatformError(.conflict, "the peer '\(name)' is used by the cache project '\(cache.project)'")
    }
    guard try database.table(Table.peers).delete(name) else {
      throw PlatformError(.notFound, "no such replication peer: \(name.prefix(64))")
    }
  }

  // MARK: - Rules

  public func rules() throws -> [ReplicationRule] { try all(ReplicationRule.self, Table.rules) }

  /// Throws `notFound`.
  public func rule(_ name: String) throws -> ReplicationRule {
    guard let rule = try get(ReplicationRule.self, Table.rules, name) else {
      throw PlatformError(.notFound, "no such replication rule: \(name.prefix(64))")
    }
    return rule
  }

  /// Makes or replaces a rule. Throws `invalidArgument`, `notFound` for the peer, `resourceExhausted`.
  public func setRule(_ rule: ReplicationRule) throws {
    try rule.check()
    _ = try peer(rule.peer)
    let rules = database.table(Table.rules)
    guard try rules.get(rule.name) != nil || rules.count() < Self.maximumRules else {
      throw PlatformError(.resourceExhausted, "there are \(Self.maximumRules) replication rules, which is the most")
    }
    try put(rule, Table.rules, rule.name)
  }

  public func removeRule(_ name: String) throws {
    guard try database.table(Table.rules).delete(name) else {
      throw PlatformError(.notFound, "no such replication rule: \(name.prefix(64))")
    }
    for execution in try executions(of: name) { try database.table(Table.executions).delete(execution.id) }
  }

  // MARK: - History

  /// Runs of a rule, the newest first.
  public func executions(of rule: String) throws -> [ReplicationExecution] {
    try all(ReplicationExecution.self, Table.executions).filter { $0.rule == rule }.reversed()
  }

  func begin(_ rule: String, _ cause: ReplicationExecution.Cause, now: Int64) throws -> ReplicationExecution {
    let number = lastID.withLock { last -> UInt64 in
      last += 1
      return last
    }
    let digits = String(number)
    let id = String(repeating: "0", count: max(0, 12 - digits.count)) + digits
    let execution = ReplicationExecution(id: id, rule: rule, cause: cause, startedAt: now)
    try save(execution)
    for old in try executions(of: rule).dropFirst(Self.maximumHistory) {
      try database.table(Table.executions).delete(old.id)
    }
    return execution
  }

  func save(_ execution: ReplicationExecution) throws { try put(execution, Table.executions, execution.id) }

  // MARK: - Records

  func get<T: Decodable>(_ type: T.Type, _ table: String, _ id: String) throws -> T? {
    try database.table(table).get(id).map { try Self.decode(type, $0.document, table) }
  }

  func all<T: Decodable>(_ type: T.Type, _ table: String) throws -> [T] {
    try database.table(table).all().map { try Self.decode(type, $0.document, table) }
  }

  func put(_ value: some Encodable, _ table: String, _ id: String) throws {
    try database.table(table).put(id, document: JSONEncoder().encode(value))
  }

  static func decode<T: Decodable>(_ type: T.Type, _ data: Data, _ table: String) throws -> T {
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch {
      throw PlatformError(.internal, "a record of \(table) cannot be read", cause: error)
    }
  }
}
