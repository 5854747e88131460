import ContentStore
import Glibc
import LinuxSystem
import Model

extension LayerApplier {
  /// Gives directories that a layer only implies the owner, mode and times that they have in the layers below.
  ///
  /// In overlay the upper directory's attributes count: without this a layer that holds nothing but `tmp/x` would make
  /// `/tmp` a plain directory of root's.
  /// - Parameters:
  ///   - implied: from `AppliedLayer`.
  ///   - directory: the unpacked layer, not yet published.
  ///   - lowers: the directories of the layers below, lowest first.
  public func adoptDirectories(_ implied: [String], in directory: String, lowers: [String]) throws {
    if implied.isEmpty || lowers.isEmpty { return }
    try translatingSystemErrors("unpack a layer") {
      let root = try RootedDirectory(path: directory)
      let below = try LowerLayers(lowers)
      for path in implied {
        guard let original = try Self.find(PathText.bytes(of: path), in: below),
          let made = try Self.open(path, in: root)
        else { continue }
        let status = original.status
        try made.chown(uid: status.uid, gid: status.gid)
        try made.chmod(status.mode)
        for name in try original.file.listxattr() where name.hasPrefix("user.") {
          let value = try original.file.getxattr(name)
          guard let kept = OverlayAttributes.filtered(name: name, value: value) else { continue }
          try made.setxattr(name, kept)
        }
        try made.utimens(access: status.modificationTime, modification: status.modificationTime)
      }
    }
  }

  private static func find(_ path: [UInt8], in layers: LowerLayers) throws -> LowerLayers.Found? {
    var place = layers.root
    var found: LowerLayers.Found?
    for end in path.indices where path[end] == UInt8(ascii: "/") || end == path.count - 1 {
      let prefix = path[end] == UInt8(ascii: "/") ? Array(path[..<end]) : path
      found = try layers.find(prefix, in: place)
      guard let found, found.status.type == .directory else { return nil }
      place = found.place
    }
    return found
  }

  /// nil for what a later entry has replaced by something else.
  private static func open(_ path: String, in root: RootedDirectory) throws -> Descriptor? {
    do {
      return try root.open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    } catch let error as SystemError where [ENOENT, ENOTDIR, ELOOP].contains(error.errno) {
      return nil
    }
  }
}
