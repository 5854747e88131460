import Model
import OCITypes

extension ImageCatalog {
  /// The steps that made an image, the newest first, as docker shows them.
  public func history(_ nameOrID: String) throws -> [ImageHistoryItem] {
    let image = try resolve(nameOrID)
    var chain = image.chainIDs[...]
    var items: [ImageHistoryItem] = []
    for entry in image.config.history ?? [] {
      var size: Int64 = 0
      if entry.emptyLayer != true, let layer = chain.popFirst() { size = (try? snapshots.layerSizeBytes(layer)) ?? 0 }
      items.append(
        ImageHistoryItem(
          id: nil, createdAt: entry.created.flatMap(ImageTimestamp.nanoseconds) ?? 0, createdBy: entry.createdBy ?? "",
          tags: [], sizeBytes: size, comment: entry.comment ?? ""))
    }
    items.reverse()
    if !items.isEmpty {
      items[0].id = image.id
      items[0].tags = image.repoTags
    }
    return items
  }

  /// The bytes of an image's configuration, exactly as its id says.
  public func configuration(_ id: Digest) throws -> [UInt8] {
    try content.read(id, maxBytes: ImageDocuments.maximumConfigBytes)
  }

  /// Disk space of all images.
  public func diskUsage() throws -> ImageDiskUsage {
    let images = try list()
    var uses: [Digest: Int] = [:]
    for image in images {
      for chain in Set(image.chainIDs) { uses[chain, default: 0] += 1 }
    }
    let items = images.map { image in
      let shared = Set(image.chainIDs).filter { (uses[$0] ?? 0) > 1 }
      return ImageDiskUsage.Item(
        image: image, sharedBytes: shared.reduce(0) { $0.clampedAdding((try? snapshots.layerSizeBytes($1)) ?? 0) })
    }
    return ImageDiskUsage(items: items, layersBytes: try layersBytes(), contentBytes: try content.totalSizeBytes())
  }
}
