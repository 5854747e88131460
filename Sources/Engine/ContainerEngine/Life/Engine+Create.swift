import Glibc
import ImageCatalog
import Isolation
import LinuxSystem
import Model
import Networking
import OCITypes

extension Engine {
  /// Makes a container and returns its id and warnings; nothing runs yet.
  ///
  /// On disk when this returns: the record, the writable layer and its volumes. On failure nothing of it remains.
  /// - Parameter creator: the client, whose files the container may be given; nil where it is not known.
  public func createContainer(name: String?, settings: ContainerSettings, creator: ClientIdentity?) async throws -> (
    id: ContainerID, warnings: [String]
  ) {
    try await createContainer(name: name, settings: settings, creator: creator, pod: nil)
  }

  /// - Parameter pod: what the container is in its pod, with its sandbox, whose lock is held.
  func createContainer(
    name: String?, settings: ContainerSettings, creator: ClientIdentity?,
    pod: (member: PodMembership, sandbox: SandboxRecord)?
  ) async throws -> (id: ContainerID, warnings: [String]) {
    // Most containers are started at once.
    moves.begin(on: executor)
    let found = Result { try ContainerSetting.image.blamed { try catalog.resolve(settings.image) } }
    // What is wrong in itself is told before what is not there.
    if case .failure(let error as PlatformError) = found, error.code == .invalidArgument { throw error }
    if let name, !name.isEmpty {
      try ContainerSetting.name.blamed { try ContainerName.check(ContainerName.plain(name)) }
    }
    return try await create(name: name, settings: settings, image: try found.get(), creator: creator, pod: pod)
  }

  /// Makes the container of a build's step, from an image that has no record.
  /// - Parameter mounts: of the engine's own; no client can ask for such.
  func createStep(
    _ settings: ContainerSettings, image: ImageRecord, creator: ClientIdentity?, mounts: [MountPoint]
  ) async throws -> ContainerID {
    try await create(name: nil, settings: settings, image: image, creator: creator, stepMounts: mounts).id
  }

  /// - Parameter stepMounts: nil for an ordinary container.
  private func create(
    name: String?, settings: ContainerSettings, image: ImageRecord, creator: ClientIdentity?,
    stepMounts: [MountPoint]? = nil, pod: (member: PodMembership, sandbox: SandboxRecord)? = nil
  ) async throws -> (id: ContainerID, warnings: [String]) {
    let warnings = try check(settings, image: image)
    try checkLinks(settings)
    let settings = settled(settings)
    let id = ContainerID.random()
    let name = try reserveName(name, for: id)
    var made = CreationUndo(engine: self, id: id, name: name)
    do {
      let volumesFrom = try settings.host.volumesFrom.flatMap { text in
        try ContainerSetting.volumesFrom.blamed(text) { try mountsFrom(text) }
      }
      var record = try makeRecord(id: id, name: name, settings: settings, image: image, sandbox: pod?.sandbox)
      record.pod = pod?.member
      if !record.ids.isHost { made.range = record.ids }
      record.creator = creator
      if let stepMounts {
        // What a step writes at a place that the image calls a volume belongs to the layer.
        record.isBuildStep = true
        record.mounts = stepMounts
      } else {
        record.mounts = try resolveMounts(record, image: image, inherited: volumesFrom, made: &made)
      }
      guard registry.count < policy.limits.containers else {
        throw PlatformError(
          .resourceExhausted,
          "this engine has \(registry.count) containers, the limit of its policy (limits.containers)")
      }
      try FileSystem.makeDirectory(paths.container(id), mode: 0o711)
      try snapshots.createWritable(id, ids: record.ids)
      made.hasFiles = true
      try store.save(record)
      registry.insert(Container(record: record, revisions: revisions))
      emit("create", record)
      if record.hasEngineSocket {
        // Who looks after the host can find each container that may ask the engine.
        logger.notice(
          "container \(record.id.short) gets a socket that reads its project",
          metadata: ["name": "\(record.name)", "user": "\(creator.map { String($0.user) } ?? "unknown")"])
        emit("engine_socket", record, ["project": record.project ?? ""])
      }
      return (id, warnings + ownershipWarnings(record))
    } catch {
      made.undo()
      throw error
    }
  }

  private func check(_ settings: ContainerSettings, image: ImageRecord) throws -> [String] {
    if let platform = settings.platform, !platform.isEmpty {
      let own = "linux/\(image.architecture)"
      guard platform == own || platform.hasPrefix(own + "/") || platform == "linux" else {
        throw PlatformError(
          .notFound,
          "image with reference \(settings.image) was found but does not provide the specified platform (\(platform.prefix(64)))"
        ).about(.platform)
      }
    }
    let warnings = try SettingsValidator(host: host, defaultLogDriver: policy.defaults.logDriver).validate(settings)
    let defaults = ContainerDefaults(settings: settings, image: image.config.config ?? ImageExecution())
    try SettingsValidator(host: host, defaultLogDriver: policy.defaults.logDriver).validateImage(defaults.merged)
    for attachment in settings.networks {
      try ContainerSetting.networks.blamed(attachment.network) {
        for alias in attachment.aliases { try NetworkAlias.check(alias) }
      }
    }
    try checkPortLimits(settings)
    try OwnLimits.check(settings.host.resourceLimits, host: host)
    _ = try runtime(settings.host.runtime)
    try policyCheck.check(settings)
    return warnings
  }

  /// What was left open filled in, so that inspect shows what holds.
  private func settled(_ settings: ContainerSettings) -> ContainerSettings {
    var settings = settings
    settings.host.resources = settings.host.resources.settled(host: host, policy: policy)
    settings.host.sharedMemorySizeBytes =
      settings.host.sharedMemorySizeBytes ?? policy.defaults.sharedMemorySizeBytes
    return settings
  }

  /// A wrong link is a wrong value, as in docker: *not found* would stand for the image.
  private func checkLinks(_ settings: ContainerSettings) throws {
    for link in settings.host.links + settings.networks.flatMap(\.links) {
      let name = String(link.prefix { $0 != ":" })
      if name.count < link.count {
        try ContainerSetting.links.blamed(link) { try NetworkAlias.check(String(link.dropFirst(name.count + 1))) }
      }
      do {
        _ = try registry.find(ContainerName.plain(name))
      } catch let error as PlatformError where error.code == .notFound {
        throw PlatformError(.invalidArgument, "could not get container for \(name.prefix(256)): \(error.message)")
          .about(.links, link)
      }
    }
  }

  private func reserveName(_ name: String?, for id: ContainerID) throws -> String {
    if let name, !name.isEmpty {
      let plain = ContainerName.plain(name)
      try ContainerSetting.name.blamed { try registry.reserve(name: plain, for: id) }
      return plain
    }
    for attempt in 0..<100 {
      let candidate = NameGenerator.name(attempt: attempt)
      if registry.isTaken(candidate) { continue }
      do {
        try registry.reserve(name: candidate, for: id)
        return candidate
      } catch let error as PlatformError where error.code == .conflict { continue }
    }
    throw PlatformError(.resourceExhausted, "no free container name was found; give one with --name")
  }

  private func makeRecord(
    id: ContainerID, name: String, settings: ContainerSettings, image: ImageRecord, sandbox: SandboxRecord?
  ) throws -> ContainerRecord {
    let defaults = ContainerDefaults(settings: settings, image: image.config.config ?? ImageExecution())
    let hostname =
      settings.hostname.flatMap { $0.isEmpty ? nil : $0 } ?? (usesHostNames(settings) ? Self.hostName() : id.short)
    let usesHostIDs = settings.host.privileged || settings.host.userMode == .host
    let signal = try SignalName.number(defaults.stopSignal)
    let donor = try sandbox == nil ? donorOfIDs(settings) : nil
    var record = ContainerRecord(
      id: id, name: name, settings: settings, imageID: image.id, layers: image.chainIDs,
      ids: .host, createdAt: Int64(Clock.realTimeNanoseconds()),
      arguments: try defaults.arguments(), environment: defaults.environment(hostname: hostname),
      workingDirectory: defaults.workingDirectory, user: defaults.user, stopSignal: signal,
      stopSignalName: defaults.stopSignal, exposedPorts: try defaults.exposedPorts(), healthcheck: defaults.healthcheck,
      labels: defaults.labels, mounts: [], hostname: hostname, networks: try resolveNetworks(settings),
      runtime: try runtime(settings.host.runtime).name,
      logDriver: settings.host.log.driver.isEmpty ? policy.defaults.logDriver : settings.host.log.driver)
    record.sharesIDs = donor != nil || sandbox != nil
    record.appArmorProfile = SpecBuilder.appArmorProfile(
      try SecurityOptions(parsing: settings.host.securityOptions), privileged: settings.host.privileged, host: host,
      policy: policy)
    // Last: what is taken here is given back only with a record.
    if let sandbox, !sandbox.ids.isHost {
      _ = idRanges.share(sandbox.ids)
      record.ids = sandbox.ids
    } else if !usesHostIDs {
      record.ids = try takeIDs(from: donor)
    }
    return record
  }

  /// A container that joins another's pid or ipc namespace has to have its ids, or it could not touch what is in there.
  private func donorOfIDs(_ settings: ContainerSettings) throws -> Container? {
    for (setting, mode) in [(ContainerSetting.pidMode, settings.host.pidMode), (.ipcMode, settings.host.ipcMode)] {
      if case .container(let reference) = mode { return try setting.blamed { try enterable(reference) } }
    }
    return nil
  }

  private func takeIDs(from donor: Container?) throws -> IDRange {
    guard let donor else { return try idRanges.allocate() }
    let ids = donor.record.ids
    guard idRanges.share(ids) else { throw PlatformError(.notFound, "No such container: \(donor.name)") }
    return ids
  }

  private func usesHostNames(_ settings: ContainerSettings) -> Bool {
    settings.host.networkMode == .host || settings.host.utsMode == .host
  }

  static func hostName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The networks a container is to be on: its mode's first, with what the client said of it.
  private func resolveNetworks(_ settings: ContainerSettings) throws -> [NetworkAttachment] {
    if settings.networkDisabled { return [] }
    let first: String
    switch settings.host.networkMode {
    case .host, .none, .container: return []
    case .standard: first = NetworkDefaults.bridge
    case .network(let name): first = name
    }
    // A network that is not there is told at the start, as docker does: it may be made until then.
    guard let record = try? networkStore.find(first) else {
      return settings.networks.isEmpty ? [NetworkAttachment(network: first)] : settings.networks
    }
    var result: [NetworkAttachment] = []
    var attachment =
      settings.networks.first { matches($0.network, record) || $0.network == "default" }
      ?? NetworkAttachment(network: first)
    attachment.network = record.name
    result.append(attachment)
    for other in settings.networks where !matches(other.network, record) && other.network != "default" {
      var other = other
      other.network = (try? networkStore.find(other.network).name) ?? other.network
      result.append(other)
    }
    return result
  }

  private func matches(_ reference: String, _ record: NetworkRecord) -> Bool {
    reference == record.name || reference == record.id.hex
  }

  /// The mounts that another container's `volumes-from` gives.
  private func mountsFrom(_ text: String) throws -> [MountPoint] {
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
    guard let name = parts.first else {
      throw PlatformError(.invalidArgument, "invalid volumes-from specification: '\(text.prefix(128))'")
    }
    let mode = parts.count > 1 ? parts[1] : ""
    // As docker: each kind of word once, and neither propagation nor copying.
    let words = mode.isEmpty ? [] : mode.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let kinds = [["rw", "ro"], ["z", "Z"], ["consistent", "cached", "delegated"]]
    guard words.allSatisfy({ word in kinds.contains { $0.contains(word) } }),
      kinds.allSatisfy({ kind in words.count { kind.contains($0) } <= 1 })
    else { throw PlatformError(.invalidArgument, "invalid mode: \(mode.prefix(32))") }
    return try enterable(name).record.mounts.filter { $0.kind != .tmpfs }.map { mount in
      var mount = mount
      if words.contains("ro") { mount.readOnly = true }
      return mount
    }
  }

  func emit(_ action: String, _ record: ContainerRecord, _ more: [String: String] = [:]) {
    var attributes = record.labels
    attributes["name"] = record.name
    attributes["image"] = record.settings.image
    attributes.merge(more) { _, new in new }
    events.emit(.container, action, id: record.id.hex, attributes: attributes)
  }
}

/// What was made for a container so far, to be taken back when its making fails.
struct CreationUndo {
  let engine: Engine
  let id: ContainerID
  let name: String
  var range: IDRange?
  var volumes: [String] = []
  var hasFiles = false

  func undo() {
    engine.registry.release(name: name, of: id)
    if hasFiles { try? engine.snapshots.removeWritable(id) }
    try? FileSystem.removeTree(engine.paths.container(id))
    for volume in volumes { try? engine.volumeStore.remove(volume) }
    if let range { engine.idRanges.release(range) }
  }
}

/// docker's grammar of container names.
enum ContainerName {
  static let limitBytes = 255

  /// Without the slash that older clients send.
  static func plain(_ name: String) -> String { name.hasPrefix("/") ? String(name.dropFirst()) : name }

  static func check(_ name: String) throws {
    let bytes = Array(name.utf8)
    func plain(_ byte: UInt8) -> Bool {
      (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
    }
    let valid =
      bytes.count >= 2 && bytes.count <= limitBytes && plain(bytes[0])
      && bytes.dropFirst().allSatisfy { plain($0) || $0 == 95 || $0 == 46 || $0 == 45 }
    guard valid else {
      throw PlatformError(
        .invalidArgument,
        "Invalid container name (\(name.prefix(limitBytes))), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    }
  }
}
