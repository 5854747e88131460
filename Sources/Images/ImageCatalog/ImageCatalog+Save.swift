import ContentStore
import Layers
import LinuxSystem
import Model
import OCITypes

extension ImageCatalog {
  /// Writes images as an archive that `docker load` and OCI tools read: an OCI layout with docker's `manifest.json`.
  ///
  /// The same images and names give the same bytes: entries are sorted and carry no time. A repository without a tag
  /// stands for all its tags.
  /// - Throws: `notFound` before anything was written.
  public func save(_ namesOrIDs: [String], to output: Descriptor) throws {
    let lease = lease()
    let images = try selection(namesOrIDs)
    for image in images { Self.blobs(of: image.record).forEach(lease.hold) }
    // Between looking up and leasing an image may have gone.
    for image in images { _ = try self.image(image.record.id) }
    var documents: [String: [UInt8]] = [:]
    documents[OCILayoutMarker.fileName] = try ImageDocuments.encode(OCILayoutMarker())
    documents[OCILayoutMarker.indexName] = try ImageDocuments.encode(try index(images))
    documents[ArchiveManifestItem.fileName] = try ImageDocuments.encode(
      images.map { image in
        ArchiveManifestItem(
          config: Self.path(image.record.id), repoTags: image.names.isEmpty ? nil : image.names.map(\.familiar),
          layers: image.record.layers.map { Self.path($0.digest) })
      })
    let writer = TarWriter(to: output)
    try translatingSystemErrors("write the archive") {
      try writer.add(Self.entry(.directory, "blobs/"))
      try writer.add(Self.entry(.directory, "blobs/sha256/"))
      for blob in Set(images.flatMap { Self.blobs(of: $0.record) }).sorted() { try write(blob, to: writer) }
      for (name, bytes) in documents.sorted(by: { $0.key < $1.key }) {
        try writer.add(Self.entry(.file, name, sizeBytes: Int64(bytes.count)))
        try writer.write(bytes)
      }
      try writer.finish()
    }
  }

  private struct Selected {
    var record: ImageRecord
    var names: [ImageReference]
  }

  /// The images meant, each once, ordered by id, with the names by which they were asked for.
  private func selection(_ namesOrIDs: [String]) throws -> [Selected] {
    var chosen: [Digest: Set<ImageReference>] = [:]
    for text in namesOrIDs {
      let reference = try? ImageReference(parsing: text)
      let references = state.withLock { $0.references }
      if let reference, reference.isNameOnly {
        let tags = references.filter { $0.key.hasPrefix(reference.description + ":") }
        for (tag, id) in tags { chosen[id, default: []].insert(try ImageReference(parsing: tag)) }
        if !tags.isEmpty { continue }
      }
      let record = try resolve(text)
      var names: Set<ImageReference> = []
      if let reference, reference.tag != nil, references[reference.description] == record.id { names = [reference] }
      chosen[record.id, default: []].formUnion(names)
    }
    return try chosen.sorted { $0.key < $1.key }.map { id, names in
      Selected(record: try image(id), names: names.sorted { $0.description < $1.description })
    }
  }

  private func index(_ images: [Selected]) throws -> ImageIndex {
    var descriptors: [ContentDescriptor] = []
    for image in images {
      let manifest = try ImageDocuments.manifest(
        from: content.read(image.record.manifest, maxBytes: ImageDocuments.maximumManifestBytes))
      var descriptor = ContentDescriptor(
        mediaType: manifest.mediaType ?? .ociManifest, digest: image.record.manifest,
        size: try content.size(image.record.manifest), platform: image.record.config.platform)
      if image.names.isEmpty { descriptors.append(descriptor) }
      for name in image.names {
        descriptor.annotations = [
          ContentDescriptor.imageNameAnnotation: name.description,
          ContentDescriptor.referenceAnnotation: name.tag ?? ImageReference.defaultTag,
        ]
        descriptors.append(descriptor)
      }
    }
    return ImageIndex(manifests: descriptors)
  }

  private func write(_ blob: Digest, to writer: TarWriter) throws {
    try writer.add(Self.entry(.file, Self.path(blob), sizeBytes: try content.size(blob)))
    let source = BufferedSource(DescriptorSource(try content.open(blob)))
    while true {
      let chunk = try source.nextChunk()
      if chunk.isEmpty { break }
      try writer.write(chunk)
    }
    // The reader has part of it already; all that can be done is to stop in the middle.
    guard writer.missingBytes == 0 else { throw ContentStore.damaged(blob) }
  }

  private static func blobs(of image: ImageRecord) -> [Digest] {
    [image.id, image.manifest] + image.layers.map(\.digest)
  }

  private static func path(_ blob: Digest) -> String { "blobs/sha256/\(blob.hex)" }

  private static func entry(_ kind: TarEntryKind, _ name: String, sizeBytes: Int64 = 0) -> TarEntry {
    var entry = TarEntry(kind: kind, name: Array(name.utf8))
    entry.mode = kind == .directory ? 0o755 : 0o644
    entry.sizeBytes = sizeBytes
    return entry
  }
}
