import ContentStore
import Glibc
import Layers
import LinuxSystem
import Model

/// A volume's backup as an API sees it.
public struct VolumeBackup: Sendable {
  /// `20261128T030000Z-1a2b`: when it was made, by UTC.
  public var id: String
  public var volume: String
  /// Nanoseconds since 1970.
  public var createdAt: Int64
  public var sizeBytes: Int64
  /// `idle`, `frozen` or `live`.
  public var consistency: String
  public var isEncrypted: Bool
  public var isScheduled: Bool
  /// How long containers stood still for it; only where it has just been made, and nil where none did.
  public var stillSeconds: Double?
}

/// Backups that the engine keeps: `FOLDER/VOLUME/ID.tar`, which outlive their volumes.
struct BackupStore: Sendable {
  private static let suffix = ".tar"
  private static let partial = ".part"
  let folder: String

  /// Removes what a crash has left half-made.
  init(folder: String) throws {
    self.folder = folder
    try translatingSystemErrors("open the folder for backups '\(folder)'") {
      try FileSystem.makeDirectories(folder, mode: 0o700)
      for volume in try FileSystem.list(folder) where (try? VolumeStore.check(volume)) != nil {
        for name in try FileSystem.list("\(folder)/\(volume)") where name.hasSuffix(Self.partial) {
          try FileSystem.removeFile("\(folder)/\(volume)/\(name)")
        }
      }
    }
  }

  /// Writes a backup, which is there as a whole and durably, or not at all.
  func add(
    _ volume: String, _ body: (Descriptor) async throws -> VolumeManifest
  ) async throws -> VolumeBackup {
    try VolumeStore.check(volume)
    let id = Self.freshID()
    let path = "\(folder)/\(volume)/\(id)"
    let file = try translatingSystemErrors("make a backup of volume \(volume)") {
      try FileSystem.makeDirectories("\(folder)/\(volume)", mode: 0o700)
      return try Descriptor.open(path + Self.partial, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    }
    do {
      let manifest = try await body(file)
      return try translatingSystemErrors("store a backup of volume \(volume)") {
        try systemCall("fsync", path) { fsync(file.raw) }
        let size = try file.status().sizeBytes
        try FileSystem.rename(path + Self.partial, to: path + Self.suffix)
        try FileSystem.syncDirectory("\(folder)/\(volume)")
        try FileSystem.syncDirectory(folder)
        return Self.backup(id, manifest, sizeBytes: size)
      }
    } catch {
      try? FileSystem.removeFile(path + Self.partial)
      throw error
    }
  }

  /// Every backup of a volume, the newest first; of all volumes without a name.
  func list(_ volume: String? = nil) throws -> [VolumeBackup] {
    let volumes: [String]
    if let volume {
      try VolumeStore.check(volume)
      volumes = FileSystem.exists("\(folder)/\(volume)") ? [volume] : []
    } else {
      volumes = try FileSystem.list(folder).filter { (try? VolumeStore.check($0)) != nil }.sorted()
    }
    return try volumes.flatMap { volume in
      let names = try FileSystem.list("\(folder)/\(volume)").filter { $0.hasSuffix(Self.suffix) }
      // Two of one second stand in any order by their ids.
      return try names.map { try read(volume, String($0.dropLast(Self.suffix.count))) }
        .sorted { ($0.createdAt, $0.id) > ($1.createdAt, $1.id) }
    }
  }

  private func read(_ volume: String, _ id: String) throws -> VolumeBackup {
    let (file, size) = try open(volume, id)
    do {
      return Self.backup(id, try VolumeArchiveReader.manifest(of: file), sizeBytes: size)
    } catch is PlatformError {
      // What is damaged is shown, and told by whoever reads it.
      return VolumeBackup(
        id: id, volume: volume, createdAt: 0, sizeBytes: size, consistency: "damaged", isEncrypted: false,
        isScheduled: false)
    }
  }

  /// - Throws: `invalidArgument` for what is no id, `notFound`.
  func open(_ volume: String, _ id: String) throws -> (file: Descriptor, sizeBytes: Int64) {
    let path = try self.path(volume, id)
    do {
      let file = try Descriptor.open(path, flags: O_RDONLY | O_NOFOLLOW)
      return (file, try file.status().sizeBytes)
    } catch let error as SystemError where error.errno == ENOENT {
      throw PlatformError(.notFound, "volume \(volume) has no backup \(id)")
    } catch let error as SystemError {
      throw platformError("open the backup \(id) of volume \(volume)", error)
    }
  }

  func remove(_ volume: String, _ id: String) throws {
    _ = try open(volume, id)
    let path = try self.path(volume, id)
    try translatingSystemErrors("remove the backup \(id) of volume \(volume)") {
      try FileSystem.removeFile(path)
      try FileSystem.syncDirectory("\(folder)/\(volume)")
    }
  }

  /// Removes the oldest of a volume's backups that are scheduled, or of the others, until `keep` are left.
  func retain(_ volume: String, keep: Int, scheduled: Bool) throws -> [String] {
    let gone = try list(volume).filter { $0.isScheduled == scheduled && $0.createdAt > 0 }.dropFirst(keep)
    for backup in gone { try remove(volume, backup.id) }
    return gone.map(\.id)
  }

  private func path(_ volume: String, _ id: String) throws -> String {
    try VolumeStore.check(volume)
    let bytes = Array(id.utf8)
    guard (1...64).contains(bytes.count), bytes[0] != UInt8(ascii: "."),
      bytes.allSatisfy({ (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 45 })
    else {
      throw PlatformError(.invalidArgument, "'\(id.prefix(64))' is no id of a backup, as 20261128T030000Z-1a2b is")
    }
    return "\(folder)/\(volume)/\(id)\(Self.suffix)"
  }

  private static func backup(_ id: String, _ manifest: VolumeManifest, sizeBytes: Int64) -> VolumeBackup {
    VolumeBackup(
      id: id, volume: manifest.volume, createdAt: manifest.createdAt, sizeBytes: sizeBytes,
      consistency: manifest.consistency.rawValue, isEncrypted: manifest.encryption != nil,
      isScheduled: manifest.isScheduled)
  }

  private static func freshID() -> String {
    var seconds = time_t(Clock.realTimeNanoseconds() / 1_000_000_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func padded(_ number: Int32, _ width: Int = 2) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
    let date = padded(parts.tm_year + 1900, 4) + padded(parts.tm_mon + 1) + padded(parts.tm_mday)
    let time = padded(parts.tm_hour) + padded(parts.tm_min) + padded(parts.tm_sec)
    let random = String(UInt16.random(in: .min ... .max), radix: 16)
    return "\(date)T\(time)Z-" + String(repeating: "0", count: 4 - random.utf8.count) + random
  }
}
