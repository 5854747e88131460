import LinuxSystem
import Model

extension Engine {
  /// Copies what an image has at a volume's destination into the volume, with its owners, when the volume is used first. The
  /// volume itself becomes like the image's directory.
  ///
  /// The volume's own folder is written, not the mount with its id map: ids go from the container's range to the volumes'.
  func populate(volume: String, from root: RootedDirectory, directory: String, ids: IDRange) throws {
    let target = try RootedDirectory(path: paths.volumeData(volume))
    guard try target.list().isEmpty, let source = try? root.directory(directory) else {
      return try volumeStore.markPopulated(volume)
    }
    let room = try room(for: try volumeStore.record(volume), what: "what the image has at '\(directory.prefix(256))'")
    do {
      try VolumeTree.copy(source, ids: ids, to: target, as: idRanges.volumeRange, room: room)
    } catch {
      // A part of it would be taken for the volume's own files at the next start.
      if try !volumeStore.record(volume).populated { for name in try target.list() { try target.removeTree(name) } }
      guard let room, let failure = error as? PlatformError else { throw error }
      throw room.explained(failure)
    }
    try volumeStore.markPopulated(volume)
  }
}
