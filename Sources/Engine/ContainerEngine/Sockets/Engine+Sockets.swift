import Glibc
import Isolation
import LinuxSystem
import Model
import OCIRuntime

extension Engine {
  /// Where old files expect docker's socket, besides the engine's own.
  private static let socketPaths: Set<String> = ["/var/run/docker.sock", "/run/docker.sock"]

  /// To be called before `reconcile`, which opens the sockets of what runs.
  public func serveContainerSockets(by host: any ContainerSocketHost) { socketHost.withLock { $0 = host } }

  /// Whether a bind means the engine's socket: what it is given then is one of its own, made for it.
  func asksForSocket(_ request: MountRequest) -> Bool {
    guard request.kind == .bind, let path = request.source.flatMap({ try? Self.clean($0) }) else { return false }
    return (Self.socketPaths.contains(path) && policyCheck.allowedExactly(path) == nil) || path == paths.socket
  }

  /// Listens at the container's own socket, where it has one, before its root is put together.
  func openSocket(of record: ContainerRecord) async throws {
    guard record.hasEngineSocket else { return }
    // Asked again at each start: the policy may have changed since the container was made.
    try policyCheck.checkEngineSocket(labels: record.labels)
    guard let host = socketHost.withLock({ $0 }) else {
      throw PlatformError(.unavailable, "this engine serves no sockets of containers")
    }
    try FileSystem.makeDirectories(paths.sockets, mode: 0o700)
    try await host.open(
      for: record.id, project: record.project, path: paths.socket(of: record.id), owner: record.ids.first)
  }

  func closeSocket(of record: ContainerRecord) async {
    guard record.hasEngineSocket, let host = socketHost.withLock({ $0 }) else { return }
    await host.close(record.id)
    try? FileSystem.removeFile(paths.socket(of: record.id))
  }

  /// Opens the socket of a container that an earlier engine started, and puts it in the place of that engine's, which nobody
  /// listens at any more.
  func reopenSocket(of container: Container, process: MonitoredProcess) async {
    let record = container.record
    guard record.hasEngineSocket else { return }
    do {
      try await openSocket(of: record)
      let path = paths.socket(of: record.id)
      let mounts = try process.namespace(.mnt)
      for mount in record.mounts where mount.isEngineSocket == true {
        try Self.replace(mount.destination, in: mounts, with: path, readOnly: mount.readOnly)
      }
    } catch {
      logger.warning("container \(record.id.short) has no socket of this engine until it is started again: \(error)")
    }
  }

  /// Mounts a socket in the place of the one that a container has. Its paths are walked inside its root, and nothing but a socket
  /// is taken away.
  private static func replace(
    _ destination: String, in mounts: Descriptor, with path: String, readOnly: Bool
  ) throws {
    let source = try Descriptor.open(path, flags: O_PATH | O_NOFOLLOW)
    let tree = try MountAPI.openTree(source, clone: true)
    try MountAPI.setAttributes(tree, set: readOnly ? .readOnly : [], propagation: .slave)
    let links = try Descriptor.open("/proc/self/fd", flags: O_PATH | O_DIRECTORY)
    try NamespaceThread.run(entering: [mounts]) {
      let root = try RootedDirectory(path: "/")
      let socket = try root.openPath(destination, followLink: false)
      guard try socket.status().type == .socket else {
        throw SystemError(errno: ENOTSOCK, operation: "move_mount", subject: destination)
      }
      // Its file is gone from the folder, and nothing can be mounted over such. Taken away is what was looked at: whoever exchanges the
      // folders of the path meanwhile would have something else unmounted, a masked file for instance.
      try MountAPI.unmount(socket, by: links)
      try MountAPI.moveMount(from: tree, to: root.openPath(destination, followLink: false))
    }
  }

  /// Removes sockets of runs that are over.
  func removeStaleSockets() {
    let running = Set(registry.all.filter { $0.process != nil }.map { paths.socket(of: $0.id) })
    for name in (try? FileSystem.list(paths.sockets)) ?? [] where !running.contains("\(paths.sockets)/\(name)") {
      try? FileSystem.removeFile("\(paths.sockets)/\(name)")
    }
  }
}
