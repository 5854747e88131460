import ContentStore
import FoundationEssentials
import Glibc
import LinuxSystem
import Model
import OCITypes

/// The registry's files:
///
///     blobs/<algorithm>/<hex>                       content, as `ContentStore` keeps it
///     repositories/<name>/_manifests/<hex>      which manifests a repository has, `ManifestFile`
///     repositories/<name>/_tags/<tag>           `TagRecord`
///     projects/<name>.json                      `ProjectSettings`
///     uploads/<id>, uploads/<id>.json           content that is not complete, `UploadFile`
///     trash/                                    blobs on their way out
///     quarantine/                               what `fsck --repair` has put aside
///     reserve                                   room for cleaning up a full disk, `DiskReserve`
///
/// Names of repositories have no component that begins with an underscore, so nothing collides.
struct RegistryFiles: Sendable {
  static let maximumRecordBytes = 64 << 10
  static let maximumRepositories = 1_000_000

  let root: String
  let content: ContentStore
  let reserve: DiskReserve

  init(root: String) throws {
    self.root = root
    reserve = try DiskReserve(path: root + "/reserve")
    content = try ContentStore(root: root, algorithms: DigestAlgorithm.allCases)
    try translatingSystemErrors("open registry '\(root)'") {
      for name in ["repositories", "projects", "uploads", "trash", "quarantine"] {
        try FileSystem.makeDirectories("\(root)/\(name)", mode: 0o700)
      }
      for name in try FileSystem.list(root + "/trash") { try FileSystem.removeFile("\(root)/trash/\(name)") }
    }
  }

  func upload(_ id: String) -> String { "\(root)/uploads/\(id)" }
  func repository(_ name: String) -> String { "\(root)/repositories/\(name)" }
  private func project(_ name: String) -> String { "\(root)/projects/\(name).json" }

  /// Does a change; see `FileChange`. `isWanted` tells whether a blob has a record.
  func apply(_ change: FileChange, isWanted: (Digest) throws -> Bool) throws {
    switch change {
    case .place(let digest, let data):
      try content.place([UInt8](data), as: digest)
    case .adopt(let upload, let digest, let size):
      let isThere = try content.adopt(self.upload(upload), as: digest, sizeBytes: size)
      // At a repetition the blob may have gone again since; a record without it would be a lie, which fsck tells of.
      if isThere { try removeUpload(upload) }
    case .discard(let digest):
      guard try !isWanted(digest) else { return }
      _ = try content.moveAway(digest, to: "\(root)/trash/\(digest.hex)")
    case .manifest(let repository, let digest, let file):
      try write(file, to: self.repository(repository) + "/_manifests", digest.hex)
    case .removeManifest(let repository, let digest):
      try remove("\(self.repository(repository))/_manifests/\(digest.hex)")
    case .tag(let repository, let tag, let record):
      try write(record, to: self.repository(repository) + "/_tags", tag)
    case .removeTag(let repository, let tag):
      try remove("\(self.repository(repository))/_tags/\(tag)")
    case .settings(let project, let settings):
      try write(settings, to: root + "/projects", project + ".json")
    case .removeProject(let project):
      try remove(self.project(project))
    case .removeRepository(let name):
      try removeEmptyRepository(name)
    }
  }

  /// Empties the trash; returns what the file system gets back, in bytes of whole blocks.
  func emptyTrash() throws -> Int64 {
    try translatingSystemErrors("empty the registry's trash") {
      var freed: Int64 = 0
      for name in try FileSystem.list(root + "/trash") {
        let path = "\(root)/trash/\(name)"
        freed += Self.diskBytes(path)
        try FileSystem.removeFile(path)
      }
      return freed
    }
  }

  func removeUpload(_ id: String) throws {
    try remove(upload(id) + ".json")
    try remove(upload(id))
  }

  /// Puts everything on disk that was written below the root, and all else of its file system (syncfs(2)).
  func flush() throws {
    try translatingSystemErrors("flush registry") { try FileSystem.syncFileSystem(of: root) }
  }

  /// Reads a record; nil where it is missing or cannot be read.
  func read<T: Decodable>(_ type: T.Type, _ path: String) -> T? {
    guard let bytes = try? FileSystem.read(path, maxBytes: Self.maximumRecordBytes) else { return nil }
    return try? JSONDecoder().decode(type, from: Data(bytes))
  }

  func write(_ record: some Encodable, to directory: String, _ name: String) throws {
    let bytes = try ImageDocuments.encode(record)
    // The store of content empties it at each start.
    let staging = root + "/staging"
    try translatingSystemErrors("write registry record '\(name)'") {
      do {
        try FileSystem.atomicWrite("\(directory)/\(name)", bytes, durable: false, staging: staging)
      } catch let error as SystemError where error.errno == ENOENT {
        try FileSystem.makeDirectories(directory, mode: 0o700)
        try FileSystem.atomicWrite("\(directory)/\(name)", bytes, durable: false, staging: staging)
      }
    }
  }

  private func remove(_ path: String) throws {
    try translatingSystemErrors("remove '\(path)'") { try FileSystem.removeFile(path) }
  }

  /// Removes a repository's directories as far as they are empty; others may lie below.
  private func removeEmptyRepository(_ name: String) throws {
    rmdir(repository(name) + "/_tags")
    rmdir(repository(name) + "/_manifests")
    var path = name
    while !path.isEmpty, rmdir(repository(path)) == 0 {
      guard let slash = path.lastIndex(of: "/") else { return }
      path = String(path[..<slash])
    }
  }

  static func diskBytes(_ path: String) -> Int64 {
    var status = stat()
    return lstat(path, &status) == 0 ? Int64(status.st_blocks) * 512 : 0
  }
}
