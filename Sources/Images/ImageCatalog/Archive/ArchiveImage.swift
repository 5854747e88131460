import ContentStore
import Model
import OCITypes

/// One image of an archive: which of its blobs are what.
struct ArchiveImage {
  var config: Digest
  /// Lowest layer first.
  var layers: [Digest]
  var manifest: Digest?
  var names: [ImageReference]

  /// How deep indexes may name indexes.
  private static let maximumIndexDepth = 3

  /// The images of docker's `manifest.json`.
  static func images(
    manifest bytes: [UInt8], _ archive: ArchiveContent, _ content: ContentStore
  ) throws -> [ArchiveImage] {
    let items = try ImageDocuments.decode(
      [ArchiveManifestItem].self, from: bytes, limit: ImageDocuments.maximumManifestBytes, named: "manifest.json")
    guard items.count <= ArchiveManifestItem.maximumImages else {
      throw PlatformError(.resourceExhausted, "the archive names more than \(ArchiveManifestItem.maximumImages) images")
    }
    // Where the archive is an OCI layout too, its manifests give the images the digests they had elsewhere.
    let layout = archive.documents[OCILayoutMarker.indexName]
    let known = (try? layout.map { try images(index: $0, archive, content) }) ?? []
    return try items.map { item in
      guard item.layers.count <= ImageDocuments.maximumLayers,
        (item.repoTags?.count ?? 0) <= ArchiveManifestItem.maximumTags
      else { throw PlatformError(.resourceExhausted, "an image in the archive has too many layers or names") }
      let config = try archive.file(item.config).digest
      let layers = try item.layers.map { try archive.file($0).digest }
      let names = try (item.repoTags ?? []).map { text in
        let name = try ImageReference(parsing: text)
        guard name.tag != nil, name.digest == nil else {
          throw PlatformError(.invalidArgument, "the archive names an image '\(name.familiar)', which is no tag")
        }
        return name
      }
      let twin = known.first { $0.config == config && $0.layers == layers }
      return ArchiveImage(config: config, layers: layers, manifest: twin?.manifest, names: names)
    }
  }

  /// The images of an OCI layout's `index.json` that run on this machine.
  static func images(
    index bytes: [UInt8], _ archive: ArchiveContent, _ content: ContentStore
  ) throws -> [ArchiveImage] {
    let index = try ImageDocuments.index(from: bytes)
    guard index.manifests.count <= ArchiveManifestItem.maximumImages else {
      throw PlatformError(.resourceExhausted, "the archive names more than \(ArchiveManifestItem.maximumImages) images")
    }
    var images: [ArchiveImage] = []
    for descriptor in index.manifests where !descriptor.isAttestation {
      guard var image = try image(descriptor, archive, content, depth: 1) else { continue }
      if let name = name(descriptor) { image.names = [name] }
      if let twin = images.firstIndex(where: { $0.manifest == image.manifest }) {
        images[twin].names += image.names
      } else {
        images.append(image)
      }
    }
    return images
  }

  private static func image(
    _ descriptor: ContentDescriptor, _ archive: ArchiveContent, _ content: ContentStore, depth: Int
  ) throws -> ArchiveImage? {
    guard let file = archive.files["blobs/sha256/\(descriptor.digest.hex)"] else { return nil }
    guard file.sizeBytes <= Int64(ImageDocuments.maximumManifestBytes) else {
      throw PlatformError(.resourceExhausted, "a manifest in the archive has \(file.sizeBytes) bytes")
    }
    let bytes = try content.read(descriptor.digest, maxBytes: ImageDocuments.maximumManifestBytes)
    if descriptor.mediaType.isIndex {
      guard depth < maximumIndexDepth else {
        throw PlatformError(.invalidArgument, "the archive's index is nested too deep")
      }
      let choices = try ImageDocuments.index(from: bytes).manifests.filter { !$0.isAttestation }
      let fitting = choices.filter { $0.platform?.runs(on: .host) ?? true }
      for choice in fitting.isEmpty ? choices : fitting {
        if let image = try image(choice, archive, content, depth: depth + 1) { return image }
      }
      return nil
    }
    let manifest = try ImageDocuments.manifest(from: bytes)
    guard manifest.config.mediaType.isConfig else { return nil }
    let blobs = [manifest.config] + manifest.layers
    guard blobs.allSatisfy({ archive.files["blobs/sha256/\($0.digest.hex)"] != nil }) else { return nil }
    return ArchiveImage(
      config: manifest.config.digest, layers: manifest.layers.map(\.digest), manifest: descriptor.digest, names: [])
  }

  /// The full name where the archive has one; a bare tag names nothing.
  private static func name(_ descriptor: ContentDescriptor) -> ImageReference? {
    let annotations = descriptor.annotations ?? [:]
    if let full = annotations[ContentDescriptor.imageNameAnnotation], let name = try? ImageReference(parsing: full) {
      return name.digest == nil ? name.withDefaultTag : nil
    }
    guard let text = annotations[ContentDescriptor.referenceAnnotation], text.contains(":") || text.contains("/"),
      let name = try? ImageReference(parsing: text), name.digest == nil
    else { return nil }
    return name.withDefaultTag
  }
}
