import Glibc
import Layers
import LinuxSystem
import Model
import OCIRuntime
import Snapshots

extension Engine {
  /// What a container has changed against its image.
  public func changes(_ reference: String) async throws -> [FilesystemChange] {
    let record = try registry.find(reference).record
    let lowers = record.layers.map { snapshots.layerPath($0) }
    let found = try LayerDiffer.changes(upper: snapshots.upperPath(record.id), lowers: lowers, ids: record.ids)
    return found.filter { !($0.kind == .added && Self.mountTargets.contains($0.path)) }.map { change in
      let kind: FilesystemChange.Kind
      switch change.kind {
      case .modified: kind = .modified
      case .added: kind = .added
      case .deleted: kind = .deleted
      }
      return FilesystemChange(path: change.path, kind: kind)
    }
  }

  /// A container whose files can be read: it runs, or nothing of its last run holds them any more.
  func containerAtRest(_ reference: String) async throws -> Container {
    let container = try enterable(reference)
    if container.process == nil { await container.settle() }
    return container
  }

  /// The container that a client means who wants to get at what is in it. Nobody gets into a step of a build: it may hold
  /// secrets, and a way to the SSH agent, of another client.
  /// - Throws: `notFound`, `forbidden`.
  func enterable(_ reference: String) throws -> Container {
    let container = try registry.find(reference)
    guard container.record.isBuildStep != true else {
      throw PlatformError(.forbidden, "container \(container.id) is a step of a build: nobody gets into it")
    }
    return container
  }

  /// Empty files that the runtime makes for the engine's own mounts.
  private static let mountTargets: Set<String> = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"]

  /// The container's file system as a tar archive, without what is mounted into it.
  public func exportContainer(_ reference: String) async throws -> ProducedBytes {
    let container = try await containerAtRest(reference)
    let record = container.record
    let root = try overlayRoot(of: container)
    emit("export", record)
    return try produce { output in
      try TarExporter.export(
        RootedDirectory(root), path: "/", prefix: "", ids: record.ids, to: output, crossesMounts: false)
    }
  }

  /// What a path in a container is.
  public func pathStat(_ reference: String, path: String) async throws -> PathStat {
    try stat(path, of: try await containerAtRest(reference))
  }

  private func stat(_ path: String, of container: Container, isToBeRead: Bool = false) throws -> PathStat {
    guard let stat = try work(on: container, .stat, path: path, { $0.isToBeRead = isToBeRead }) else {
      throw PlatformError(.internal, "cannot read '\(path.prefix(1024))' in the container")
    }
    return stat
  }

  /// A file or folder of a container as a tar archive.
  public func readArchive(_ reference: String, path: String) async throws -> (PathStat, ProducedBytes) {
    let container = try await containerAtRest(reference)
    // What cannot be read is told while there is still a status to tell it by.
    let status = try stat(path, of: container, isToBeRead: true)
    let bytes = try produce { [self] output in
      _ = try work(on: container, .read, path: path, archive: output)
    }
    emit("archive-path", container.record)
    return (status, bytes)
  }

  /// The longest archive that is taken.
  public static let archiveLimitBytes = LayerLimits.standard.totalBytes

  /// A file without a name for an archive that is on its way.
  public func spoolFile() throws -> Descriptor {
    let path = "\(paths.trash)/spool-\(ContainerID.random().short)"
    let file = try Descriptor.open(path, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    try FileSystem.removeFile(path)
    return file
  }

  /// Unpacks a tar archive into a folder of a container. The archive is all there: nobody is waited for under the
  /// container's lock.
  public func writeArchive(
    _ reference: String, path: String, from tar: Descriptor, _ options: ArchiveWriteOptions
  ) async throws {
    let container = try await containerAtRest(reference)
    try await container.lock.withLock { _ in
      _ = try work(on: container, .write, path: path, archive: tar) { request in
        let record = container.record
        request.isReadOnly = record.settings.host.readOnlyRoot && !Self.isOnVolume(path, record)
        request.keepKind = options.keepKind
        request.copyOwners = options.copyOwners
      }
      emit("extract-to-dir", container.record)
    }
  }

  private static func isOnVolume(_ path: String, _ record: ContainerRecord) -> Bool {
    let path = (try? clean(path)) ?? "/"
    return record.mounts.contains { !$0.readOnly && (path == $0.destination || path.hasPrefix($0.destination + "/")) }
  }

  /// The name that a path's entries carry: its last part, or `.` for the folder's content alone.
  static func archiveName(_ path: String) -> String {
    let trimmed = path.split(separator: "/").last.map(String.init) ?? "."
    return trimmed == ".." ? "." : trimmed
  }

  static func checkReadable(_ path: String, in root: RootedDirectory) throws {
    do {
      let file = try root.openPath(path, followLink: path.hasSuffix("/") || path.hasSuffix("/."))
      guard [.regular, .directory].contains(try file.status().type) else { return }
      _ = try file.reopen(flags: O_RDONLY | O_NONBLOCK)
    } catch let error as SystemError { throw missing(path, error) }
  }

  static func checkExtractionPoint(_ path: String, in root: RootedDirectory) throws {
    do {
      guard try root.stat(path, followLink: true).type == .directory else {
        throw PlatformError(.invalidArgument, "extraction point is not a directory")
      }
    } catch let error as SystemError { throw missing(path, error) }
  }

  /// Docker follows the last link only where the path ends in a slash or `/.`.
  static func stat(_ path: String, in root: RootedDirectory) throws -> PathStat {
    let follows = path.hasSuffix("/") || path.hasSuffix("/.")
    do {
      let status = try root.stat(path, followLink: follows)
      let target = status.type == .symbolicLink ? try root.readLink(path) : ""
      // The container chooses its files' times.
      let modified = status.modificationTime.seconds.clampedMultiplied(by: 1_000_000_000)
        .clampedAdding(Int64(status.modificationTime.nanoseconds))
      return PathStat(
        name: path.split(separator: "/").last.map(String.init) ?? "/", sizeBytes: status.sizeBytes,
        mode: GoFileMode.bits(status), modifiedAt: modified, linkTarget: absolute(target, from: path))
    } catch let error as SystemError { throw missing(path, error) }
  }

  private static func absolute(_ target: String, from path: String) -> String {
    if target.isEmpty || target.hasPrefix("/") { return target }
    let parts = path.split(separator: "/").dropLast() + target.split(separator: "/")
    return (try? clean("/" + parts.joined(separator: "/"))) ?? "/"
  }

  private static func missing(_ path: String, _ error: SystemError) -> PlatformError {
    switch error.errno {
    case ENOENT, ENOTDIR:
      PlatformError(.notFound, "Could not find the file \(path.prefix(1024)) in container")
    case ELOOP, EXDEV:
      PlatformError(.invalidArgument, "'\(path.prefix(1024))' leads out of the container", cause: error)
    case ENAMETOOLONG, EINVAL:
      PlatformError(
        .invalidArgument, "invalid path '\(path.prefix(1024))': \(SystemError.message(for: error.errno))", cause: error)
    case EACCES, EPERM:
      PlatformError(
        .forbidden, "the container may not read '\(path.prefix(1024))': permission denied", cause: error)
    default: PlatformError(.internal, "cannot read '\(path.prefix(1024))' in the container", cause: error)
    }
  }

  /// Has a worker read or write a container's files as the container's root sees them, volumes and binds included.
  private func work(
    on container: Container, _ operation: FileWorker.Request.Operation, path: String, archive: Descriptor? = nil,
    _ options: (inout FileWorker.Request) -> Void = { _ in }
  ) throws -> PathStat? {
    let ids = container.record.ids
    var request = FileWorker.Request(operation: operation, path: path, hasHostIDs: ids.isHost)
    options(&request)
    let decided = request
    // Not the container's own namespace, which has ended with a stopped one, but one with the same map: the rights are equal.
    let namespace = ids.isHost ? nil : try Self.userNamespace(from: 0, to: ids)
    return try withFiles(of: container) { [program = configuration.program] root in
      try FileWorker.call(decided, program: program, root: root, userNamespace: namespace, archive: archive)
    }
  }

  /// Runs `body` with a container's root as the container sees it, volumes included; nothing is mounted on the host.
  ///
  /// `body` has the host's rights and must not touch anything below the root but by a worker.
  private func withFiles<Result: Sendable>(
    of container: Container, _ body: @Sendable (_ root: Descriptor) throws -> Result
  ) throws -> Result {
    if let process = container.process {
      let root: Descriptor?
      do {
        root = try process.root()
      } catch let error as PlatformError where error.code == .conflict && container.process == nil {
        // It ended between the two lines; its files are read as those of a stopped container.
        root = nil
      }
      if let root { return try body(root) }
    }
    let record = container.record
    try writeHostFiles(record)
    let assembly = try assembly(for: record)
    return try NamespaceThread.run(unsharing: .mount, propagation: .slave) {
      try assembly.root.assemble()
      let root = try RootedDirectory(path: RootAssembly.rootfs)
      for mount in assembly.mounts { Self.bind(mount.source, at: mount.destination, in: root) }
      return try body(root.descriptor)
    }
  }

  /// Puts a staged source where the container would see it; a destination that the image does not have stays away, as the
  /// runtime makes it only at the start.
  private static func bind(_ source: String, at destination: String, in root: RootedDirectory) {
    guard let target = try? root.openPath(destination, followLink: true),
      let tree = try? MountAPI.openTree(source, clone: true, recursive: true)
    else { return }
    try? MountAPI.moveMount(from: tree, to: target)
  }

  /// A container's own file system without anything that is mounted into it.
  func overlayRoot(of container: Container) throws -> Descriptor {
    if let process = container.process {
      let namespace = try process.monitorMounts()
      return try NamespaceThread.run(entering: [namespace]) {
        try MountAPI.openTree(RootAssembly.rootfs, clone: true)
      }
    }
    let record = container.record
    let map = record.ids.isHost ? nil : try Self.userNamespace(from: 0, to: record.ids)
    return try snapshots.openDetached(
      RootfsPlan(layers: record.layers, container: record.id, ids: record.ids, userNamespace: map))
  }
}

/// Go's os.FileMode, which docker's JSON carries.
enum GoFileMode {
  static func bits(_ status: FileStatus) -> UInt32 {
    var bits = status.mode & 0o777
    if status.mode & 0o4000 != 0 { bits |= 1 << 23 }
    if status.mode & 0o2000 != 0 { bits |= 1 << 22 }
    if status.mode & 0o1000 != 0 { bits |= 1 << 20 }
    switch status.type {
    case .directory: bits |= 1 << 31
    case .symbolicLink: bits |= 1 << 27
    case .blockDevice: bits |= 1 << 26
    case .characterDevice: bits |= 1 << 26 | 1 << 21
    case .fifo: bits |= 1 << 25
    case .socket: bits |= 1 << 24
    default: break
    }
    return bits
  }
}
