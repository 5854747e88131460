import LinuxSystem

/// The bounds of a registry.
public struct RegistryConfiguration: Sendable {
  /// Largest blob.
  public var maximumBlobBytes: Int64 = 64 << 30
  /// Uploads that may be unfinished at once, in all and in one project.
  public var maximumUploads = 2_000
  public var maximumProjectUploads = 500
  /// An upload that nobody has touched for this long is given up.
  public var uploadExpirySeconds: Int64 = 24 * 3_600
  /// Content up to this size is held in memory until it is complete, and made durable by the database's log alone.
  public var smallBlobBytes = 64 << 10
  /// How long a blob that a client was told to be there is kept though no manifest uses it.
  public var graceSeconds: Int64 = 3_600
  /// The log of changes is folded after this many changes or bytes.
  public var checkpointChanges = 4_096
  public var checkpointBytes = 16 << 20
  /// Seconds since 1970.
  public var now: @Sendable () -> Int64 = { Int64(Clock.realTimeNanoseconds() / 1_000_000_000) }

  /// Called between the steps of a change; what it throws ends the change there, as a crash would. For tests.
  var step: (@Sendable (Step) throws -> Void)?

  enum Step: Sendable, Equatable {
    /// The transaction is durable, no file has changed.
    case committed
    /// The next file changes.
    case changesFile
    /// The files are on disk, the log of changes is still there.
    case flushed
  }

  public init() {}
}
