import Isolation
import Model
import Networking

/// What the engine keeps of a container on disk: the intent, what was made of it, and how its last run stands.
public struct ContainerRecord: Codable, Sendable, Equatable {
  public var id: ContainerID
  /// Without docker's leading slash.
  public var name: String
  public var settings: ContainerSettings
  /// The image's id (config digest).
  public var imageID: Digest
  /// Chain ids of the image's layers, lowest first.
  public var layers: [Digest]
  public var ids: IDRange
  /// The range is another container's, whose pid or ipc namespace this one joins.
  public var sharesIDs = false
  /// The client that asked for it; nil where that is not known.
  public var creator: ClientIdentity?
  /// Nanoseconds since 1970.
  public var createdAt: Int64
  /// Program and arguments after the image's defaults.
  public var arguments: [String]
  public var environment: [String]
  public var workingDirectory: String
  public var user: String
  public var stopSignal: Int32
  public var stopSignalName: String
  public var exposedPorts: [ContainerPort]
  public var healthcheck: HealthcheckSettings?
  public var labels: [String: String]
  public var mounts: [MountPoint]
  public var hostname: String
  public var endpoints: [String: EndpointRecord] = [:]
  public var networks: [NetworkAttachment]
  public var publishedPorts: [PortBinding] = []
  public var run = ContainerRunState()
  public var runtime: String
  public var logDriver: String
  /// The AppArmor profile that holds; nil where there is none.
  public var appArmorProfile: String?
  /// Health as it was when it last changed, for the next engine; the newest is in memory.
  public var health: HealthState?
  /// A step of a build: it goes with the build, and at the next start.
  public var isBuildStep: Bool?
  /// Set for a container of a pod.
  public var pod: PodMembership?
}

/// A mount as it was decided when the container was created.
public struct MountPoint: Codable, Sendable, Equatable {
  public var kind: MountRequest.Kind
  /// The volume's name, for volumes.
  public var volumeName: String?
  /// The path on the host.
  public var source: String
  public var destination: String
  public var readOnly: Bool
  public var propagation: String
  public var modeText: String
  public var subpath: String?
  public var noCopy: Bool
  public var nonRecursive: Bool
  public var tmpfsOptions: String?
  /// The request it came from was `-v` or `--mount`.
  public var shortSyntax: Bool
  /// Set for what a build mounts into its steps: `source` is a folder of the engine's own, `subpath` a path below it.
  public var buildSource: BuildSource?
  /// A bind of the engine's socket: what is mounted is the container's own (`ContainerSocketHost`), never `source`.
  public var isEngineSocket: Bool?
  /// A bind from a folder of the node's agent: ids on disk are those in the container.
  public var isPodFolder: Bool?

  /// Whose ids the files have.
  public enum BuildSource: Codable, Sendable, Equatable {
    /// The image's, 0 to 65535.
    case image
    /// The container's on the host, for these ids inside.
    case secret(uid: UInt32, gid: UInt32)
  }
}

/// A container as an API sees it at one moment.
public struct ContainerView: Sendable {
  public var record: ContainerRecord
  public var health: HealthState?
  public var execIDs: [ExecID]
  /// Grows with every change of this container; the same number means the same view.
  public var revision: UInt64
  public var logPath: String
  public var hostnamePath: String
  public var hostsPath: String
  public var resolvConfPath: String
}

/// Where a container's files are on the host.
public struct ContainerFolders: Sendable {
  /// The container's own changes.
  public var upper: String
  /// The image's layers, the uppermost first.
  public var lowers: [String]
}
