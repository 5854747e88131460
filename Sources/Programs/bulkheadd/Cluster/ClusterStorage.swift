import KubeMachinery
import LinuxSystem
import Logging
import Model
import Persistence

/// The files of the cluster's objects: the database, and the keys that its records are sealed with.
struct ClusterStorage {
  private static let maxKeysBytes = 64 << 10

  /// The server's own, closed to others.
  let folder: String

  var databasePath: String { "\(folder)/cluster.sqlite" }
  var keysPath: String { "\(folder)/storage.keys" }

  /// Reads the keys; where there are none and no database either, one is made. Throws `internal` where they are missing.
  func keysOrFresh() throws -> StorageKeys {
    if !FileSystem.exists(keysPath) {
      guard !FileSystem.exists(databasePath) else {
        throw PlatformError(
          .internal,
          "the cluster's database '\(databasePath)' is there, but not the keys that it is sealed with: restore '\(keysPath)'"
            + " from a backup, or remove the database for a new cluster")
      }
      try write(StorageKeys.freshLine(id: "k1"))
    }
    return try StorageKeys(parsing: try read())
  }

  /// Opens the database; every record is read. Throws `internal` for a damaged one.
  func open(keys: StorageKeys, logger: Logger) throws -> (database: Database, store: SQLiteObjectStore) {
    let database = try Database(path: databasePath)
    let store = try SQLiteObjectStore(
      database: database, keys: keys, secretResources: [ResourceName(group: "", resource: "secrets")], logger: logger)
    return (database, store)
  }

  /// Seals all records with a new key and forgets the others. No server may have the database open.
  ///
  /// Ended at any point, it leaves keys that open everything; begun again, it brings all to one key.
  /// - Returns: how many records there are in the database's log.
  func rotate(logger: Logger) throws -> Int {
    guard FileSystem.exists(databasePath) else {
      throw PlatformError(.notFound, "there is no cluster's database '\(databasePath)': nothing is sealed yet")
    }
    _ = try keysOrFresh()
    let keys = try StorageKeys.adding(to: try read())
    try write(keys)
    let (database, store) = try open(keys: try StorageKeys(parsing: keys), logger: logger)
    let count = try store.resealAll()
    // Closing brings the log of SQLite to the file: what the old keys sealed is overwritten there, or lies in unused pages.
    try database.close()
    try write(try StorageKeys.dropping(from: keys))
    return count
  }

  private func read() throws -> [UInt8] { try FileSystem.read(keysPath, maxBytes: Self.maxKeysBytes) }

  private func write(_ bytes: [UInt8]) throws {
    try FileSystem.atomicWrite(keysPath, bytes, mode: 0o600, durable: true)
  }
}
