import KubeMachinery
import PodStreams

/// What runs pods on this node, as the agent needs it: sandboxes, containers and images. The form of CRI v1 without its wire types.
///
/// Calls throw `RuntimeFailure`; `CancellationError` where the caller's task is cancelled. What is stopped or removed may be gone
/// already.
public protocol PodRuntime: Sendable {
  func version() async throws -> RuntimeVersion
  /// All of the runtime, or of one pod.
  func sandboxes(pod uid: String?) async throws -> [SandboxRecord]
  func containers(pod uid: String?) async throws -> [ContainerRecord]
  /// - Returns: the sandbox's id.
  func runSandbox(_ request: SandboxRequest) async throws -> String
  /// Ends what runs in it, too.
  func stopSandbox(_ id: String) async throws
  func removeSandbox(_ id: String) async throws
  /// - Returns: the container's id.
  func createContainer(_ request: ContainerRequest, in sandbox: String, of pod: SandboxRequest) async throws -> String
  func startContainer(_ id: String) async throws
  /// Returns once it has ended.
  func stopContainer(_ id: String, graceSeconds: Int64) async throws
  func removeContainer(_ id: String) async throws
  /// Has a running container's output go to a new file at its log's path, after the old one was moved away. What is written until the
  /// new one is there goes to the old one.
  func reopenLog(_ id: String) async throws
  /// Runs a program in a container and waits for its end, at most `timeoutSeconds`; more output than a few KiB may be cut.
  func execute(_ command: [String], in container: String, timeoutSeconds: Int64) async throws -> ExecutionResult
  /// Where streams are to be had: an address as docs/cri.md describes it.
  func streams(_ wish: StreamWish) async throws -> String
  /// Nil where the image is not there.
  func image(_ name: String) async throws -> ImageRecord?
  /// - Returns: the reference that containers are made from.
  func pullImage(_ name: String, credentials: RegistryCredentials?, pod: SandboxRequest) async throws -> String
  /// What the containers of pods that run have used by now.
  func usages() async throws -> [ContainerUsage]
  /// Calls `seen` with a pod's uid whenever something of it changed, until cancelled or the stream ends.
  func watch(_ seen: @escaping @Sendable (_ pod: String) async -> Void) async throws
}

/// Streams that somebody wants of a pod.
public enum StreamWish: Sendable, Equatable {
  /// A program run in a container.
  case execution([String], container: String, CommandStreams)
  /// What runs in a container already.
  case attachment(container: String, CommandStreams)
  /// A port in the pod's network.
  case port(UInt16, sandbox: String)
}

/// Why the runtime did not do something.
public struct RuntimeFailure: Error, Sendable, Equatable {
  public enum Kind: Sendable {
    case notFound
    /// The runtime does not answer.
    case unavailable
    case timeout
    /// The policy of the engine forbids it.
    case forbidden
    case other
  }

  public let kind: Kind
  public let message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }
}

public struct RuntimeVersion: Sendable, Equatable {
  public let name: String
  public let version: String

  public init(name: String, version: String) {
    self.name = name
    self.version = version
  }
}

/// A sandbox that the runtime knows.
public struct SandboxRecord: Sendable, Equatable {
  public var id: String
  public var pod: PodIdentity
  public var attempt: Int64
  public var isReady: Bool
  public var createdAt: Timestamp
  /// The first one is the main one; none for pods on the host's network.
  public var addresses: [String]

  public init(
    id: String, pod: PodIdentity, attempt: Int64, isReady: Bool, createdAt: Timestamp, addresses: [String] = []
  ) {
    self.id = id
    self.pod = pod
    self.attempt = attempt
    self.isReady = isReady
    self.createdAt = createdAt
    self.addresses = addresses
  }
}

/// A container that the runtime knows: one of the attempts at a container of a pod.
public struct ContainerRecord: Sendable, Equatable {
  public enum State: Sendable { case created, running, exited, unknown }

  public var id: String
  public var sandbox: String
  public var pod: PodIdentity
  public var name: String
  public var attempt: Int64
  public var state: State
  public var createdAt: Timestamp
  public var startedAt: Timestamp?
  public var finishedAt: Timestamp?
  public var exitCode: Int64
  /// `Completed`, `Error`, `OOMKilled`; empty while it lives.
  public var reason: String
  public var message: String
  /// As the user named it.
  public var image: String
  public var imageID: String
  public var annotations: [String: String]

  public init(
    id: String, sandbox: String, pod: PodIdentity, name: String, attempt: Int64, state: State, createdAt: Timestamp,
    startedAt: Timestamp? = nil, finishedAt: Timestamp? = nil, exitCode: Int64 = 0, reason: String = "",
    message: String = "", image: String = "", imageID: String = "", annotations: [String: String] = [:]
  ) {
    self.id = id
    self.sandbox = sandbox
    self.pod = pod
    self.name = name
    self.attempt = attempt
    self.state = state
    self.createdAt = createdAt
    self.startedAt = startedAt
    self.finishedAt = finishedAt
    self.exitCode = exitCode
    self.reason = reason
    self.message = message
    self.image = image
    self.imageID = imageID
    self.annotations = annotations
  }

  /// Takes processes, or may do so.
  public var isAlive: Bool { state == .running || state == .unknown }
}

public struct ImageRecord: Sendable, Equatable {
  public let id: String
  /// What containers are made from.
  public let reference: String
  public let sizeBytes: Int64
  /// The user of its configuration: a number, or a name.
  public let userID: Int64?
  public let userName: String

  public init(id: String, reference: String, sizeBytes: Int64 = 0, userID: Int64? = nil, userName: String = "") {
    self.id = id
    self.reference = reference
    self.sizeBytes = sizeBytes
    self.userID = userID
    self.userName = userName
  }
}

public struct RegistryCredentials: Sendable, Equatable {
  public let userName: String
  public let password: String
  public let serverAddress: String

  public init(userName: String, password: String, serverAddress: String) {
    self.userName = userName
    self.password = password
    self.serverAddress = serverAddress
  }
}

public struct ExecutionResult: Sendable, Equatable {
  public let exitCode: Int64
  public let output: String

  public init(exitCode: Int64, output: String) {
    self.exitCode = exitCode
    self.output = output
  }
}
