import Model

/// Where to look.
public struct HostProbeRequest: Sendable {
  /// The engine's root; where it is not there yet, the nearest folder above it is looked at.
  public var rootPath: String
  public var idRange: IDRange
  /// Group whose members may use the engine.
  public var group: String
  /// Programs by name, where the policy says other places than the usual ones.
  public var programPaths: [String: String]

  public init(
    rootPath: String = "/var/lib/bulkhead/engine", idRange: IDRange = .pool,
    group: String = "bulkhead", programPaths: [String: String] = [:]
  ) {
    self.rootPath = rootPath
    self.idRange = idRange
    self.group = group
    self.programPaths = programPaths
  }
}
