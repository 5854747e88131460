import Builder
import ContentStore
import Glibc
import ImageCatalog
import Isolation
import LinuxSystem
import Model
import OCITypes
import RegistryClient

/// Runs the steps of one build as containers.
struct ContainerStepRunner: StepRunner {
  let engine: Engine
  let creator: ClientIdentity?
  /// The client's agents, where it has offered any.
  var agents: AgentSession?
  let credentials: @Sendable (ImageReference) -> RegistryCredentials

  func image(_ name: String, pulls: Bool) async throws -> ImageRecord {
    if !pulls, let known = try? engine.catalog.resolve(name) { return known }
    let reference = try ImageReference(parsing: name).withDefaultTag
    do {
      let pull = try await engine.findImage(reference, platform: nil, credentials: credentials(reference))
      return try await engine.pullImage(pull) { _ in }.image
    } catch let error as PlatformError {
      throw PlatformError(error.code, "base image '\(name.prefix(256))': \(error.message)", cause: error)
    }
  }

  func fetch(_ address: String, to file: Descriptor, limitBytes: Int64) async throws -> String? {
    try await engine.distribution.fetch(address, inner: engine.policy.builds.hosts, limitBytes: limitBytes) { bytes in
      try translatingSystemErrors("write what is fetched") { try file.write(all: bytes) }
    }
  }

  func fetch(_ address: GitAddress, into folder: String) async throws -> GitCommit {
    try await engine.fetch(address, into: folder)
  }

  func cache(_ source: CacheSource) async throws -> StoredCache? {
    if !source.pulls, (try? engine.catalog.resolve(source.name)) != nil { return nil }
    let reference = try ImageReference(parsing: source.name).withDefaultTag
    try engine.policyCheck.checkRegistry(reference)
    let artifact = try await engine.distribution.artifact(
      reference, type: CacheDocument.artifactType, configType: CacheDocument.mediaType,
      credentials: credentials(reference))
    return artifact.map { artifact in
      StoredCache(name: source.name, document: artifact.config, layers: artifact.layers) {
        try await artifact.download($0, to: $1)
      }
    }
  }

  func store(
    cache document: [UInt8], layers: [ContentDescriptor], as reference: ImageReference
  ) async throws -> Digest {
    try engine.policyCheck.checkRegistry(reference)
    let digest = try await engine.distribution.push(
      artifact: CacheDocument.artifactType, config: document, CacheDocument.mediaType, layers: layers, as: reference,
      credentials: credentials(reference))
    engine.events.emit(.image, "push", id: reference.familiar, attributes: ["name": reference.familiarName])
    return digest
  }

  func owner(_ text: String, passwd: [UInt8]?, group: [UInt8]?) throws -> (uid: UInt32, gid: UInt32) {
    let user = try UserResolver.resolve(user: text, groups: [], passwd: passwd, group: group)
    let isNumber = UInt32(text) != nil
    // docker: a number alone is user and group, whatever the account's group is.
    return (user.uid, isNumber ? user.uid : user.gid)
  }

  func run(
    _ step: RunStep, started: @escaping @Sendable (String) async throws -> Void,
    output: @escaping @Sendable (_ isError: Bool, _ bytes: [UInt8]) async throws -> Void,
    harvest: @escaping @Sendable (StepChanges) async throws -> Void
  ) async throws -> Int32 {
    let settings = StepContainer.settings(RunStepSettings(step.settings), image: step.image.id.description, step: step)
    let folders = StepFiles(path: "\(engine.paths.run)/builds/\(ContainerID.random().short)")
    defer { folders.remove() }
    let sockets = try folders.listen(step.mounts)
    let mounts = try folders.mountPoints(step.mounts)
    let stubs = try MountStubs(
      engine.catalog.openRoot(step.image.chainIDs), destinations: mounts.map(\.destination) + MountStubs.standard,
      workingDirectory: step.image.config.config?.workingDir)
    let id = try await engine.createStep(settings, image: step.image, creator: creator, mounts: mounts)
    do {
      let container = try engine.registry.find(id.hex)
      container.change { $0.secretEnvironment = step.secretEnvironment }
      try folders.own(mounts, by: container.record.ids)
      try await started(id.hex)
      let code = try await serving(sockets, output) { try await runToEnd(id, output) }
      if code == 0 {
        await container.settle()
        let changes = StepChanges(upper: engine.snapshots.upperPath(id), ids: container.record.ids)
        try stubs.remove(from: changes.upper, ids: changes.ids)
        try await harvest(changes)
      }
      try await engine.removeContainer(id.hex, force: true, volumes: true)
      return code
    } catch {
      // Also where the client has gone: the step ends with it. The task may be cancelled, the removal is not.
      let engine = engine
      await Task { try? await engine.removeContainer(id.hex, force: true, volumes: true) }.value
      throw error
    }
  }

  /// Serves the step's sockets of agents until `body` returns.
  private func serving(
    _ sockets: [(agent: String, listener: Descriptor)],
    _ output: @escaping @Sendable (_ isError: Bool, _ bytes: [UInt8]) async throws -> Void,
    _ body: @escaping @Sendable () async throws -> Int32
  ) async throws -> Int32 {
    guard let agents, !sockets.isEmpty else { return try await body() }
    let relay = AgentRelay(session: agents, poller: engine.poller) { text in
      // Where nobody reads any more, the build ends by that.
      try? await output(true, Array("bulkhead: \(text)\n".utf8))
    }
    return try await withThrowingTaskGroup(of: Int32?.self) { group in
      for socket in sockets {
        group.addTask {
          await relay.serve(socket.agent, socket.listener)
          return nil
        }
      }
      group.addTask { try await body() }
      defer { group.cancelAll() }
      while let ended = try await group.next() { if let code = ended { return code } }
      throw CancellationError()
    }
  }

  private func runToEnd(
    _ id: ContainerID, _ output: @escaping @Sendable (Bool, [UInt8]) async throws -> Void
  ) async throws -> Int32 {
    let session = try await engine.attach(
      id.hex, AttachOptions(stream: true, logs: false, stdin: false, stdout: true, stderr: true))
    defer { session.close() }
    let waiter = try engine.waiter(id.hex, condition: .nextExit)
    try await engine.startContainer(id.hex)
    while let chunk = try await session.next() { try await output(chunk.stream == .stderr, chunk.bytes) }
    try Task.checkCancellation()
    return try await waiter.result().exitCode
  }
}

/// The part of a step's settings that its container's are made from.
struct RunStepSettings {
  let settings: StepSettings
  init(_ settings: StepSettings) { self.settings = settings }
}

/// A step as a container: nothing is asked for that a container would not get by default.
enum StepContainer {
  static func settings(_ given: RunStepSettings, image: String, step: RunStep? = nil) -> ContainerSettings {
    var settings = ContainerSettings(image: image)
    settings.entrypoint = step.map { Array($0.arguments.prefix(1)) }
    settings.command = step.map { Array($0.arguments.dropFirst()) }
    settings.environment = step?.environment ?? []
    settings.host.log.driver = "none"
    settings.healthcheck = HealthcheckSettings()
    settings.healthcheck?.test = ["NONE"]
    settings.host.resources = given.settings.resources
    settings.host.sharedMemorySizeBytes = given.settings.sharedMemorySizeBytes
    settings.host.resourceLimits = given.settings.resourceLimits
    settings.host.extraHosts = given.settings.extraHosts
    for mount in step?.mounts ?? [] {
      guard case .tmpfs(let size) = mount.source else { continue }
      settings.host.tmpfs[mount.target] = StepFiles.tmpfsOptions(sizeBytes: size, isReadOnly: mount.isReadOnly)
    }
    switch given.settings.network {
    case .standard: settings.host.networkMode = .standard
    case .none: settings.host.networkMode = .none
    case .host: settings.host.networkMode = .host
    case .named(let name): settings.host.networkMode = .network(name)
    }
    return settings
  }
}

/// Files of a step's mounts that are made for it: secrets and sockets, below a folder that is in memory.
struct StepFiles {
  let path: String

  /// Makes the sockets of agents; nobody is served before the step runs.
  func listen(_ mounts: [StepMount]) throws -> [(agent: String, listener: Descriptor)] {
    try translatingSystemErrors("make a socket for a step") {
      try mounts.enumerated().compactMap { index, mount in
        guard case .agent(let id, _, _, let mode) = mount.source else { return nil }
        try FileSystem.makeDirectories(path, mode: 0o700)
        return (id, try UnixSocket.listen("\(path)/\(index)", mode: mode))
      }
    }
  }

  func mountPoints(_ mounts: [StepMount]) throws -> [MountPoint] {
    try mounts.enumerated().map { index, mount in
      let destination = try Engine.clean(mount.target)
      var point = MountPoint(
        kind: .bind, volumeName: nil, source: "", destination: destination, readOnly: mount.isReadOnly,
        propagation: "rprivate", modeText: "", subpath: nil, noCopy: true, nonRecursive: true, shortSyntax: false)
      switch mount.source {
      case .folder(let folder, let inner):
        point.source = folder
        point.subpath = inner
        point.buildSource = .image
      case .tmpfs(let size):
        point.kind = .tmpfs
        point.tmpfsOptions = Self.tmpfsOptions(sizeBytes: size, isReadOnly: mount.isReadOnly)
      case .secret(let bytes, let uid, let gid, let mode):
        try FileSystem.makeDirectories(path, mode: 0o700)
        let file = "\(path)/\(index)"
        try FileSystem.atomicWrite(file, bytes, mode: mode, durable: false)
        point.source = path
        point.subpath = "\(index)"
        point.buildSource = .secret(uid: uid, gid: gid)
      case .agent(_, let uid, let gid, _):
        point.source = path
        point.subpath = "\(index)"
        point.buildSource = .secret(uid: uid, gid: gid)
      }
      return point
    }
  }

  /// Options as tmpfs(5) has them.
  static func tmpfsOptions(sizeBytes: Int64?, isReadOnly: Bool) -> String {
    ((isReadOnly ? ["ro"] : []) + (sizeBytes.map { ["size=\($0)"] } ?? [])).joined(separator: ",")
  }

  /// Gives the files to the ids that they are for.
  func own(_ mounts: [MountPoint], by ids: IDRange) throws {
    for mount in mounts {
      guard case .secret(let uid, let gid)? = mount.buildSource, let name = mount.subpath else { continue }
      guard let user = ids.host(uid), let group = ids.host(gid) else {
        throw PlatformError(
          .invalidArgument, "the owner \(uid):\(gid) of a secret or socket is above the ids of a container")
      }
      try FileOwnership.set("\(mount.source)/\(name)", user: user, group: group)
    }
  }

  func remove() { try? FileSystem.removeTree(path) }
}
