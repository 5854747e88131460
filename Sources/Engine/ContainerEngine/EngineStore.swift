import FoundationEssentials
import Model
import Networking
import Persistence

/// The engine's records on disk. Every call returns when its change is durable.
struct EngineStore: Sendable {
  static let containers = "containers"
  static let networks = "networks"
  static let volumes = "volumes"
  static let settings = "settings"
  static let sandboxes = "sandboxes"

  static let migrations = [
    Migration(
      name: "engine-1",
      steps: [containers, networks, volumes, settings].map { .createTable($0) }),
    Migration(name: "engine-2-sandboxes", steps: [.createTable(sandboxes)]),
  ]

  let database: Database

  func save(_ record: ContainerRecord) throws {
    try database.table(Self.containers).put(record.id.hex, name: record.name, document: try Self.encode(record))
  }

  /// Saves what is about to be made in the kernel. The next engine finds it; after the end of the host there is nothing of
  /// it to be found, so nobody waits for the disk.
  func saveIntent(_ record: ContainerRecord) throws {
    let document = try Self.encode(record)
    try database.unflushedTransaction { transaction in
      try transaction.put(record.id.hex, name: record.name, document: document, in: Self.containers)
    }
  }

  func delete(_ id: ContainerID, volumes: [String] = []) throws {
    try database.transaction { transaction in
      _ = try transaction.delete(id.hex, in: Self.containers)
      for volume in volumes { _ = try transaction.delete(volume, in: Self.volumes) }
    }
  }

  func save(_ sandbox: SandboxRecord) throws {
    try database.table(Self.sandboxes).put(sandbox.id.hex, document: try Self.encode(sandbox))
  }

  /// As for containers.
  func saveIntent(_ sandbox: SandboxRecord) throws {
    let document = try Self.encode(sandbox)
    try database.unflushedTransaction { transaction in
      try transaction.put(sandbox.id.hex, document: document, in: Self.sandboxes)
    }
  }

  func delete(sandbox: ContainerID) throws { _ = try database.table(Self.sandboxes).delete(sandbox.hex) }

  func save(_ network: NetworkRecord) throws {
    try database.table(Self.networks).put(network.id.hex, name: network.name, document: try Self.encode(network))
  }

  func delete(_ network: NetworkID) throws { _ = try database.table(Self.networks).delete(network.hex) }

  func save(_ volumes: [VolumeRecord]) throws {
    guard !volumes.isEmpty else { return }
    try database.transaction { transaction in
      for volume in volumes { try transaction.put(volume.name, document: try Self.encode(volume), in: Self.volumes) }
    }
  }

  func deleteVolume(_ name: String) throws { _ = try database.table(Self.volumes).delete(name) }

  func setting(_ name: String) throws -> String? {
    try database.table(Self.settings).get(name).map { String(decoding: $0.document, as: UTF8.self) }
  }

  func setSetting(_ name: String, _ value: String) throws {
    try database.table(Self.settings).put(name, document: Data(value.utf8))
  }

  /// The records of a table, and the ids of those that this version cannot read.
  func load<Record: Decodable>(_ table: String, as type: Record.Type) throws -> (
    records: [Record], unreadable: [(id: String, error: any Error)]
  ) {
    var records: [Record] = []
    var unreadable: [(String, any Error)] = []
    for document in try database.table(table).all() {
      do {
        records.append(try JSONDecoder().decode(Record.self, from: document.document))
      } catch {
        unreadable.append((document.id, error))
      }
    }
    return (records, unreadable)
  }

  private static func encode(_ record: some Encodable) throws -> Data { try JSONEncoder().encode(record) }
}
