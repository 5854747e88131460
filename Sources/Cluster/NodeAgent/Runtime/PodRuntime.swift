import KubeMachinery
import PodStreams

/// What runs pods on this node, as the agent needs it: sandboxes, containers and images. The form of CRI v1 without its wire types.
///
/// Calls block no thread. All but `watch` end within a time of their own: 15 s for questions, 120 s for work, an hour for a pull.
/// They throw `RuntimeFailure` (`timeout` after that); `CancellationError` where the caller's task is cancelled. What is stopped or
/// removed may be gone already, which is no failure.
///
/// Source: Kubernetes CRI `runtime/v1/api.proto`, `RuntimeService` and `ImageService`.
public protocol PodRuntime: Sendable {
  /// The runtime's name and version; also whether it answers.
  func version() async throws -> RuntimeVersion
  /// All sandboxes of the runtime, in any state, or those of one pod. Those of one pod have their addresses.
  func sandboxes(pod uid: String?) async throws -> [SandboxRecord]
  /// All containers of the runtime's sandboxes, in any state, or those of one pod. Those of one pod have times, exit code, reason and
  /// message.
  func containers(pod uid: String?) async throws -> [ContainerRecord]
  /// Makes a sandbox with its namespaces and network; it is ready on return. `forbidden` where the engine's policy refuses it.
  /// - Returns: the sandbox's id.
  func runSandbox(_ request: SandboxRequest) async throws -> String
  /// Kills what runs in it, and gives its network back. Its containers stay as records.
  func stopSandbox(_ id: String) async throws
  /// Removes it with its containers.
  func removeSandbox(_ id: String) async throws
  /// Makes a container without starting it. `pod` is the request that its sandbox was made by.
  /// - Returns: the container's id.
  func createContainer(_ request: ContainerRequest, in sandbox: String, of pod: SandboxRequest) async throws -> String
  /// Returns once its program runs.
  func startContainer(_ id: String) async throws
  /// Asks it to stop, kills it after `graceSeconds` (0: at once), and returns once it has ended.
  func stopContainer(_ id: String, graceSeconds: Int64) async throws
  /// Removes it, killing it where it runs.
  func removeContainer(_ id: String) async throws
  /// Has a running container's output go to a new file at its log's path, after the old one was moved away. What is written until the
  /// new one is there goes to the old one.
  func reopenLog(_ id: String) async throws
  /// Runs a program in a container and waits for its end, at most `timeoutSeconds`; throws `timeout` after that. Only the first
  /// 16 KiB of output are kept, standard output before errors.
  func execute(_ command: [String], in container: String, timeoutSeconds: Int64) async throws -> ExecutionResult
  /// Where streams are to be had: an address as docs/cri.md describes it.
  func streams(_ wish: StreamWish) async throws -> String
  /// The image of a name, such as `debian:bookworm`; nil where it is not on the node.
  func image(_ name: String) async throws -> ImageRecord?
  /// Pulls an image from its registry. `credentials` nil: none are sent. `pod` is who it is for.
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
  /// What callers branch on.
  public enum Kind: Sendable {
    /// The sandbox, container or image is not there.
    case notFound
    /// The runtime does not answer.
    case unavailable
    /// The call was not done in its time; whether it is done later is not known.
    case timeout
    /// The policy of the engine forbids it.
    case forbidden
    /// Everything else; the message tells.
    case other
  }

  public let kind: Kind
  /// The runtime's own words, for events and statuses of pods.
  public let message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }
}

/// Which runtime answers: CRI's `VersionResponse`.
public struct RuntimeVersion: Sendable, Equatable {
  /// Such as `bulkhead`.
  public let name: String
  /// The runtime's own, such as `0.1.0`.
  public let version: String

  public init(name: String, version: String) {
    self.name = name
    self.version = version
  }
}

/// A sandbox that the runtime knows.
public struct SandboxRecord: Sendable, Equatable {
  /// The runtime's.
  public var id: String
  public var pod: PodIdentity
  /// From 0, counted on with each sandbox that is made for the pod.
  public var attempt: Int64
  /// Its namespaces are there and it takes containers.
  public var isReady: Bool
  public var createdAt: Timestamp
  /// Of IPv4 or IPv6, the main one first; none for pods on the host's network, for sandboxes that are not ready, and in lists of
  /// more than one pod.
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
  /// CRI's `ContainerState`. `unknown`: it may run.
  public enum State: Sendable { case created, running, exited, unknown }

  /// The runtime's.
  public var id: String
  /// The id of its sandbox.
  public var sandbox: String
  public var pod: PodIdentity
  /// Of the container in the pod's specification.
  public var name: String
  /// From 0: how often the container was made before.
  public var attempt: Int64
  public var state: State
  public var createdAt: Timestamp
  /// Nil before it has started.
  public var startedAt: Timestamp?
  /// Nil before it has ended.
  public var finishedAt: Timestamp?
  /// 0 to 255, 128 and the signal's number where one ended it; without meaning before it has ended.
  public var exitCode: Int64
  /// `Completed`, `Error`, `OOMKilled`; empty while it lives.
  public var reason: String
  /// The runtime's words about its state; often empty.
  public var message: String
  /// As the user named it.
  public var image: String
  /// What it was made from: `ImageRecord.reference`.
  public var imageID: String
  /// Those of the request that made it.
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

/// An image that the runtime has.
public struct ImageRecord: Sendable, Equatable {
  /// `sha256:…`, the digest of its configuration.
  public let id: String
  /// What containers are made from.
  public let reference: String
  public let sizeBytes: Int64
  /// The user of its configuration where that is a number; nil otherwise.
  public let userID: Int64?
  /// The same where it is a name; empty otherwise.
  public let userName: String

  public init(id: String, reference: String, sizeBytes: Int64 = 0, userID: Int64? = nil, userName: String = "") {
    self.id = id
    self.reference = reference
    self.sizeBytes = sizeBytes
    self.userID = userID
    self.userName = userName
  }
}

/// What one signs in to a registry with; goes to the runtime and into no log.
public struct RegistryCredentials: Sendable, Equatable {
  public let userName: String
  public let password: String
  /// The registry that they are for: `HOST[:PORT]`.
  public let serverAddress: String

  public init(userName: String, password: String, serverAddress: String) {
    self.userName = userName
    self.password = password
    self.serverAddress = serverAddress
  }
}

/// How a program that was run in a container ended.
public struct ExecutionResult: Sendable, Equatable {
  /// 0 to 255.
  public let exitCode: Int64
  /// Standard output, then errors, cut as `PodRuntime.execute` says; what is not UTF-8 is replaced.
  public let output: String

  public init(exitCode: Int64, output: String) {
    self.exitCode = exitCode
    self.output = output
  }
}
