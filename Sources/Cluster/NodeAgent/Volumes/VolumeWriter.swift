import FoundationEssentials
import Glibc
import LinuxSystem

/// Puts a volume's files in place so that readers see all the old ones or all the new ones: files lie in a folder of their own each
/// time, a link `..data` names the folder, and what the volume shows are links through it.
/// Source: Kubernetes *ConfigMap*, mounted ConfigMaps are updated automatically. All of it blocks.
///
/// Whatever lies in the volume, nothing is read or written outside of it: each step goes from an open folder to a name in it, and
/// follows no link.
struct VolumeWriter {
  struct Owner: Equatable {
    var user: UInt32 = 0
    var group: UInt32 = 0
  }

  private static let link = "..data"

  /// The folder that holds the pod's volumes, itself reached without links.
  let volumes: RootedDirectory
  /// The volume's: one name.
  let name: String
  let owner: Owner

  /// True where something changed.
  @discardableResult
  func write(_ wanted: VolumeFiles) throws -> Bool {
    if try !volumes.exists(name) { try volumes.makeDirectory(name, mode: 0o755) }
    let folder = try Self.step(into: name, of: volumes)
    if let current = try current(folder), try holds(current, wanted) { return false }
    let version = "..\(UUID().uuidString.lowercased())"
    try folder.makeDirectory(version, mode: 0o755).chown(uid: owner.user, gid: owner.group)
    do {
      let fresh = try Self.step(into: version, of: folder)
      for (path, file) in wanted.files.sorted(by: { $0.key < $1.key }) { try put(path, file, in: fresh) }
      try replaceLink(version, in: folder)
    } catch {
      try? folder.removeTree(version)
      throw error
    }
    for top in wanted.topNames where try !folder.exists(top) { try folder.symlink("\(Self.link)/\(top)", at: top) }
    for name in try folder.list() where !name.hasPrefix("..") && !wanted.topNames.contains(name) {
      try folder.removeTree(name)
    }
    // What an interrupted write has left goes too.
    for stale in try folder.list() where stale.hasPrefix("..") && stale != version && stale != Self.link {
      try folder.removeTree(stale)
    }
    return true
  }

  /// A folder in a folder. Throws ELOOP or ENOTDIR where a link has its name.
  static func step(into name: String, of folder: RootedDirectory) throws -> RootedDirectory {
    RootedDirectory(
      try folder.open(name, flags: O_PATH | O_DIRECTORY | O_NOFOLLOW), confinement: .beneath)
  }

  private func put(_ path: String, _ file: VolumeFiles.File, in fresh: RootedDirectory) throws {
    var parts = path.split(separator: "/").map(String.init)
    guard let name = parts.popLast() else { throw SystemError(errno: EINVAL, operation: "open", subject: path) }
    var folder = fresh
    for part in parts {
      if try !folder.exists(part) {
        try folder.makeDirectory(part, mode: 0o755).chown(uid: owner.user, gid: owner.group)
      }
      folder = try Self.step(into: part, of: folder)
    }
    let descriptor = try folder.createFile(name, mode: 0o600)
    try descriptor.write(all: file.bytes)
    try descriptor.chown(uid: owner.user, gid: owner.group)
    try descriptor.chmod(file.mode)
  }

  private func replaceLink(_ version: String, in folder: RootedDirectory) throws {
    let temporary = "..data_tmp"
    try folder.removeTree(temporary)
    try folder.symlink(version, at: temporary)
    try folder.rename(from: temporary, to: Self.link)
  }

  /// The folder that holds the files now; nil where there is none, or where the link is none that was made here.
  private func current(_ folder: RootedDirectory) throws -> RootedDirectory? {
    do {
      let version = try folder.readLink(Self.link)
      return version.contains("/") ? nil : try Self.step(into: version, of: folder)
    } catch let error as SystemError where [ENOENT, ENOTDIR, ELOOP, EINVAL].contains(error.errno) {
      return nil
    }
  }

  /// Whether a folder has these files and no others, with these modes.
  private func holds(_ current: RootedDirectory, _ wanted: VolumeFiles) throws -> Bool {
    var found = 0
    var isSame = true
    try current.walk { entry in
      if entry.status.type == .directory { return .enter }
      guard entry.status.type == .regular, let file = wanted.files[entry.path],
        entry.status.sizeBytes == Int64(file.bytes.count), entry.status.mode & 0o777 == file.mode,
        try entry.open(flags: O_RDONLY).readAll(maxBytes: file.bytes.count + 1) == file.bytes
      else {
        isSame = false
        return .stop
      }
      found += 1
      return .enter
    }
    return isSame && found == wanted.files.count
  }
}
