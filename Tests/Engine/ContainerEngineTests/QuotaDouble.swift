import ContentStore
import Glibc
import LinuxSystem
import Model
import Persistence
import Synchronization

@testable import ContainerEngine

/// Project quotas that are nowhere but in memory: folders by their inodes.
final class QuotaDouble: ProjectQuotas {
  struct State {
    var offers: ProjectQuota.State = [.counted, .enforced]
    var projects: [UInt64: UInt32] = [:]
    var limits: [UInt32: Int64] = [:]
    var used: [UInt32: Int64] = [:]
    /// What the next call that changes something fails with.
    var failure: Int32?
  }
  let state = Mutex(State())

  func state(on folder: Descriptor) -> ProjectQuota.State { state.withLock { $0.offers } }

  func project(of folder: Descriptor) throws -> UInt32 {
    let inode = try folder.status().inode
    return state.withLock { $0.projects[inode] ?? 0 }
  }

  func setProject(_ id: UInt32, of folder: Descriptor) throws {
    let inode = try folder.status().inode
    try change { $0.projects[inode] = id }
  }

  func setLimits(_ id: UInt32, bytes: Int64, files: Int64, on folder: Descriptor) throws {
    try change { $0.limits[id] = bytes == 0 ? nil : bytes }
  }

  func usage(_ id: UInt32, on folder: Descriptor) -> ProjectQuota.Usage {
    state.withLock { state in
      let limit = state.limits[id] ?? 0
      return ProjectQuota.Usage(
        bytes: state.used[id] ?? 0, files: 0, limitBytes: limit, limitFiles: limit == 0 ? 0 : 4_096)
    }
  }

  private func change(_ body: (inout State) -> Void) throws {
    try state.withLock { state in
      if let code = state.failure {
        state.failure = nil
        throw SystemError(errno: code, operation: "quotactl_fd")
      }
      body(&state)
    }
  }
}

/// A store of volumes in a folder of its own, which can be opened once more, as after a crash.
final class VolumeFolder: Sendable {
  let path = "/tmp/volumes-test-\(UInt64.random(in: .min ... .max))"
  let quotas = QuotaDouble()
  let database: Database
  static let ids = IDRange(first: 0x7000_0000)

  init() throws {
    try FileSystem.makeDirectory(path, mode: 0o700)
    database = try Database(path: "\(path)/db", migrations: EngineStore.migrations)
  }

  deinit { try? FileSystem.removeTree(path) }

  var store: EngineStore { EngineStore(database: database) }
  var paths: EnginePaths { EnginePaths(root: path, run: path) }

  func open(
    syncDirectory: @escaping @Sendable (String) throws -> Void = { try FileSystem.syncDirectory($0) }
  ) throws -> VolumeStore {
    let records = try store.load(EngineStore.volumes, as: VolumeRecord.self).records
    return try VolumeStore(
      paths: paths, store: store, ids: Self.ids, records: records, limit: 100, quotas: quotas,
      syncDirectory: syncDirectory)
  }

  func write(_ name: String, _ text: String, in folder: String) throws {
    try FileSystem.atomicWrite("\(folder)/\(name)", Array(text.utf8), mode: 0o644, durable: false)
  }

  func text(_ path: String) throws -> String {
    String(decoding: try FileSystem.read(path, maxBytes: 1 << 20), as: UTF8.self)
  }
}
