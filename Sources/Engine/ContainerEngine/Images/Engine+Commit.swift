import ImageCatalog
import LinuxSystem
import Model

extension Engine {
  /// Makes an image from what a container has changed.
  public func commitContainer(
    _ reference: String, reference name: String?, comment: String, author: String, pause: Bool, changes: [String]
  ) async throws -> Digest {
    let container = try await containerAtRest(reference)
    let parsed = try name.map { try ImageReference(parsing: $0) }
    return try await container.lock.withLock { _ in
      let record = container.record
      let freezes = pause && record.run.status == .running
      if freezes { try cgroups.freeze(try cgroupPath(record)) }
      defer { if freezes { try? cgroups.thaw(try cgroupPath(record)) } }
      let id = try catalog.commit(
        upper: snapshots.upperPath(record.id), ids: record.ids, parent: record.imageID, settings: record.settings,
        reference: parsed, comment: comment, author: author, changes: changes)
      emit("commit", record, ["comment": comment, "imageID": id.description, "imageRef": name ?? ""])
      return id
    }
  }
}
