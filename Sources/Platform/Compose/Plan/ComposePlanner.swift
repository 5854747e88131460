/// How `up` and its kin were asked for.
public struct ComposeUpOptions: Sendable, Equatable {
  /// The services to bring up, with what they depend on; empty: all.
  public var services: [String] = []
  /// `--scale`
  public var scale: [String: Int] = [:]
  public var forceRecreate = false
  public var noRecreate = false
  /// `--always-recreate-deps`
  public var recreatesDependencies = false
  /// `--no-deps`
  public var withoutDependencies = false
  public var removesOrphans = false
  /// `--no-start`, `create`
  public var createsOnly = false
  /// `--renew-anon-volumes`
  public var renewsAnonymousVolumes = false
  /// `--wait`: the plan ends with waits for every container.
  public var waits = false

  public init() {}
}

public struct ComposeDownOptions: Sendable, Equatable {
  /// Empty: the whole project with its networks.
  public var services: [String] = []
  public var removesOrphans = false
  /// `--volumes`: named and anonymous ones.
  public var removesVolumes = false

  public init() {}
}

/// Compares a project with what there is of it. Pure: no clock, no engine.
public struct ComposePlanner {
  let project: ComposeProject
  let observation: ComposeObservation
  /// Service → id of its image, where known: a container of another image is replaced.
  let imageIDs: [String: String]
  /// SHA-256 in hexadecimal digits.
  let sha256: ([UInt8]) -> String

  public init(
    project: ComposeProject, observation: ComposeObservation, imageIDs: [String: String] = [:],
    sha256: @escaping ([UInt8]) -> String
  ) {
    self.project = project
    self.observation = observation
    self.imageIDs = imageIDs
    self.sha256 = sha256
  }
}
