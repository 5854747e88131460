import HTTPServing
import KubeMachinery
import KubeResources
import LinuxSystem
import Model

/// Does what plans say for one pod, as it was when the plan was made.
struct PodOperations: Sendable {
  enum Result: Sendable, Equatable {
    case done
    /// A container runs, and its hook is over.
    case started
    case failed(PodMemory.Failure)
  }

  /// A step of a start that failed, in the words of `kubectl describe`.
  struct StepFailure: Error {
    let reason: String
    let message: String
    let step: PodMemory.Failure.Step
    var isOutage = false

    init(reason: String, message: String, step: PodMemory.Failure.Step = .making) {
      self.reason = reason
      self.message = message
      self.step = step
    }

    /// For what it is due to.
    init(reason: String, _ cause: any Error, step: PodMemory.Failure.Step = .making) {
      self.init(reason: reason, message: PodOperations.message(of: cause), step: step)
      isOutage = PodOperations.isOutage(cause)
    }
  }

  /// What is left for a container's end when its hook took all the time. Source: Kubernetes *Container Lifecycle Hooks*.
  private static let minimumGraceSeconds: Int64 = 2

  let context: AgentContext
  let view: PodView

  var pod: PodDocument { view.pod }

  func perform(_ action: PodAction) async -> Result {
    do {
      switch action {
      case .prepareVolumes: try await prepareVolumes()
      case .createSandbox(let attempt): _ = try await context.runtime.runSandbox(try await sandbox(attempt: attempt))
      case .stopSandbox(let id): try await context.runtime.stopSandbox(id)
      case .removeSandbox(let id): try await context.runtime.removeSandbox(id)
      case .start(let name, let attempt):
        guard let container = pod.container(name) else { return .done }
        try await start(container, attempt: attempt)
        return .started
      case .stop(let stop): try await self.stop(stop)
      case .removeContainer(let id): try await remove(id)
      case .removeFiles: try PodFolder.remove(pod.identity, node: context.node)
      case .deletePod: try await deletePod()
      }
      return .done
    } catch {
      return .failed(report(error, action))
    }
  }

  private func report(_ error: any Error, _ action: PodAction) -> PodMemory.Failure {
    let message = Self.message(of: error)
    var failure = PodMemory.Failure(reason: "", message: message, isOutage: Self.isOutage(error))
    var container: String?
    switch action {
    case .prepareVolumes: failure.reason = "FailedMount"
    case .createSandbox:
      failure.reason = "FailedCreatePodSandBox"
      failure.message = "Failed to create pod sandbox: \(message)"
    case .start(let name, _):
      container = name
      failure.reason = (error as? StepFailure)?.reason ?? "CreateContainerError"
      failure.step = (error as? StepFailure)?.step ?? .making
    case .stop(let stop):
      container = stop.container
      failure.reason = "FailedKillPod"
    default:
      if !(error is CancellationError) {
        context.logger.warning("pod \(pod.shown): \(action.subject) failed and is tried again: \(message)")
      }
      return failure
    }
    guard !(error is CancellationError), !Task.isCancelled else { return failure }
    let reason = container != nil && failure.reason != "FailedKillPod" ? "Failed" : failure.reason
    let text = reason == "Failed" ? "Error: \(failure.reason): \(message)" : failure.message
    context.announce(pod, PodAnnouncement(isWarning: true, reason: reason, message: text, container: container))
    return failure
  }

  /// Whether runtime or server did not answer at all.
  static func isOutage(_ error: any Error) -> Bool {
    switch error {
    case let error as StepFailure: error.isOutage
    case let error as RuntimeFailure: error.kind == .unavailable
    case let error as PlatformError: error.code == .unavailable
    default: false
    }
  }

  static func message(of error: any Error) -> String {
    switch error {
    case let error as StepFailure: error.message
    case let error as RuntimeFailure: error.message
    case let error as VolumeFiles.Failure: error.message
    case let error as ContainerEnvironment.Failure: error.message
    case let error as StatusError: error.message
    case is CancellationError: "cancelled"
    default: "\(error)"
    }
  }

  // MARK: the pod

  func sandbox(attempt: Int64) async throws -> SandboxRequest {
    var handler = ""
    let name = pod.spec.textAt("runtimeClassName")
    if !name.isEmpty {
      let path = ["apis", "node.k8s.io", "v1", "runtimeclasses", name]
      handler = try await context.cluster.send(ClusterRequest(.get, path)).textAt("handler")
    }
    return SandboxSettings(pod: pod, node: context.node, handler: handler, hostDNS: context.hostDNS)
      .request(attempt: attempt)
  }

  private var fields: FieldReference {
    FieldReference(
      pod: pod, hostAddress: context.node.address,
      addresses: pod.isOnHostNetwork ? [context.node.address] : view.sandbox?.addresses ?? [],
      capacity: context.node.capacity)
  }

  /// One volume after the other, so that no more than its objects are in memory.
  private func prepareVolumes() async throws {
    let volumes = pod.spec.listAt("volumes")
    var left = PodObjects.maxBytes
    for part in volumes.isEmpty ? [pod] : volumes.map({ pod.showing([$0]) }) {
      let needs = PodNeeds(volumesOf: part)
      let objects = try await objects(needs, &left)
      var tokens: [ProjectedToken.Key: ProjectedToken] = [:]
      for key in needs.tokens { tokens[key] = try await context.tokens.token(key, for: pod, context) }
      try PodFolder(pod: part, node: context.node).prepare(objects, fields, tokens)
    }
  }

  /// What the server has of these. Throws where it does not answer, and `VolumeFiles.Failure` where it is too much.
  /// - Parameter left: bytes that they may have.
  private func objects(_ needs: PodNeeds, _ left: inout Int) async throws -> PodObjects {
    var objects = PodObjects()
    for name in needs.configMaps { objects.configMaps[name] = .some(try await object("configmaps", name, &left)) }
    for name in needs.secrets { objects.secrets[name] = .some(try await object("secrets", name, &left)) }
    return objects
  }

  private func object(_ resource: String, _ name: String, _ left: inout Int) async throws -> JSONValue? {
    do {
      let object = try await context.cluster.send(
        ClusterRequest(.get, ["api", "v1", "namespaces", pod.identity.namespace, resource, name]))
      left -= PodObjects.sizeBytes(object)
      guard left >= 0 else {
        throw VolumeFiles.Failure(
          message: "config maps and secrets of a pod have more than \(PodObjects.maxBytes >> 20) MiB in all")
      }
      return object
    } catch let error as StatusError where error.code == 404 {
      return nil
    }
  }

  private func deletePod() async throws {
    var request = ClusterRequest(.delete, ClusterRequest.pod(pod.identity))
    request.body = [
      "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0,
      "preconditions": ["uid": .string(pod.identity.uid)],
    ]
    do {
      _ = try await context.cluster.send(request)
    } catch let error as StatusError where [403, 404, 409].contains(error.code) {
      // It is gone already, or a new one has its name.
    }
  }

  // MARK: containers

  private func start(_ container: ContainerDocument, attempt: Int64) async throws {
    let sandbox = try await self.sandbox(attempt: view.sandbox?.attempt ?? 0)
    guard let place = view.sandbox else {
      throw StepFailure(reason: "CreateContainerError", message: "there is no sandbox")
    }
    let image = try await ImagePull(operations: self, container: container).image(sandbox)
    if let refusal = SecuritySettings.refusal(container, of: pod, image: image) {
      throw StepFailure(reason: "CreateContainerConfigError", message: refusal)
    }
    let request = try await self.request(container, attempt: attempt, image)
    let id: String
    do {
      id = try await context.runtime.createContainer(request, in: place.id, of: sandbox)
    } catch let error as RuntimeFailure {
      throw StepFailure(reason: "CreateContainerError", error)
    }
    do {
      try PodFolder(pod: pod, node: context.node).checkHostTypes(of: container)
    } catch {
      // One that stays is taken away before the next try.
      try? await context.runtime.removeContainer(id)
      throw StepFailure(reason: "CreateContainerConfigError", message: Self.message(of: error))
    }
    announce("Created", "Created container: \(container.name)", container)
    do {
      try await context.runtime.startContainer(id)
    } catch let error as RuntimeFailure {
      throw StepFailure(reason: "RunContainerError", error, step: .running)
    }
    announce("Started", "Started container \(container.name)", container)
    if let hook = container.hook("postStart") { try await afterStart(hook, container, id) }
  }

  /// With what the node has of it.
  private func remove(_ id: String) async throws {
    try await context.runtime.removeContainer(id)
    guard let record = view.containers.first(where: { $0.id == id }) else { return }
    LogFiles.remove(LogFiles.path(context.node, pod.identity, record.name, record.attempt))
    if let path = record.annotations[RuntimeLabel.messageFile] { try? FileSystem.removeFile(path) }
  }

  private func request(
    _ container: ContainerDocument, attempt: Int64, _ image: ImageRecord
  ) async throws -> ContainerRequest {
    var request = ContainerRequest(name: container.name)
    do {
      var left = PodObjects.maxBytes
      let objects = try await objects(PodNeeds(variablesOf: container), &left)
      let variables = try ContainerEnvironment(
        pod: pod, container: container, fields: fields, objects: objects,
        services: await context.services(pod.identity.namespace)
      ).variables()
      let hosts = SandboxSettings(pod: pod, node: context.node, handler: "", hostDNS: context.hostDNS).hostsFile(
        addresses: view.sandbox?.addresses ?? [], host: pod.isOnHostNetwork ? try PodFolder.hostsOfNode() : "")
      let (mounts, messageFile) = try PodFolder(pod: pod, node: context.node).mounts(
        of: container, attempt: attempt, hosts: hosts, variables: variables)
      request = ContainerSettings(pod: pod, container: container, node: context.node).request(
        attempt: attempt, image: image, variables: variables, mounts: mounts, messageFile: messageFile)
      let made = try HostFolders.wanted(by: container, of: pod)
      if !made.isEmpty { request.annotations[RuntimeLabel.madeFolders] = made.joined(separator: "\n") }
      if !request.target.isEmpty { request.target = view.latest(request.target)?.id ?? "" }
      try FileSystem.makeDirectories(
        "\(context.node.logFolder(of: pod.identity))/\(container.name)", mode: 0o755)
    } catch let error as CancellationError {
      throw error
    } catch {
      throw StepFailure(reason: "CreateContainerConfigError", error)
    }
    return request
  }

  func announce(_ reason: String, _ message: String, _ container: ContainerDocument, isWarning: Bool = false) {
    context.announce(
      pod, PodAnnouncement(isWarning: isWarning, reason: reason, message: message, container: container.name))
  }

  // MARK: hooks

  private var address: String { view.sandbox?.addresses.first ?? context.node.address }

  /// A container whose hook fails goes. Source: Kubernetes *Container Lifecycle Hooks*.
  private func afterStart(_ hook: JSONValue, _ container: ContainerDocument, _ id: String) async throws {
    let target = ProbeTarget(hook, of: container, address: address)
    // A hook has no time-out of its own: the container stays unready until it is done.
    let answer = await context.probes.run(target, in: id, address: address, timeoutSeconds: HookBounds.postStartSeconds)
    guard case .failure(let reason) = answer else { return }
    announce("FailedPostStartHook", "PostStartHook failed: \(reason)", container, isWarning: true)
    do { try await context.runtime.stopContainer(id, graceSeconds: pod.graceSeconds) } catch let error as RuntimeFailure
    {
      context.logger.warning("pod \(pod.shown): a container whose hook failed is not stopped yet: \(error.message)")
    }
    throw StepFailure(reason: "PostStartHookError", message: reason, step: .hook)
  }

  private func stop(_ stop: PodAction.Stop) async throws {
    let container = pod.container(stop.container)
    if let container { announce("Killing", stop.message, container) }
    var grace = stop.graceSeconds
    if stop.runsHook, grace > 0, let container, let hook = container.hook("preStop") {
      let start = context.now()
      let target = ProbeTarget(hook, of: container, address: address)
      let answer = await context.probes.run(target, in: stop.id, address: address, timeoutSeconds: grace)
      // Another order takes its place, or the agent ends: the container is not to end for that.
      try Task.checkCancellation()
      if case .failure(let reason) = answer {
        announce("FailedPreStopHook", "PreStopHook failed: \(reason)", container, isWarning: true)
      }
      grace = max(Self.minimumGraceSeconds, grace - (context.now().seconds - start.seconds))
    }
    do {
      try await context.runtime.stopContainer(stop.id, graceSeconds: grace)
    } catch let error as RuntimeFailure where error.kind == .notFound {
      // It is gone already.
    }
  }
}

enum HookBounds {
  static let postStartSeconds: Int64 = 3_600
}
