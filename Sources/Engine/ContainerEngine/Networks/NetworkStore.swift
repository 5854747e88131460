import LinuxSystem
import Model
import Networking

/// The networks in the engine's memory, found by name, id or unique prefix of the id.
final class NetworkStore: Sendable {
  private let records: Locked<[NetworkID: NetworkRecord]>

  init(records: [NetworkRecord]) {
    self.records = Locked(Dictionary(records.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first }))
  }

  /// By name.
  var all: [NetworkRecord] { records.withLock { $0.values.sorted { $0.name < $1.name } } }

  func insert(_ record: NetworkRecord) { records.withLock { $0[record.id] = record } }
  func remove(_ id: NetworkID) { records.withLock { $0[id] = nil } }
  func record(id: NetworkID) -> NetworkRecord? { records.withLock { $0[id] } }

  func find(_ reference: String) throws -> NetworkRecord {
    let found = try records.withLock { records -> NetworkRecord? in
      if let record = records[NetworkID(unchecked: reference)] { return record }
      if let record = records.values.first(where: { $0.name == reference }) { return record }
      guard !reference.isEmpty else { return nil }
      let matches = records.values.filter { $0.id.hex.hasPrefix(reference) }
      if matches.count > 1 {
        throw PlatformError(
          .invalidArgument,
          "network \(reference.prefix(64)) is ambiguous (\(matches.count) matches found based on ID prefix)")
      }
      return matches.first
    }
    guard let found else { throw PlatformError(.notFound, "network \(reference.prefix(256)) not found") }
    return found
  }
}
