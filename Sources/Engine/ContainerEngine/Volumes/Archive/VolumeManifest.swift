import FoundationEssentials
import LinuxSystem
import Model

/// The first entry of a volume's archive: what it holds, and how it is sealed.
struct VolumeManifest: Codable, Sendable, Equatable {
  static let currentFormat = "bulkhead-volume-1"
  static let maximumBytes = 1 << 20

  /// What was done so that files fit together.
  enum Consistency: String, Codable, Sendable {
    /// Nothing that runs had the volume open for writing.
    case idle
    /// Containers that could write to it stood still meanwhile.
    case frozen
    /// They did not.
    case live
  }

  var format = currentFormat
  var volume: String
  /// Nanoseconds since 1970.
  var createdAt: Int64
  var labels: [String: String]
  var options: [String: String]
  var consistency: Consistency
  /// Made by the volume's time-table, which removes it when there are newer ones.
  var isScheduled: Bool
  var encryption: ArchiveKey.Parameters?
  /// About how many bytes the files take on disk: what a restore asks for beforehand. It may have changed meanwhile, and nobody
  /// relies on it.
  var sizeBytes: Int64?

  func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
    return [UInt8](try encoder.encode(self))
  }

  /// - Throws: `invalidArgument` for what is no manifest, or one of another format.
  init(parsing bytes: [UInt8]) throws {
    do {
      self = try JSONDecoder().decode(Self.self, from: Data(bytes))
    } catch {
      throw PlatformError(.invalidArgument, "this is no archive of a volume: its manifest cannot be read", cause: error)
    }
    guard format == Self.currentFormat else {
      throw PlatformError(
        .invalidArgument, "the archive has the format '\(format.prefix(64))'; this engine knows \(Self.currentFormat)")
    }
    try VolumeStore.check(volume)
  }

  /// That of a volume's archive which was unpacked as if it were a plain one; nil where the files are something else.
  init?(unpackedIn root: RootedDirectory) {
    guard (try? root.exists(ArchiveNames.sums)) == true, (try? root.exists(ArchiveNames.piece(0))) == true,
      let bytes = try? root.read(ArchiveNames.manifest, maxBytes: Self.maximumBytes)
    else { return nil }
    try? self.init(parsing: bytes)
  }

  init(
    volume: String, createdAt: Int64, labels: [String: String], options: [String: String], consistency: Consistency,
    isScheduled: Bool, encryption: ArchiveKey.Parameters? = nil, sizeBytes: Int64? = nil
  ) {
    self.volume = volume
    self.createdAt = createdAt
    self.labels = labels
    self.options = options
    self.consistency = consistency
    self.isScheduled = isScheduled
    self.encryption = encryption
    self.sizeBytes = sizeBytes
  }
}
