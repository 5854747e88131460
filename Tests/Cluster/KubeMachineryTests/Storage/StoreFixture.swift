import FoundationEssentials
import Glibc
import Logging
import Persistence

@testable import KubeMachinery

/// A folder with a database file, removed at the end.
final class StoreFixture: Sendable {
  let folder: String
  static let secrets = ResourceName(group: "", resource: "secrets")
  static let keyLine = StorageKeys.freshLine(id: "one")

  init() throws {
    var template = Array((FileManager.default.temporaryDirectory.path + "/kube-store-XXXXXX").utf8CString)
    guard mkdtemp(&template) != nil else { throw CocoaError(.fileWriteUnknown) }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  var path: String { folder + "/cluster.sqlite" }

  func open(
    path: String? = nil, keys: [UInt8] = StoreFixture.keyLine, bounds: SQLiteObjectStore.Bounds = .init(),
    atStep: @escaping @Sendable (SQLiteObjectStore.CommitStep) throws -> Void = { _ in }
  ) throws -> SQLiteObjectStore {
    try SQLiteObjectStore(
      database: Database(path: path ?? self.path),
      seal: RecordSeal(keys: StorageKeys(parsing: keys), secretResources: [Self.secrets]), bounds: bounds,
      logger: Logger(label: "test"), atStep: atStep)
  }

  /// What the disk holds now, as a process finds it that starts after a kill of this one.
  func copy() throws -> String {
    let copy = "\(folder)/copy-\(UInt64.random(in: 0...UInt64.max)).sqlite"
    for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: path + suffix) {
      try FileManager.default.copyItem(atPath: path + suffix, toPath: copy + suffix)
    }
    return copy
  }
}
