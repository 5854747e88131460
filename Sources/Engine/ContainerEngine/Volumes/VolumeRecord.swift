import LinuxSystem
import Model

/// A named place for data that outlives containers.
public struct VolumeRecord: Codable, Sendable, Equatable {
  public var name: String
  /// Nanoseconds since 1970.
  public var createdAt: Int64
  public var labels: [String: String]
  public var options: [String: String]
  /// Made for a destination without a name; `rm -v` takes it along.
  public var anonymous: Bool
  /// The image's content was copied in (or it was written to): it is not done again.
  public var populated: Bool
  /// When it is backed up without being asked; nil: never.
  public var schedule: VolumeSchedule?
  /// The project quota that its files count against; nil where they have no bound.
  public var project: UInt32?

  /// The bound that was asked for.
  public var limitBytes: Int64? { (try? VolumeOptions(options))?.limitBytes }
}

/// A volume's backups by the clock.
public struct VolumeSchedule: Codable, Sendable, Equatable {
  public static let keepLimit = 1_000

  public var table: CronSchedule
  /// How many of its backups are kept, the newest.
  public var keep: Int
  /// Containers that write to the volume work on meanwhile.
  public var live: Bool
  /// When one began last, or the time-table was made; nanoseconds since 1970. What is missed while the engine is down is made
  /// up for once.
  public var lastAt: Int64
  /// Why the last one failed; nil where it did not.
  public var lastError: String?
  /// When one was made last, or failed last; nanoseconds since 1970, nil: never yet.
  public var lastSuccessAt: Int64?
  public var lastFailureAt: Int64?
  /// How many have failed since the volume has a time-table; nil in records of before it was counted.
  public var failures: Int64?

  /// - Throws: `invalidArgument`.
  public init(table: String, keep: Int, live: Bool, now: Int64) throws {
    guard (1...Self.keepLimit).contains(keep) else {
      throw PlatformError(.invalidArgument, "keep: expected 1 to \(Self.keepLimit) backups, not \(keep)")
    }
    self.table = try CronSchedule(table)
    self.keep = keep
    self.live = live
    lastAt = now
  }

  /// Notes that one was made, or why it was not.
  mutating func note(_ failure: String?, now: Int64) {
    lastError = failure.map { String($0.prefix(1_000)) }
    if failure == nil {
      lastSuccessAt = now
    } else {
      lastFailureAt = now
      failures = (failures ?? 0).clampedAdding(1)
    }
  }

  /// What is known of the backups by an earlier table of the same volume.
  mutating func takeOver(_ earlier: Self?) {
    guard let earlier else { return }
    (lastSuccessAt, lastFailureAt) = (earlier.lastSuccessAt, earlier.lastFailureAt)
    (failures, lastError) = (earlier.failures, earlier.lastError)
  }

  /// Seconds since 1970.
  public var nextAt: Int64? { table.next(after: lastAt / 1_000_000_000) }

  /// Whether a time of the table has passed since the last one.
  func isDue(now: Int64) -> Bool {
    guard let next = nextAt else { return false }
    return next <= now / 1_000_000_000
  }
}

/// A volume as an API sees it.
public struct VolumeView: Sendable {
  public var record: VolumeRecord
  public var mountpoint: String
  /// Containers that refer to it.
  public var references: [ContainerID]
  /// Only where asked for.
  public var sizeBytes: Int64?
  /// What a volume with a bound has, by the file system's own count.
  public var usage: ProjectQuota.Usage?
}
