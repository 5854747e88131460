import Glibc
import ImageCatalog
import Isolation
import LinuxSystem
import Model

extension Engine {
  /// Decides every mount of a new container: what the client asked for, what `volumes-from` brings, the image's volumes.
  /// Volumes that do not exist are made; `made` remembers the anonymous ones.
  func resolveMounts(
    _ record: ContainerRecord, image: ImageRecord, inherited: [MountPoint], made: inout CreationUndo
  ) throws -> [MountPoint] {
    var mounts: [MountPoint] = []
    func add(_ mount: MountPoint) {
      mounts.removeAll { $0.destination == mount.destination }
      mounts.append(mount)
    }
    for mount in inherited { add(mount) }
    for request in record.settings.host.mounts {
      try ContainerSetting.mounts.blamed(request.destination) {
        add(try resolve(request, of: record, made: &made))
      }
    }
    for (destination, options) in record.settings.host.tmpfs.sorted(by: { $0.key < $1.key }) {
      add(Self.tmpfs(destination, options: options, shortSyntax: true))
    }
    let defaults = ContainerDefaults(settings: record.settings, image: image.config.config ?? .init())
    for destination in defaults.anonymousVolumes {
      let path = try Self.clean(destination)
      if mounts.contains(where: { $0.destination == path }) { continue }
      var request = MountRequest(kind: .volume, source: nil, destination: path)
      request.shortSyntax = true
      add(try resolve(request, of: record, made: &made))
    }
    if let socket = mounts.first(where: { $0.isEngineSocket == true }) {
      try ContainerSetting.mounts.blamed(socket.destination) {
        try policyCheck.checkEngineSocket(labels: record.labels)
      }
    }
    // Parents before children, whatever order they were asked in.
    return mounts.sorted { Self.depth($0.destination) < Self.depth($1.destination) }
  }

  private func resolve(_ request: MountRequest, of record: ContainerRecord, made: inout CreationUndo) throws
    -> MountPoint
  {
    let destination = try Self.clean(request.destination)
    var mount = MountPoint(
      kind: request.kind, volumeName: nil, source: "", destination: destination, readOnly: request.readOnly,
      propagation: request.propagation ?? (request.kind == .bind ? "rprivate" : ""), modeText: request.modeText,
      subpath: request.volumeSubpath, noCopy: request.noCopy, nonRecursive: request.nonRecursive,
      shortSyntax: request.shortSyntax)
    switch request.kind {
    case .bind where asksForSocket(request):
      mount.source = request.source ?? ""
      mount.isEngineSocket = true
    case .bind where isPodFolder(request.source ?? "", of: record):
      mount.source = request.source ?? ""
      _ = try openPodFolder(mount.source, of: record)
      mount.isPodFolder = true
    case .bind:
      mount.source = try resolveBind(request, of: record)
    case .volume:
      if let driver = request.volumeDriver, !driver.isEmpty, driver != "local" {
        throw PlatformError(.notImplemented, "volume driver '\(driver.prefix(64))' is not supported: only 'local' is")
      }
      let isNew = request.source.map { !volumeStore.contains($0) } ?? true
      let volume = try volumeStore.create(
        name: request.source, labels: request.volumeLabels, options: request.volumeDriverOptions,
        anonymous: request.source?.isEmpty ?? true)
      if isNew {
        if volume.anonymous { made.volumes.append(volume.name) }
        events.emit(.volume, "create", id: volume.name, attributes: ["driver": "local"])
      }
      mount.volumeName = volume.name
      mount.source = paths.volumeData(volume.name)
    case .tmpfs:
      var options: [String] = []
      if let size = request.tmpfsSizeBytes, size > 0 { options.append("size=\(size)") }
      if let mode = request.tmpfsMode, mode > 0 { options.append("mode=\(String(mode, radix: 8))") }
      if request.readOnly { options.append("ro") }
      mount = Self.tmpfs(destination, options: options.joined(separator: ","), shortSyntax: false)
    }
    return mount
  }

  /// A bind's source with links resolved, checked against the policy; `-v` makes a missing folder, `--mount` does not.
  private func resolveBind(_ request: MountRequest, of record: ContainerRecord) throws -> String {
    let asked = request.source ?? ""
    guard asked.hasPrefix("/") else {
      throw PlatformError(
        .invalidArgument,
        "invalid mount config for type \"bind\": invalid mount path: '\(asked.prefix(256))' mount path must be absolute"
      )
    }
    if request.createSource, !FileSystem.exists(asked) {
      // It belongs to the volumes' ids, so that the container's root can write there.
      try policyCheck.makeHostDirectory(
        asked, readOnly: request.readOnly, owner: record.ids.isHost ? nil : idRanges.volumeRange.first,
        creator: record.creator)
    }
    return try policyCheck.resolveAllowed(asked, readOnly: request.readOnly, isForPod: record.pod != nil).path.path
  }

  /// What is to be said of binds that the container will not be able to write, though it was not asked to leave them alone.
  func ownershipWarnings(_ record: ContainerRecord) -> [String] {
    record.mounts.compactMap { mount in
      guard mount.kind == .bind, mount.isEngineSocket != true, !mount.readOnly, !record.ids.isHost,
        let source = try? PolicyCheck.resolveHostPath(mount.source),
        let terms = try? policyCheck.checkHostPath(source.path, readOnly: false), terms.ownership == .mapped
      else { return nil }
      let status = source.status
      let isOpen = status.mode & 0o002 != 0
      let isKnown = idRanges.volumeRange.inside(status.uid) != nil || record.ids.inside(status.uid) != nil
      guard [.directory, .regular].contains(status.type), !isOpen, !isKnown else { return nil }
      let path = source.path.prefix(256)
      let needed: UInt32 = status.type == .directory ? 0o005 : 0o004
      let canRead = status.mode & needed == needed
      let can =
        canRead
        ? "The container can read \(path), as everybody can, but not write there"
        : "The container can neither read nor write \(path)"
      let readOnly = canRead ? "Where reading is enough, bind it with ':ro'; to" : "To"
      if status.uid == 0 {
        return
          "\(can): it belongs to root. \(readOnly) let it write as root, add '- path: \(path)' with 'ownership: host' to "
          + "'hostPaths.allowed' in \(EnginePolicy.standardPath)"
      }
      guard !bindSituation(status, terms: terms, record: record).givesOwner else { return nil }
      return
        "\(can): it belongs to user \(status.uid), who did not ask for the container. \(readOnly) let it write as that user, add "
        + "'- path: \(path)' with 'ownership: mapped' to 'hostPaths.allowed' in \(EnginePolicy.standardPath)"
    }
  }

  private static func tmpfs(_ destination: String, options: String, shortSyntax: Bool) -> MountPoint {
    MountPoint(
      kind: .tmpfs, volumeName: nil, source: "", destination: destination,
      readOnly: options.split(separator: ",").contains("ro"), propagation: "", modeText: "", subpath: nil,
      noCopy: false,
      nonRecursive: false, tmpfsOptions: options, shortSyntax: shortSyntax)
  }

  /// A destination as an absolute path without `.`, `..` and doubled slashes.
  static func clean(_ path: String) throws -> String {
    guard path.hasPrefix("/"), path.utf8.count < 4096, !path.utf8.contains(0) else {
      throw PlatformError(
        .invalidArgument, "invalid mount config: invalid mount path: '\(path.prefix(256))' mount path must be absolute")
    }
    var parts: [Substring] = []
    for part in path.split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    guard !parts.isEmpty else {
      throw PlatformError(.invalidArgument, "invalid mount config: destination can't be '/'")
    }
    return "/" + parts.joined(separator: "/")
  }

  private static func depth(_ path: String) -> Int { path.utf8.count { $0 == 47 } }
}
