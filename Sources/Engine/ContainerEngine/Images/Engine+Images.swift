import Glibc
import ImageCatalog
import LinuxSystem
import Model

extension Engine {
  public func images() throws -> [ImageRecord] { try catalog.list() }
  public func image(_ reference: String) throws -> ImageRecord { try catalog.resolve(reference) }

  /// Disk space of images.
  public func imageUsage() throws -> ImageDiskUsage { try catalog.diskUsage() }

  /// An image and every image made from it by commits; empty where nothing has that name.
  public func imagesMade(from reference: String) -> Set<Digest> {
    guard let first = try? catalog.resolve(reference).id, let images = try? catalog.list() else { return [] }
    let children = Dictionary(grouping: images, by: \.parent).mapValues { $0.map(\.id) }
    var found: Set<Digest> = [first]
    var left = [first]
    while let id = left.popLast() {
      for child in children[id] ?? [] where found.insert(child).inserted { left.append(child) }
    }
    return found
  }

  /// How many containers were made from an image.
  public func containersUsing(image: Digest) -> Int { registry.all.count { $0.record.imageID == image } }

  /// Removes a name of an image, or the image when it was its last.
  public func removeImage(_ reference: String, force: Bool, noPrune: Bool) async throws -> [ImageRemoval] {
    let removals = try catalog.remove(reference, force: force, noPrune: noPrune) { [self] id in
      registry.all.first { $0.record.imageID == id }.map { container in
        ImageUse(container: container.id, isRunning: container.process != nil)
      }
    }
    tell(removals)
    return removals
  }

  private func tell(_ removals: [ImageRemoval]) {
    for removal in removals {
      switch removal {
      case .untagged(let name): events.emit(.image, "untag", id: name, attributes: ["name": name])
      case .deleted(let id): events.emit(.image, "delete", id: id, attributes: ["name": id])
      }
    }
  }

  /// Gives an image a further name.
  public func tagImage(_ reference: String, repository: String, tag: String) async throws {
    let image = try catalog.resolve(reference)
    let name = tag.isEmpty ? repository : "\(repository):\(tag)"
    try catalog.tag(image.id, as: try ImageReference(parsing: name))
    events.emit(.image, "tag", id: image.id.description, attributes: ["name": name])
  }

  /// Reads images from an archive of `docker save` or an OCI layout.
  public func loadImages(from tar: Descriptor) async throws -> [String] {
    let names = try catalog.load(from: tar)
    for name in names { events.emit(.image, "load", id: name, attributes: ["name": name]) }
    return names
  }

  /// Writes images as an archive that `docker load` and OCI tools read.
  public func saveImages(_ references: [String]) async throws -> ProducedBytes {
    let images = try references.map { try catalog.resolve($0) }
    for id in Set(images.map(\.id.description)) { events.emit(.image, "save", id: id, attributes: ["name": id]) }
    return try produce { [catalog] descriptor in try catalog.save(references, to: descriptor) }
  }

  /// Makes an image of one layer from a tar archive of a file system.
  public func importImage(from tar: Descriptor, reference: String?, message: String, changes: [String]) async throws
    -> Digest
  {
    let id = try catalog.importTar(
      from: tar, reference: try reference.map { try ImageReference(parsing: $0) }, message: message, changes: changes)
    events.emit(.image, "import", id: id.description, attributes: ["name": reference ?? id.description])
    return id
  }

  /// Makes a base image from the distribution's packages.
  /// - Parameter tag: the image's name, where it is not to have the one that says how it is made.
  public func bootstrapImage(
    _ reference: String, tag: ImageReference? = nil, include: [String], progress: @escaping @Sendable (String) -> Void
  ) async throws -> ImageRecord {
    let record = try ImageBootstrap(catalog: catalog, scratchDirectory: paths.root)
      .run(reference: reference, tag: tag, include: include, progress: progress)
    events.emit(.image, "import", id: record.id.description, attributes: ["name": tag?.familiar ?? reference])
    return record
  }

  /// Removes images that nothing refers to.
  public func pruneImages(_ filter: PruneFilter) async throws -> (removed: [ImageRemoval], reclaimedBytes: Int64) {
    let used = Set(registry.all.map(\.record.imageID))
    let result = try catalog.prune(all: filter.all, isUsed: { used.contains($0) }) { image in
      filter.takes(labels: image.labels, createdAt: image.createdAt)
    }
    tell(result.removed)
    events.emit(.image, "prune", id: "", attributes: ["reclaimed": String(result.reclaimedBytes)])
    return result
  }

  /// Runs `body` on a thread of the transfers, writing to a pipe whose other end the caller reads. The caller has a permit.
  func produce(_ body: @escaping @Sendable (Descriptor) throws -> Void) throws -> ProducedBytes {
    let (read, write) = try Descriptor.pipe()
    let outcome = OneShot<Result<Void, any Error>>()
    let end = PipeEnd(write)
    lifetime.run(on: transfers.executor) {
      let result = Result { try end.use(body) }
      outcome.resolve(result)
    }
    return ProducedBytes(descriptor: read) { try await outcome.wait().get() }
  }
}

/// Holds a pipe's end until it has been used, and closes it then: the reader sees the end of the stream.
final class PipeEnd: Sendable {
  private let descriptor: Locked<Descriptor?>

  init(_ descriptor: Descriptor) { self.descriptor = Locked(descriptor) }

  func use(_ body: (Descriptor) throws -> Void) throws {
    guard
      let taken = descriptor.withLock({ descriptor -> Descriptor? in
        defer { descriptor = nil }
        return descriptor
      })
    else { return }
    try body(taken)
  }
}
