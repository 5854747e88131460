/// What the engine has of a project: what carries its labels.
public struct ComposeObservation: Sendable, Equatable {
  public var containers: [ObservedContainer] = []
  public var networks: [ObservedResource] = []
  public var volumes: [ObservedResource] = []

  public init() {}
}

/// A container with the project's label.
public struct ObservedContainer: Sendable, Equatable {
  public enum State: String, Sendable, CaseIterable {
    case created, running, paused, restarting, removing, exited, dead
  }
  public enum Health: String, Sendable, CaseIterable { case none, starting, healthy, unhealthy }

  public var id: String
  public var name: String
  public var service: String
  public var number: Int
  public var configHash: String
  /// The id of the image it was made from; nil: unknown, not compared.
  public var imageID: String?
  public var state: State
  public var health: Health
  public var exitCode: Int?
  /// From `run`: nothing that a plan touches, but for `down`.
  public var isOneOff = false
  /// The image as it was named when the container was made; nil: unknown.
  public var imageName: String?
  /// What its label says that its service needs (`ComposeLabel.dependsOn`).
  public var dependsOn = ""

  public init(
    id: String, name: String, service: String, number: Int, configHash: String, imageID: String? = nil,
    state: State = .running, health: Health = .none
  ) {
    self.id = id
    self.name = name
    self.service = service
    self.number = number
    self.configHash = configHash
    self.imageID = imageID
    self.state = state
    self.health = health
  }
}

/// A network or volume with the project's label.
public struct ObservedResource: Sendable, Equatable {
  /// The engine's name for it.
  public var name: String
  /// The key in the files, by its label.
  public var key: String
  /// By its label; nil where an older client made it without one, which counts as unchanged.
  public var configHash: String?

  public init(name: String, key: String, configHash: String? = nil) {
    self.name = name
    self.key = key
    self.configHash = configHash
  }
}
