import CRIProtocol
import KubeMachinery
import PodStreams

/// The runtime behind a CRI socket (gRPC). Calls that may take long have connections of their own, so that a hundred slow commands
/// keep nobody else from being stopped.
public final class CRIPodRuntime: PodRuntime {
  static let quickSeconds = 15.0
  static let workSeconds = 120.0
  static let pullSeconds = 3_600.0
  private static let maxOutputBytes = 16 << 10

  /// Calls that take as long as a pod wants have connections of their own for each kind, so that no pod's commands keep others from
  /// being stopped, and none waits behind the others.
  private let quick: GRPCClient
  private let work: GRPCClient
  private let events: GRPCClient
  private let stops: CallPool
  private let pulls: CallPool
  private let commands: CallPool

  /// - Parameter path: of the engine's `cri.sock`, which need not be there yet.
  public init(socket path: String) {
    quick = GRPCClient(unixSocketPath: path)
    work = GRPCClient(unixSocketPath: path)
    events = GRPCClient(unixSocketPath: path)
    stops = CallPool(socket: path, connections: 8)
    pulls = CallPool(socket: path, connections: 4)
    commands = CallPool(socket: path, connections: 8)
  }

  /// Ends all connections, and calls that are under way with them; once, at the end.
  public func close() async {
    await quick.close()
    await work.close()
    await events.close()
    for pool in [stops, pulls, commands] { await pool.close() }
  }

  private func ask<Request, Response>(
    _ client: GRPCClient, _ method: GRPCMethod<Request, Response>, _ request: Request, seconds: Double
  ) async throws -> Response {
    do {
      return try await client.call(method, request, timeoutSeconds: seconds)
    } catch let status as GRPCStatus {
      throw Self.failure(status)
    }
  }

  private func ask<Request, Response>(
    _ pool: CallPool, _ method: GRPCMethod<Request, Response>, _ request: Request, seconds: Double
  ) async throws -> Response {
    try await pool.run { try await ask($0, method, request, seconds: seconds) }
  }

  static func failure(_ status: GRPCStatus) -> any Error {
    switch status.code {
    case .cancelled: return CancellationError()
    case .notFound: return RuntimeFailure(.notFound, status.message)
    case .unavailable: return RuntimeFailure(.unavailable, status.message)
    case .deadlineExceeded: return RuntimeFailure(.timeout, status.message)
    case .permissionDenied: return RuntimeFailure(.forbidden, status.message)
    default: return RuntimeFailure(.other, status.message)
    }
  }

  // MARK: looking

  public func version() async throws -> RuntimeVersion {
    let answer = try await ask(quick, CRIRuntime.version, CRIVersionRequest(), seconds: Self.quickSeconds)
    return RuntimeVersion(name: answer.runtimeName, version: answer.runtimeVersion)
  }

  public func sandboxes(pod uid: String?) async throws -> [SandboxRecord] {
    var request = CRIListPodSandboxRequest()
    if let uid { request.filter.labelSelector = [RuntimeLabel.podUID: uid] }
    let items = try await ask(quick, CRIRuntime.listPodSandbox, request, seconds: Self.quickSeconds).items
    var records: [SandboxRecord] = []
    for item in items {
      var record = SandboxRecord(
        id: item.id,
        pod: PodIdentity(namespace: item.metadata.namespace, name: item.metadata.name, uid: item.metadata.uid),
        attempt: Int64(item.metadata.attempt), isReady: item.state == .sandboxReady,
        createdAt: Self.moment(item.createdAt) ?? Timestamp(seconds: 0))
      // Addresses are asked for one pod only: lists of all are compared by their states.
      if uid != nil, record.isReady { record.addresses = try await addresses(item.id) }
      records.append(record)
    }
    return records
  }

  private func addresses(_ id: String) async throws -> [String] {
    var request = CRIPodSandboxStatusRequest()
    request.podSandboxID = id
    do {
      let network = try await ask(quick, CRIRuntime.podSandboxStatus, request, seconds: Self.quickSeconds)
        .status.network
      return ([network.ip] + network.additionalIps.map(\.ip)).filter { !$0.isEmpty }
    } catch let error as RuntimeFailure where error.kind == .notFound {
      return []
    }
  }

  public func containers(pod uid: String?) async throws -> [ContainerRecord] {
    var request = CRIListContainersRequest()
    if let uid { request.filter.labelSelector = [RuntimeLabel.podUID: uid] }
    let items = try await ask(quick, CRIRuntime.listContainers, request, seconds: Self.quickSeconds).containers
    var records: [ContainerRecord] = []
    for item in items {
      var record = ContainerRecord(
        id: item.id, sandbox: item.podSandboxID, pod: Self.pod(item.labels),
        name: item.metadata.name, attempt: Int64(item.metadata.attempt), state: Self.state(item.state),
        createdAt: Self.moment(item.createdAt) ?? Timestamp(seconds: 0), image: item.image.userSpecifiedImage,
        imageID: item.imageRef, annotations: item.annotations)
      if uid != nil, try await !complete(&record) { continue }
      records.append(record)
    }
    return records
  }

  private static func pod(_ labels: [String: String]) -> PodIdentity {
    PodIdentity(
      namespace: labels[RuntimeLabel.podNamespace] ?? "", name: labels[RuntimeLabel.podName] ?? "",
      uid: labels[RuntimeLabel.podUID] ?? "")
  }

  public func usages() async throws -> [ContainerUsage] {
    let answer = try await ask(
      quick, CRIRuntime.listContainerStats, CRIListContainerStatsRequest(), seconds: Self.quickSeconds)
    // What has ended has no figures, and what is no pod's is not asked for here.
    return answer.stats.compactMap { stats in
      let pod = Self.pod(stats.attributes.labels)
      guard stats.cpu.hasUsageCoreNanoSeconds, !pod.uid.isEmpty, let at = Self.moment(stats.cpu.timestamp) else {
        return nil
      }
      return ContainerUsage(
        id: stats.attributes.id, pod: pod, name: stats.attributes.metadata.name, at: at,
        processorNanoseconds: stats.cpu.usageCoreNanoSeconds.value,
        workingSetBytes: Int64(clamping: stats.memory.workingSetBytes.value))
    }
  }

  /// False where the container has gone meanwhile.
  private func complete(_ record: inout ContainerRecord) async throws -> Bool {
    var request = CRIContainerStatusRequest()
    request.containerID = record.id
    let status: CRIContainerStatus
    do {
      status = try await ask(quick, CRIRuntime.containerStatus, request, seconds: Self.quickSeconds).status
    } catch let error as RuntimeFailure where error.kind == .notFound {
      return false
    }
    record.state = Self.state(status.state)
    record.startedAt = Self.moment(status.startedAt)
    record.finishedAt = Self.moment(status.finishedAt)
    record.exitCode = Int64(status.exitCode)
    record.reason = record.state == .exited ? status.reason : ""
    record.message = record.state == .exited ? status.message : ""
    if !status.image.userSpecifiedImage.isEmpty { record.image = status.image.userSpecifiedImage }
    record.imageID = status.imageRef
    return true
  }

  private static func state(_ state: CRIContainerState) -> ContainerRecord.State {
    switch state {
    case .containerCreated: .created
    case .containerRunning: .running
    case .containerExited: .exited
    default: .unknown
    }
  }

  /// Nanoseconds since 1970; nil for none.
  static func moment(_ nanoseconds: Int64) -> Timestamp? {
    guard nanoseconds > 0 else { return nil }
    return Timestamp(seconds: nanoseconds / 1_000_000_000, nanoseconds: Int32(nanoseconds % 1_000_000_000))
  }

  public func watch(_ seen: @escaping @Sendable (_ pod: String) async -> Void) async throws {
    do {
      for try await event in try await events.stream(CRIRuntime.getContainerEvents, CRIGetEventsRequest()) {
        let uid = event.podSandboxStatus.metadata.uid
        if !uid.isEmpty { await seen(uid) }
      }
    } catch let status as GRPCStatus {
      throw Self.failure(status)
    }
  }

  // MARK: sandboxes

  public func runSandbox(_ request: SandboxRequest) async throws -> String {
    var message = CRIRunPodSandboxRequest()
    message.config = request.message
    message.runtimeHandler = request.handler
    return try await ask(work, CRIRuntime.runPodSandbox, message, seconds: Self.workSeconds).podSandboxID
  }

  public func stopSandbox(_ id: String) async throws {
    var request = CRIStopPodSandboxRequest()
    request.podSandboxID = id
    _ = try await ask(work, CRIRuntime.stopPodSandbox, request, seconds: Self.workSeconds)
  }

  public func removeSandbox(_ id: String) async throws {
    var request = CRIRemovePodSandboxRequest()
    request.podSandboxID = id
    _ = try await ask(work, CRIRuntime.removePodSandbox, request, seconds: Self.workSeconds)
  }

  // MARK: containers

  public func createContainer(
    _ request: ContainerRequest, in sandbox: String, of pod: SandboxRequest
  ) async throws -> String {
    var message = CRICreateContainerRequest()
    message.podSandboxID = sandbox
    message.config = request.message(in: pod)
    message.sandboxConfig = pod.message
    return try await ask(work, CRIRuntime.createContainer, message, seconds: Self.workSeconds).containerID
  }

  public func startContainer(_ id: String) async throws {
    var request = CRIStartContainerRequest()
    request.containerID = id
    _ = try await ask(work, CRIRuntime.startContainer, request, seconds: Self.workSeconds)
  }

  public func stopContainer(_ id: String, graceSeconds: Int64) async throws {
    var request = CRIStopContainerRequest()
    request.containerID = id
    request.timeout = graceSeconds
    _ = try await ask(stops, CRIRuntime.stopContainer, request, seconds: Double(graceSeconds) + Self.workSeconds)
  }

  public func removeContainer(_ id: String) async throws {
    var request = CRIRemoveContainerRequest()
    request.containerID = id
    _ = try await ask(work, CRIRuntime.removeContainer, request, seconds: Self.workSeconds)
  }

  public func reopenLog(_ id: String) async throws {
    var request = CRIReopenContainerLogRequest()
    request.containerID = id
    _ = try await ask(quick, CRIRuntime.reopenContainerLog, request, seconds: Self.quickSeconds)
  }

  public func execute(
    _ command: [String], in container: String, timeoutSeconds: Int64
  ) async throws -> ExecutionResult {
    var request = CRIExecSyncRequest()
    request.containerID = container
    request.cmd = command
    request.timeout = timeoutSeconds
    let answer = try await ask(
      commands, CRIRuntime.execSync, request, seconds: Double(timeoutSeconds) + Self.quickSeconds)
    let output = Array((answer.stdout + answer.stderr).prefix(Self.maxOutputBytes))
    return ExecutionResult(exitCode: Int64(answer.exitCode), output: String(decoding: output, as: UTF8.self))
  }

  // MARK: images

  public func image(_ name: String) async throws -> ImageRecord? {
    var request = CRIImageStatusRequest()
    request.image.image = name
    let answer = try await ask(quick, CRIImages.imageStatus, request, seconds: Self.quickSeconds)
    guard answer.hasImage, !answer.image.id.isEmpty else { return nil }
    let image = answer.image
    return ImageRecord(
      id: image.id, reference: image.id, sizeBytes: Int64(clamping: image.size),
      userID: image.hasUid ? image.uid.value : nil, userName: image.username)
  }

  public func pullImage(
    _ name: String, credentials: RegistryCredentials?, pod: SandboxRequest
  ) async throws -> String {
    var request = CRIPullImageRequest()
    request.image.image = name
    if let credentials {
      request.auth.username = credentials.userName
      request.auth.password = credentials.password
      request.auth.serverAddress = credentials.serverAddress
    }
    request.sandboxConfig = pod.message
    return try await ask(pulls, CRIImages.pullImage, request, seconds: Self.pullSeconds).imageRef
  }

  // MARK: streams

  public func streams(_ wish: StreamWish) async throws -> String {
    switch wish {
    case .execution(let command, let container, let streams):
      var request = CRIExecRequest()
      request.containerID = container
      request.cmd = command
      request.stdin = streams.input
      request.stdout = streams.output
      request.stderr = streams.errors
      request.tty = streams.isTerminal
      return try await ask(quick, CRIRuntime.exec, request, seconds: Self.quickSeconds).url
    case .attachment(let container, let streams):
      var request = CRIAttachRequest()
      request.containerID = container
      request.stdin = streams.input
      request.stdout = streams.output
      request.stderr = streams.errors
      request.tty = streams.isTerminal
      return try await ask(quick, CRIRuntime.attach, request, seconds: Self.quickSeconds).url
    case .port(let port, let sandbox):
      var request = CRIPortForwardRequest()
      request.podSandboxID = sandbox
      request.port = [Int32(port)]
      return try await ask(quick, CRIRuntime.portForward, request, seconds: Self.quickSeconds).url
    }
  }
}
