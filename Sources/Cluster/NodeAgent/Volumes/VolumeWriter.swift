import FoundationEssentials
import Glibc
import LinuxSystem

/// Puts a volume's files in place so that readers see all the old ones or all the new ones: files lie in a folder of their own each
/// time, a link `..data` names the folder, and what the volume shows are links through it.
/// Source: Kubernetes *ConfigMap*, mounted ConfigMaps are updated automatically. All of it blocks.
struct VolumeWriter {
  struct Owner: Equatable {
    var user: UInt32 = 0
    var group: UInt32 = 0
  }

  private static let link = "..data"

  let folder: String
  let owner: Owner

  /// True where something changed.
  @discardableResult
  func write(_ wanted: VolumeFiles) throws -> Bool {
    try FileSystem.makeDirectories(folder, mode: 0o755)
    let old = try currentFolder()
    if let old, try holds(old, wanted) { return false }
    let name = "..\(UUID().uuidString.lowercased())"
    let fresh = "\(folder)/\(name)"
    try FileSystem.makeDirectory(fresh, mode: 0o755)
    try give(fresh)
    do {
      for (path, file) in wanted.files.sorted(by: { $0.key < $1.key }) { try put(path, file, below: fresh) }
      try replaceLink(name)
    } catch {
      try? FileSystem.removeTree(fresh)
      throw error
    }
    for top in wanted.topNames {
      let path = "\(folder)/\(top)"
      if !FileSystem.exists(path) { try makeLink("\(Self.link)/\(top)", at: path) }
    }
    for name in try FileSystem.list(folder) where !name.hasPrefix("..") && !wanted.topNames.contains(name) {
      try FileSystem.removeFile("\(folder)/\(name)")
    }
    // What an interrupted write has left goes too.
    for stale in try FileSystem.list(folder) where stale.hasPrefix("..") && stale != name && stale != Self.link {
      try FileSystem.removeTree("\(folder)/\(stale)")
    }
    return true
  }

  private func put(_ path: String, _ file: VolumeFiles.File, below fresh: String) throws {
    var parent = fresh
    for part in path.split(separator: "/").dropLast() {
      parent += "/\(part)"
      if !FileSystem.exists(parent) {
        try FileSystem.makeDirectory(parent, mode: 0o755)
        try give(parent)
      }
    }
    let target = "\(fresh)/\(path)"
    let descriptor = try Descriptor.open(target, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    try descriptor.write(all: file.bytes)
    try descriptor.chown(uid: owner.user, gid: owner.group)
    try descriptor.chmod(file.mode)
  }

  private func give(_ path: String) throws {
    try Descriptor.open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW).chown(uid: owner.user, gid: owner.group)
  }

  private func replaceLink(_ name: String) throws {
    let temporary = "\(folder)/..data_tmp"
    try FileSystem.removeFile(temporary)
    try makeLink(name, at: temporary)
    try FileSystem.rename(temporary, to: "\(folder)/\(Self.link)")
  }

  private func makeLink(_ target: String, at path: String) throws {
    try systemCall("symlink", path) { symlink(target, path) }
  }

  private func currentFolder() throws -> String? {
    let path = "\(folder)/\(Self.link)"
    guard FileSystem.exists(path) else { return nil }
    return "\(folder)/\(try Descriptor.open(path, flags: O_PATH | O_NOFOLLOW).readLink())"
  }

  /// Whether a folder has these files and no others, with these modes.
  private func holds(_ current: String, _ wanted: VolumeFiles) throws -> Bool {
    var found = 0
    var folders = [""]
    while let next = folders.popLast() {
      for name in try FileSystem.list("\(current)/\(next)") {
        let path = next.isEmpty ? name : "\(next)/\(name)"
        let descriptor = try Descriptor.open("\(current)/\(path)", flags: O_RDONLY | O_NOFOLLOW)
        let status = try descriptor.status()
        if status.type == .directory {
          folders.append(path)
          continue
        }
        guard let file = wanted.files[path], status.sizeBytes == Int64(file.bytes.count),
          status.mode & 0o777 == file.mode, try descriptor.readAll(maxBytes: file.bytes.count + 1) == file.bytes
        else { return false }
        found += 1
      }
    }
    return found == wanted.files.count
  }
}
