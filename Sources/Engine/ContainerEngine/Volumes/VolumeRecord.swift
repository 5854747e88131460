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
}

/// A volume as an API sees it.
public struct VolumeView: Sendable {
  public var record: VolumeRecord
  public var mountpoint: String
  /// Containers that refer to it.
  public var references: [ContainerID]
  /// Only where asked for.
  public var sizeBytes: Int64?
}
