import ContentStore
import ImageCatalog
import LinuxSystem
import Model
import OCITypes
import RegistryClient

extension ImageDistribution {
  /// Sends an image, or all tags of a repository, to the registry that the name says.
  ///
  /// A manifest that came from elsewhere goes as it is, so that its digest stays. Where the image was made here, layers that are
  /// kept unpacked are packed while they go; how is remembered, so that the next push finds them there.
  /// - Parameter reference: without tag and digest `latest`, or with `allTags` every tag that is here.
  public func push(
    _ reference: ImageReference, allTags: Bool, credentials: RegistryCredentials, _ report: @escaping TransferReport
  ) async throws {
    guard reference.digest == nil else {
      throw PlatformError(.invalidArgument, "cannot push a digest reference")
    }
    guard !allTags || reference.tag == nil else {
      throw PlatformError(.invalidArgument, "tag can't be used with --all-tags/-a")
    }
    let names = allTags ? catalog.tags(of: reference) : [reference.withDefaultTag]
    guard !names.isEmpty else { throw Self.missing(reference) }
    let repository = try client.repository(RegistryHost(reference.domain), reference.path, credentials: credentials)
    report(TransferEvent("The push refers to repository [\(reference.domain)/\(reference.path)]"))
    do {
      try await RegistryNotice.$current.withValue(RegistryNotice { report(TransferEvent($0)) }) {
        for name in names {
          try await withTaskExecutorPreference(executor) { try await push(name, to: repository, report) }
        }
      }
    } catch let error as RegistryFailure {
      throw TransferWords.push(error, reference)
    }
  }

  private static func missing(_ reference: ImageReference) -> PlatformError {
    PlatformError(.notFound, "An image does not exist locally with the tag: \(reference.familiarName)")
  }

  private func push(
    _ name: ImageReference, to repository: RemoteRepository, _ report: @escaping TransferReport
  ) async throws {
    guard let image = catalog.image(named: name) else { throw Self.missing(name) }
    let lease = try catalog.hold(image)
    defer { withExtendedLifetime(lease) {} }
    let tag = name.tag ?? ImageReference.defaultTag
    let push = try ImagePush(image, distribution: self, repository: repository, report: report)
    let manifest = try await push.run(tag: tag)
    let digest = ContentHasher.digest(of: manifest)
    try catalog.addDigest(image.id, name.repository.with(digest: digest))
    do {
      try memory.note(repository.name, has: push.blobs)
    } catch {
      logger.warning("where the layers went is not noted: \(error)")
    }
    let size = Int64(manifest.count)
    report(TransferEvent("\(tag): digest: \(digest) size: \(size)"))
    var done = TransferEvent("")
    done.pushed = PushedImage(tag: tag, digest: digest, sizeBytes: size)
    report(done)
  }
}

/// One image on its way to one repository.
struct ImagePush: Sendable {
  private let name: String
  private let distribution: ImageDistribution
  private let repository: RemoteRepository
  private let report: TransferReport
  private let original: [UInt8]
  private let manifest: ImageManifest
  /// The manifest was written here and may be written anew, with packed layers.
  private let isOurs: Bool
  /// The packed forms of layers, by the digests of the unpacked ones.
  private let packed: PackedLayers
  /// What docker calls a layer: the start of its unpacked digest.
  private let ids: [Digest: String]

  init(
    _ image: ImageRecord, distribution: ImageDistribution, repository: RemoteRepository,
    report: @escaping TransferReport
  ) throws {
    let original = try distribution.content.read(image.manifest, maxBytes: ImageDocuments.maximumManifestBytes)
    let manifest = try ImageDocuments.manifest(from: original)
    let isOurs = try ImageDocuments.encode(ImageManifest(config: manifest.config, layers: manifest.layers)) == original
    try self.init(
      "\(image.id)", manifest, original: original, isOurs: isOurs,
      ids: Dictionary(
        zip(manifest.layers.map(\.digest), image.config.rootfs.diffIDs.map(\.short)),
        uniquingKeysWith: { first, _ in first }), distribution: distribution, repository: repository, report: report)
  }

  /// What was made here and is no image. Configuration and layers lie in the content store.
  init(
    artifact name: String, _ manifest: ImageManifest, distribution: ImageDistribution, repository: RemoteRepository
  ) throws {
    try self.init(
      name, manifest, original: try ImageDocuments.encode(manifest), isOurs: true, ids: [:], distribution: distribution,
      repository: repository, report: { _ in })
  }

  private init(
    _ name: String, _ manifest: ImageManifest, original: [UInt8], isOurs: Bool, ids: [Digest: String],
    distribution: ImageDistribution, repository: RemoteRepository, report: @escaping TransferReport
  ) throws {
    self.name = name
    self.manifest = manifest
    self.original = original
    self.isOurs = isOurs
    self.ids = ids
    self.distribution = distribution
    self.repository = repository
    self.report = report
    packed = PackedLayers()
    for layer in manifest.layers where isPackedOnTheWay(layer) {
      if let known = try distribution.memory.packed(layer.digest) { packed.set(known, of: layer.digest) }
    }
  }

  /// The blobs that the repository has after the push.
  var blobs: [Digest] {
    [manifest.config.digest]
      + manifest.layers.map { isPackedOnTheWay($0) ? packed[$0.digest]?.digest ?? $0.digest : $0.digest }
  }

  /// - Returns: the manifest that the registry now has.
  func run(tag: String) async throws -> [UInt8] {
    if let bytes = try outgoing() {
      let there = try await repository.manifestDescriptor(.tag(tag))
      if there?.digest == ContentHasher.digest(of: bytes) {
        for id in ids.values.sorted() { report(TransferEvent("Layer already exists", id: id)) }
        return bytes
      }
    }
    for layer in layers { report(TransferEvent("Preparing", id: ids[layer.digest])) }
    try await bounded(layers, limit: distribution.limits.uploads) { try await send($0) }
    try await sendConfig()
    guard let bytes = try outgoing() else {
      throw PlatformError(.internal, "a layer of \(name) was sent but how it was packed is not known")
    }
    try await repository.put(bytes, mediaType: mediaType, as: .tag(tag))
    return bytes
  }

  // MARK: - The manifest

  private var mediaType: MediaType { manifest.mediaType ?? .ociManifest }

  private func isPackedOnTheWay(_ layer: ContentDescriptor) -> Bool {
    isOurs && layer.mediaType.layerCompression == LayerCompression.none
  }

  /// The manifest to be pushed; nil as long as the packed form of a layer is not known.
  private func outgoing() throws -> [UInt8]? {
    guard isOurs else { return original }
    var changed = manifest
    for (index, layer) in manifest.layers.enumerated() where isPackedOnTheWay(layer) {
      guard let form = packed[layer.digest] else { return nil }
      changed.layers[index] = ContentDescriptor(mediaType: .ociLayerGzip, digest: form.digest, size: form.sizeBytes)
    }
    return try ImageDocuments.encode(changed)
  }

  // MARK: - Blobs

  /// Each layer once, but for those that registries do not take (foreign layers, which stay where their makers have them).
  private var layers: [ContentDescriptor] {
    var seen: Set<Digest> = []
    return manifest.layers.filter { ($0.urls ?? []).isEmpty && seen.insert($0.digest).inserted }
  }

  private func send(_ layer: ContentDescriptor) async throws {
    let id = ids[layer.digest] ?? layer.digest.short
    let known = isPackedOnTheWay(layer) ? packed[layer.digest] : .init(digest: layer.digest, sizeBytes: layer.size)
    if let known {
      if try await repository.blobSize(known.digest) != nil {
        return report(TransferEvent("Layer already exists", id: id))
      }
      let host = repository.registry.host.authority
      for place in try distribution.memory.places(of: known.digest, host: host, except: repository.path).prefix(1)
      where try await repository.mount(known.digest, from: place) {
        return report(TransferEvent("Mounted from \(place)", id: id))
      }
    }
    report(TransferEvent("Pushing", id: id, current: 0, total: layer.size))
    let meter = TransferMeter("Pushing", id: id, total: layer.size, report: report)
    if isPackedOnTheWay(layer) {
      try await sendPacked(layer, meter)
    } else {
      try await upload(layer.digest, sizeBytes: layer.size, meter)
    }
    report(TransferEvent("Pushed", id: id))
  }

  private func upload(_ digest: Digest, sizeBytes: Int64, _ meter: TransferMeter?) async throws {
    let file = try distribution.content.open(digest)
    let executor = distribution.executor
    try await repository.upload(digest, sizeBytes: sizeBytes) { offset in
      let pieces = FilePieces(file, offset: offset, count: sizeBytes - offset, executor: executor)
      return meter.map { MeteredPieces(pieces, from: offset, meter: $0) } ?? pieces
    }
  }

  private func sendPacked(_ layer: ContentDescriptor, _ meter: TransferMeter) async throws {
    let file = try distribution.content.open(layer.digest)
    let executor = distribution.executor
    let last = Locked<GzipPieces?>(nil)
    try await repository.uploadStream(
      pieces: {
        let pieces = try GzipPieces(file, sizeBytes: layer.size, executor: executor, meter: meter)
        last.withLock { $0 = pieces }
        return pieces
      },
      digest: {
        guard let result = last.withLock({ $0?.result }) else {
          throw PlatformError(.internal, "a layer was sent without being read")
        }
        return result.digest
      })
    guard let result = last.withLock({ $0?.result }) else { return }
    packed.set(result, of: layer.digest)
    try distribution.memory.note(result, of: layer.digest)
  }

  private func sendConfig() async throws {
    let config = manifest.config
    if try await repository.blobSize(config.digest) != nil { return }
    try await upload(config.digest, sizeBytes: try distribution.content.size(config.digest), nil)
  }
}

/// The packed forms of one image's layers.
final class PackedLayers: Sendable {
  private let forms = Locked<[Digest: TransferMemory.Packed]>([:])
  subscript(_ layer: Digest) -> TransferMemory.Packed? { forms.withLock { $0[layer] } }
  func set(_ form: TransferMemory.Packed, of layer: Digest) { forms.withLock { $0[layer] = form } }
}
