/// A range of host user and group ids that belongs to one container or to the volumes.
///
/// Inside, ids run from 0 to `count - 1`; on the host from `first` to `first + count - 1`. Sources: user_namespaces(7),
/// mount_setattr(2).
public struct IDRange: Sendable, Hashable, Codable {
  public let first: UInt32
  public let count: UInt32

  /// Ids in one container's range.
  public static let standardCount: UInt32 = 65_536

  public init(first: UInt32, count: UInt32 = IDRange.standardCount) {
    self.first = first
    self.count = count
  }

  /// All ids that engines give to containers and volumes: above those of systemd's own containers (up to 0x6FFFFFFF), up
  /// to 0xEFFFFFFF.
  public static let pool = IDRange(first: 0x7000_0000, count: 0x8000_0000)
  /// Ranges of one engine, the volumes' own included.
  public static let perEngine: UInt32 = 1024

  /// The identity: container ids are host ids (`--userns=host`, allowed by policy only).
  public static let host = IDRange(first: 0, count: UInt32.max)

  public var isHost: Bool { first == 0 }

  /// The host's id for an id inside, or nil where it lies outside the range.
  public func host(_ inside: UInt32) -> UInt32? { inside < count ? first + inside : nil }
  /// The id inside for a host's id, or nil where it lies outside the range.
  public func inside(_ host: UInt32) -> UInt32? { host >= first && host - first < count ? host - first : nil }
}
