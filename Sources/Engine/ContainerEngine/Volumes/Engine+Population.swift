import ContentStore
import Layers
import LinuxSystem
import Model

extension Engine {
  /// Copies what an image has at a volume's destination into the volume, with its owners and those of the place itself, when the volume is used first.
  ///
  /// The volume's own folder is written, not the mount with its id map: ids go from the container's range to the volumes'.
  func populate(volume: String, from root: RootedDirectory, directory: String, ids: IDRange) throws {
    let target = try RootedDirectory(path: paths.volumeData(volume))
    guard try target.list().isEmpty, let source = try? root.directory(directory) else {
      return try volumeStore.markPopulated(volume)
    }
    let (read, write) = try heldPipe()
    let writer = try ThreadOutcome {
      try write.use {
        try TarExporter.export(source, path: "/", prefix: ".", ids: ids, to: $0, crossesMounts: false)
      }
    }
    try TarExtractor.extract(
      from: read, into: target, path: "/",
      options: TarExtractor.Options(ids: idRanges.volumeRange, keepKind: false, copyOwners: true, limits: .standard))
    try writer.wait()
    try translatingSystemErrors("set the owner of volume \(volume)") { try takeOver(source, for: target, ids: ids) }
    try volumeStore.markPopulated(volume)
  }

  /// Gives the volume's folder the owner and mode of the image's, so that a program without rights may write there, too.
  private func takeOver(_ source: RootedDirectory, for target: RootedDirectory, ids: IDRange) throws {
    let status = try source.descriptor.status()
    func owner(_ id: UInt32) -> UInt32 {
      ids.inside(id).flatMap(idRanges.volumeRange.host) ?? idRanges.volumeRange.first
    }
    // The owner first: changing it takes set-group-id away.
    try target.descriptor.chown(uid: owner(status.uid), gid: owner(status.gid))
    try target.descriptor.chmod(status.mode)
  }

  /// A pipe whose writing end nobody but its holder keeps open.
  private func heldPipe() throws -> (read: Descriptor, write: PipeEnd) {
    let (read, write) = try Descriptor.pipe()
    return (read, PipeEnd(write))
  }
}
