import Glibc
import HTTPServing
import KubeMachinery
import KubeResources
import LinuxSystem

/// A pod's files on the node: volumes, hosts file, termination messages, logs. Below `ROOT/agent/pods/UID`, which only root enters.
/// All of it blocks.
struct PodFolder {
  /// Longer termination messages are cut. Source: Kubernetes *Determine the Reason for Pod Failure*.
  static let messageBytes = 4_096
  private static let hostsBytes = 1 << 20

  let pod: PodDocument
  let node: NodeSettings

  private var path: String { node.folder(of: pod.identity) }
  private var hostsPath: String { "\(path)/hosts" }

  func volumePath(_ name: String) -> String { "\(path)/volumes/\(name)" }

  private var group: Int64? { pod.spec.at("securityContext", "fsGroup")?.integer }

  /// Whom files of volumes belong to.
  private var owner: VolumeWriter.Owner {
    VolumeWriter.Owner(user: 0, group: group.flatMap { UInt32(exactly: $0) } ?? 0)
  }

  private func failure(_ volume: String, _ reason: String) -> VolumeFiles.Failure {
    VolumeFiles.Failure(message: "MountVolume.SetUp failed for volume \"\(volume)\" : \(reason)")
  }

  /// Makes what is missing, and renews what has changed. Throws `VolumeFiles.Failure`, `SystemError`.
  func prepare(
    _ objects: PodObjects, _ fields: FieldReference, _ tokens: [ProjectedToken.Key: ProjectedToken]
  ) throws {
    for folder in [node.root, "\(node.root)/pods", path] { try FileSystem.makeDirectories(folder, mode: 0o700) }
    try FileSystem.makeDirectories("\(path)/volumes", mode: 0o755)
    let volumes = try VolumeWriter.step(into: "volumes", of: RootedDirectory(path: path, confinement: .beneath))
    try FileSystem.makeDirectories(node.logFolder(of: pod.identity), mode: 0o755)
    for volume in pod.spec.listAt("volumes") {
      let name = volume.textAt("name")
      switch VolumeSource(volume) {
      case .empty(let isMemory, let limit): try makeEmpty(name, isMemory: isMemory, limitBytes: limit)
      case .host(let host, _): try checkHost(name, host)
      case .files(let sources, let mode):
        do {
          // Who has a group for its files reads them by it, a token too, which others must not see.
          let files = try VolumeFiles(
            sources, defaultMode: group == nil ? mode : mode | 0o040, pod: pod, objects: objects, fields: fields,
            tokens: tokens, tokenMode: group == nil ? 0o644 : 0o640)
          try VolumeWriter(volumes: volumes, name: name, owner: owner).write(files)
        } catch let error as VolumeFiles.Failure {
          throw failure(name, error.message)
        }
      case .unsupported(let kind):
        throw failure(name, "volumes of the kind \(kind) are not supported by this node")
      }
    }
  }

  private func makeEmpty(_ name: String, isMemory: Bool, limitBytes: Int64?) throws {
    let folder = volumePath(name)
    let mode: UInt32 = group == nil ? 0o777 : 0o2777
    if isMemory {
      try FileSystem.makeDirectories(folder, mode: 0o700)
      guard try MountTable.holding(folder)?.mountPoint != folder else { return }
      let size = limitBytes ?? node.capacity.memoryBytes / 2
      return try MountAPI.mount(
        source: "tmpfs", target: folder, type: "tmpfs", flags: [.noSetUID, .noDevices],
        data: "mode=\(String(mode, radix: 8)),gid=\(owner.group),size=\(max(size, 4_096))")
    }
    // One that is there keeps its content and its mode: agents come and go. It gets its name when it is whole; names of volumes
    // have no dots.
    guard !FileSystem.exists(folder) else { return }
    let new = "\(folder).new"
    try FileSystem.makeDirectories(new, mode: 0o700)
    let descriptor = try Descriptor.open(new, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    try descriptor.chown(uid: owner.user, gid: owner.group)
    try descriptor.chmod(mode)
    try FileSystem.rename(new, to: folder)
  }

  /// Longer paths are none (limits.h).
  private static let pathBytes = 4_096
  /// Where kubelets have the logs of pods.
  private static let podLogs = "/var/log/pods"

  /// Whether a pod may have it is the engine's decision, but that nobody gets what the agent keeps for all pods is the agent's own.
  /// Source: Kubernetes *Volumes*, hostPath.
  private func checkHost(_ name: String, _ host: String) throws {
    guard host.hasPrefix("/"), host.utf8.count < Self.pathBytes, !host.split(separator: "/").contains("..") else {
      throw failure(name, "hostPath has to be an absolute path without ..")
    }
    let path = FileSystem.resolved(host)
    func holds(_ folder: String, _ path: String) -> Bool {
      folder == "/" || path == folder || path.hasPrefix("\(folder)/")
    }
    for own in [node.root, Self.podLogs].map(FileSystem.resolved) where holds(own, path) || holds(path, own) {
      throw failure(name, "hostPath \(host) may not be mounted: it holds, or lies in, what belongs to the node's agent")
    }
  }

  /// Whether the host paths that a container mounts are what their volumes say. Asked once the engine has made the container: it
  /// would else tell what there is at paths that its policy gives to nobody.
  func checkHostTypes(of container: ContainerDocument) throws {
    let kinds: [String: FileType] = [
      "Directory": .directory, "File": .regular, "Socket": .socket, "CharDevice": .characterDevice,
      "BlockDevice": .blockDevice,
    ]
    let mounted = Set(container.document.listAt("volumeMounts").map { $0.textAt("name") })
    for volume in pod.spec.listAt("volumes") where mounted.contains(volume.textAt("name")) {
      guard case .host(let host, let type) = VolumeSource(volume), !type.isEmpty, !type.hasSuffix("OrCreate") else {
        continue
      }
      let found = try? Descriptor.open(host, flags: O_PATH).status().type
      guard let found, found == kinds[type] else {
        throw failure(
          volume.textAt("name"), "hostPath type check failed: \(host) is not a \(type.lowercased())")
      }
    }
  }

  // MARK: containers

  /// Mounts of a container. Makes the files that the agent itself puts in. Throws `VolumeFiles.Failure`, `SystemError`.
  func mounts(
    of container: ContainerDocument, attempt: Int64, hosts: String, variables: [EnvironmentVariable]
  ) throws -> (mounts: [ContainerRequest.Mount], messageFile: String) {
    var mounts: [ContainerRequest.Mount] = []
    let sources = Dictionary(
      pod.spec.listAt("volumes").map { ($0.textAt("name"), VolumeSource($0)) }, uniquingKeysWith: { $1 })
    for (place, mount) in container.document.listAt("volumeMounts").enumerated() {
      let name = mount.textAt("name")
      guard let source = sources[name] else {
        throw VolumeFiles.Failure(message: "the container mounts the volume \"\(name)\", which the pod does not have")
      }
      var (folder, isFiles) = (volumePath(name), false)
      if case .host(let host, _) = source { folder = host }
      if case .files = source { isFiles = true }
      if let sub = try subPath(mount, variables) {
        if case .host = source {
          folder += "/\(sub)"
        } else {
          folder = try bindSubPath(sub, of: folder, at: "\(name)/\(container.name)/\(place)")
        }
      }
      var item = ContainerRequest.Mount(
        hostPath: folder, containerPath: mount.textAt("mountPath"), isReadOnly: mount.flagAt("readOnly") || isFiles)
      switch mount.textAt("mountPropagation") {
      case "HostToContainer": item.propagation = .hostToContainer
      case "Bidirectional": item.propagation = .bidirectional
      default: break
      }
      mounts.append(item)
    }
    if !mounts.contains(where: { $0.containerPath == "/etc/hosts" }) {
      try FileSystem.atomicWrite(hostsPath, Array(hosts.utf8), mode: 0o644, durable: false)
      mounts.append(ContainerRequest.Mount(hostPath: hostsPath, containerPath: "/etc/hosts"))
    }
    let folder = "\(path)/containers/\(container.name)"
    try FileSystem.makeDirectories(folder, mode: 0o755)
    let messageFile = "\(folder)/\(attempt).message"
    try FileSystem.atomicWrite(messageFile, [], mode: 0o666, durable: false)
    let messagePath = container.document.textAt("terminationMessagePath")
    if !messagePath.isEmpty {
      mounts.append(ContainerRequest.Mount(hostPath: messageFile, containerPath: messagePath))
    }
    return (mounts, messageFile)
  }

  /// Nil where the whole volume is mounted.
  private func subPath(_ mount: JSONValue, _ variables: [EnvironmentVariable]) throws -> String? {
    let expression = mount.textAt("subPathExpr")
    var path = mount.textAt("subPath")
    if !expression.isEmpty {
      let values = Dictionary(variables.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
      var isUnknown = false
      path = VariableExpansion.expand(expression) { name in
        if values[name] == nil { isUnknown = true }
        return values[name]
      }
      if isUnknown { throw VolumeFiles.Failure(message: "failed to expand subPathExpr '\(expression)'") }
    }
    guard !path.isEmpty else { return nil }
    guard !path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
      throw VolumeFiles.Failure(message: "subPath '\(path)' must be a relative path without ..")
    }
    return path
  }

  /// A container may have put links into its volume: the part is opened beneath the volume, and what is open is mounted where no
  /// container can change it.
  private func bindSubPath(_ sub: String, of folder: String, at place: String) throws -> String {
    let volume = RootedDirectory(
      try Descriptor.open(folder, flags: O_PATH | O_DIRECTORY | O_NOFOLLOW), confinement: .inRoot)
    if try !volume.exists(sub) {
      let made = try volume.makeDirectories(sub, mode: 0o777)
      try made.chown(uid: owner.user, gid: owner.group)
    }
    let source = try volume.openPath(sub, followLink: true)
    let isFolder = try source.status().type == .directory
    let target = "\(path)/subpaths/\(place)"
    try FileSystem.makeDirectories(FileSystem.parent(of: target), mode: 0o700)
    if FileSystem.exists(target) {
      if try MountTable.holding(target)?.mountPoint == target { try MountAPI.unmount(target, detach: true) }
      try FileSystem.removeTree(target)
    }
    if isFolder {
      try FileSystem.makeDirectory(target, mode: 0o700)
    } else {
      try FileSystem.atomicWrite(target, [], mode: 0o600, durable: false)
    }
    try MountAPI.moveMount(from: try MountAPI.openTree(source, clone: true, recursive: true), to: target)
    return target
  }

  /// What a container left as its last words; empty where it left none. Only root writes the path, containers only the file.
  static func message(at path: String) -> String {
    guard let file = try? Descriptor.open(path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
      (try? file.status().type) == .regular
    else { return "" }
    var buffer = [UInt8](repeating: 0, count: messageBytes)
    let count = (try? buffer.withUnsafeMutableBytes { try file.read(into: $0) }) ?? 0
    return String(decoding: buffer.prefix(count), as: UTF8.self)
  }

  static func hostsOfNode() throws -> String {
    String(decoding: try FileSystem.read("/etc/hosts", maxBytes: hostsBytes), as: UTF8.self)
  }

  // MARK: the end

  /// Takes everything away.
  static func remove(_ pod: PodIdentity, node: NodeSettings) throws {
    let path = node.folder(of: pod)
    guard FileSystem.exists(path) else { return }
    // The deepest first.
    let below = try MountTable.read().map(\.mountPoint).filter { $0.hasPrefix(path + "/") }
    for point in below.sorted(by: { $0.utf8.count > $1.utf8.count }) { try MountAPI.unmount(point, detach: true) }
    try FileSystem.removeTree(path)
  }
}
