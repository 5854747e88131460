import Glibc
import Isolation
import LinuxSystem
import Model
import Snapshots

/// A container's root and binds, ready to be put together, and how the specification names them.
struct AssemblyPlan: Sendable {
  var root: RootAssembly
  var mounts: [ResolvedMount]
  var devices: [ResolvedDevice]
  var sharedMemoryPath: String?
  /// Volumes that take the image's content at their first use: staged path, destination in the image, volume.
  var population: [(staged: String, destination: String, volume: String)]
}

extension Engine {
  /// Opens everything a container's root needs. Sources are opened now, in the host's namespace, and never looked up again.
  /// - Parameter joining: namespaces of other containers, which the runtime finds at their staged paths.
  func assembly(for record: ContainerRecord, joining: [RootAssembly.StagedNamespace] = []) throws -> AssemblyPlan {
    let layerMap = record.ids.isHost ? nil : try Self.userNamespace(from: 0, to: record.ids)
    var builder = AssemblyBuilder(engine: self, record: record, layerMap: layerMap)
    try builder.addHostFiles()
    for (index, mount) in record.mounts.enumerated() where mount.kind != .tmpfs {
      try builder.add(mount, name: "v\(index)")
    }
    for device in record.settings.host.devices {
      try ContainerSetting.devices.blamed(device.pathOnHost) { try builder.add(device) }
    }
    try builder.addSharedMemory()
    let plan = RootfsPlan(
      layers: record.layers, container: record.id, ids: record.ids, userNamespace: layerMap)
    return AssemblyPlan(
      root: RootAssembly(snapshots: snapshots, plan: plan, binds: builder.binds, namespaces: joining),
      mounts: builder.mounts,
      devices: builder.devices, sharedMemoryPath: builder.sharedMemoryPath, population: builder.population)
  }

  /// A user namespace whose map turns ids that begin at `first` on disk into `ids`.
  static func userNamespace(from first: UInt32, to ids: IDRange) throws -> Descriptor {
    let outside = ids.isHost ? 0 : ids.first
    let map = [IDMapEntry(inside: first, outside: outside, count: IDRange.standardCount)]
    return try UserNamespace.create(uidMap: map, gidMap: map)
  }
}

extension Engine {
  func bindSituation(_ status: FileStatus, terms: HostPathTerms, record: ContainerRecord) -> BindOwnership.Situation {
    let acting = ContainerAccounts.numericIDs(record.user)
    return BindOwnership.Situation(
      terms: terms, owner: ClientIdentity(user: status.uid, group: status.gid), creator: record.creator,
      acting: ClientIdentity(user: acting.user, group: acting.group), ids: record.ids, others: idRanges.volumeRange)
  }
}

/// Collects binds under their staged names.
private struct AssemblyBuilder {
  let engine: Engine
  let record: ContainerRecord
  let layerMap: Descriptor?
  var volumeMap: Descriptor?
  var binds: [RootAssembly.Bind] = []
  var mounts: [ResolvedMount] = []
  var devices: [ResolvedDevice] = []
  var sharedMemoryPath: String?
  var population: [(staged: String, destination: String, volume: String)] = []

  init(engine: Engine, record: ContainerRecord, layerMap: Descriptor?) {
    self.engine = engine
    self.record = record
    self.layerMap = layerMap
  }

  /// /etc/hosts, /etc/hostname and /etc/resolv.conf, unless a mount of the client's takes their place.
  mutating func addHostFiles() throws {
    let source = try engine.hostFilesOwner(record)
    let folder = try Descriptor.open(engine.paths.container(source), flags: O_PATH | O_DIRECTORY)
    binds.append(try RootAssembly.bind(folder, name: "files", recursive: false, idmap: nil))
    for file in ["hosts", "hostname", "resolv.conf"] {
      let destination = "/etc/\(file)"
      if record.mounts.contains(where: { $0.destination == destination }) { continue }
      mounts.append(
        ResolvedMount(source: "\(RootAssembly.stage)/files/\(file)", destination: destination, propagation: "rprivate"))
    }
  }

  mutating func add(_ mount: MountPoint, name: String) throws {
    let staged = "\(RootAssembly.stage)/\(name)"
    switch mount.kind {
    case .tmpfs: return
    case .volume:
      let volume = mount.volumeName ?? ""
      try engine.prepareVolume(volume, for: self.record.id)
      let root = try RootedDirectory(path: engine.paths.volumeData(volume))
      let source = try mount.subpath.map { try openSubpath($0, in: root, volume: volume) } ?? root.descriptor
      do {
        binds.append(
          try RootAssembly.bind(
            source, name: name, readOnly: mount.readOnly, recursive: false, idmap: try mapOfVolumes()))
      } catch let error as SystemError where error.errno == EINVAL && engine.isInMemory(volume) {
        throw PlatformError(
          .unavailable, "volume \(volume) is in memory, and this kernel's tmpfs maps no ids: it needs Linux 6.3",
          cause: error)
      }
      if !mount.noCopy, mount.subpath == nil, try engine.takesImageContent(volume) {
        population.append((staged, mount.destination, volume))
      }
    case .bind where mount.buildSource != nil:
      // A step may have changed the folder: what is found is held, and never outside of it.
      let source = try RootedDirectory(path: mount.source, confinement: .beneath)
        .openPath(mount.subpath ?? "", followLink: false)
      let isImage = mount.buildSource == .image
      binds.append(
        try RootAssembly.bind(
          source, name: name, readOnly: mount.readOnly, recursive: false, idmap: isImage ? layerMap : nil))
    case .bind where mount.isEngineSocket == true:
      let source = try Descriptor.open(engine.paths.socket(of: record.id), flags: O_PATH | O_NOFOLLOW)
      binds.append(
        try RootAssembly.bind(source, name: name, readOnly: mount.readOnly, recursive: false, idmap: nil))
    case .bind where mount.isPodFolder == true:
      let source = try engine.openPodFolder(mount.source, of: record)
      binds.append(
        try RootAssembly.bind(
          source, name: name, readOnly: mount.readOnly, recursive: !mount.nonRecursive, idmap: layerMap))
    case .bind:
      // Looked up and checked once more: links may have changed since the container was created. What was checked is held
      // open and is what is mounted.
      let (source, terms) = try engine.policyCheck.resolveAllowed(
        mount.source, readOnly: mount.readOnly, isForPod: record.pod != nil)
      binds.append(
        try RootAssembly.bind(
          source.descriptor, name: name, readOnly: mount.readOnly, recursive: !mount.nonRecursive,
          idmap: try mapOfBind(source.status, terms: terms)))
    }
    mounts.append(
      ResolvedMount(
        source: staged, destination: mount.destination, readOnly: mount.readOnly,
        propagation: mount.propagation.isEmpty ? nil : mount.propagation,
        recursive: !mount.nonRecursive && binds.last?.isDirectory == true))
  }

  private func openSubpath(_ subpath: String, in root: RootedDirectory, volume: String) throws -> Descriptor {
    do {
      return try root.openPath(subpath, followLink: true)
    } catch let error as SystemError {
      throw PlatformError(
        .invalidArgument,
        "invalid subpath '\(subpath.prefix(256))' of volume \(volume): \(SystemError.message(for: error.errno))",
        cause: error)
    }
  }

  private mutating func mapOfVolumes() throws -> Descriptor? {
    if let volumeMap { return volumeMap }
    let map = try Engine.userNamespace(from: engine.idRanges.volumeRange.first, to: record.ids)
    volumeMap = map
    return map
  }

  private func mapOfBind(_ status: FileStatus, terms: HostPathTerms) throws -> Descriptor? {
    switch BindOwnership.decide(engine.bindSituation(status, terms: terms, record: record)) {
    case .unmapped: return nil
    case .host: return layerMap
    case .mapped(let users, let groups): return try UserNamespace.create(uidMap: users, gidMap: groups)
    }
  }

  /// Devices that one folder may bring in.
  private static let devicesPerFolder = 256

  /// A device, or every device below a folder.
  mutating func add(_ request: DeviceRequest) throws {
    // The node that the path leads to is what counts, whatever it is called.
    let opened = try openDevice(request.pathOnHost)
    guard opened.status.type == .directory else { return try add(request, at: opened.path, opened.status) }
    let folder = opened.path
    let before = devices.count
    try RootedDirectory(path: folder).walk { entry in
      guard [.characterDevice, .blockDevice].contains(entry.status.type) else { return .enter }
      guard devices.count - before < Self.devicesPerFolder else {
        throw PlatformError(
          .resourceExhausted, "'\(request.pathOnHost.prefix(256))' has more than \(Self.devicesPerFolder) devices")
      }
      let device = DeviceRequest(
        pathOnHost: "\(folder)/\(entry.path)", pathInContainer: "\(request.pathInContainer)/\(entry.path)",
        permissions: request.permissions)
      try add(device, at: device.pathOnHost, entry.status)
      return .enter
    }
    if devices.count == before { throw Self.noDevice(request.pathOnHost) }
  }

  private static func noDevice(_ path: String) -> PlatformError {
    PlatformError(
      .invalidArgument,
      "error gathering device information while adding custom device \"\(path.prefix(256))\": not a device node")
  }

  /// A device node of the engine's own making, which belongs to the container's root.
  private mutating func add(_ request: DeviceRequest, at path: String, _ status: FileStatus) throws {
    try engine.policyCheck.checkDevice(path)
    guard status.type == .characterDevice || status.type == .blockDevice else {
      throw Self.noDevice(request.pathOnHost)
    }
    let name = "d\(devices.count)"
    let folder = "\(engine.paths.container(record.id))/devices"
    try FileSystem.makeDirectories(folder, mode: 0o711)
    let node = "\(folder)/\(name)"
    try FileSystem.removeFile(node)
    try systemCall("mknod", node) { mknod(node, status.type.modeBits | 0o660, dev_t(status.rawDevice.encoded)) }
    try FileOwnership.set(node, user: record.ids.first, group: record.ids.first)
    let source = try Descriptor.open(node, flags: O_PATH | O_NOFOLLOW)
    binds.append(try RootAssembly.bind(source, name: name, recursive: false, idmap: nil))
    devices.append(
      ResolvedDevice(
        source: "\(RootAssembly.stage)/\(name)", destination: request.pathInContainer,
        kind: status.type == .blockDevice ? .block : .character,
        number: status.rawDevice,
        permissions: request.permissions, mode: 0o660))
  }

  private func openDevice(_ path: String) throws -> ResolvedHostPath {
    do {
      return try PolicyCheck.resolveHostPath(path)
    } catch let error as PlatformError where error.code == .invalidArgument {
      let reason = (error.cause as? SystemError).map { SystemError.message(for: $0.errno).lowercased() }
      throw PlatformError(
        .invalidArgument,
        "error gathering device information while adding custom device \"\(path.prefix(256))\": \(reason ?? "not a device node")",
        cause: error)
    }
  }

  /// The /dev/shm of the container whose ipc namespace is joined.
  mutating func addSharedMemory() throws {
    if let pod = record.pod {
      guard let tree = try engine.namespaces(of: pod.sandbox).openSharedMemory() else { return }
      binds.append(RootAssembly.Bind(tree: tree, name: "shm", isDirectory: true))
      sharedMemoryPath = "\(RootAssembly.stage)/shm"
      return
    }
    guard case .container(let reference) = record.settings.host.ipcMode else { return }
    let other = try engine.runningProcess(reference, for: "ipc")
    let namespace = try other.namespace(.mnt)
    // A mount can be copied only from the namespace that it is in.
    let tree = try NamespaceThread.run(entering: [namespace]) {
      try MountAPI.openTree("/dev/shm", clone: true, followLink: false)
    }
    binds.append(RootAssembly.Bind(tree: tree, name: "shm", isDirectory: true))
    sharedMemoryPath = "\(RootAssembly.stage)/shm"
  }
}
