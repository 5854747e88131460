import ContentStore
import ImageCatalog
import Layers
import LinuxSystem
import Model
import OCITypes
import RegistryClient

/// What a pull brought.
public struct PulledImage: Sendable {
  public var image: ImageRecord
  /// Of the manifest or index that the name leads to.
  public var digest: Digest
  /// The name led to this image already.
  public var isUpToDate: Bool
}

/// A pull whose name has been found at a registry.
public struct ImagePull: Sendable {
  private static let maximumIndexDepth = 3

  public let reference: ImageReference
  let distribution: ImageDistribution
  let manifest: RemoteManifest
  /// Where the manifest came from, and where to go on looking for blobs.
  let sources: [RemoteRepository]
  let platform: Platform?

  /// Brings the image in.
  /// - Parameter report: gets docker's progress.
  /// - Throws: `PlatformError`; nothing of the image stays then, but for layers that others need.
  public func run(_ report: @escaping TransferReport) async throws -> PulledImage {
    do {
      return try await withTaskExecutorPreference(distribution.executor) { try await pull(report) }
    } catch let error as RegistryFailure {
      throw error.platformError("pull image '\(reference.familiar)'")
    }
  }

  private func pull(_ report: @escaping TransferReport) async throws -> PulledImage {
    let name = reference.digest.map(\.description) ?? reference.tag ?? ImageReference.defaultTag
    report(TransferEvent("Pulling from \(reference.path)", id: name))
    let manifest = try await imageManifest(self.manifest, depth: 1)
    let image = try manifest.manifest()
    try check(image)
    let catalog = distribution.catalog
    let before = catalog.image(named: reference)?.id
    let record: ImageRecord
    if let known = try? catalog.image(image.config.digest) {
      for layer in known.chainIDs { report(TransferEvent("Already exists", id: layer.short)) }
      record = try addNames(known)
    } else {
      record = try await bring(image, manifest, report)
    }
    let isUpToDate = before == record.id
    report(TransferEvent("Digest: \(self.manifest.digest)"))
    report(
      TransferEvent(
        isUpToDate
          ? "Status: Image is up to date for \(reference.familiar)"
          : "Status: Downloaded newer image for \(reference.familiar)"))
    return PulledImage(image: record, digest: self.manifest.digest, isUpToDate: isUpToDate)
  }

  /// The names that the image gets: the tag, where one was asked for, and the digest.
  private var names: [ImageReference] {
    let byDigest = reference.repository.with(digest: manifest.digest)
    return reference.digest == nil ? [reference.withDefaultTag, byDigest] : [byDigest]
  }

  private func addNames(_ image: ImageRecord) throws -> ImageRecord {
    for name in names {
      if name.digest == nil {
        try distribution.catalog.tag(image.id, as: name)
      } else {
        try distribution.catalog.addDigest(image.id, name)
      }
    }
    return try distribution.catalog.image(image.id)
  }

  /// Follows indexes to the manifest for the platform wanted.
  private func imageManifest(_ manifest: RemoteManifest, depth: Int) async throws -> RemoteManifest {
    guard manifest.mediaType.isIndex else { return manifest }
    guard depth <= Self.maximumIndexDepth else {
      throw PlatformError(.invalidArgument, "the index of '\(reference.familiar)' is nested too deep")
    }
    let wanted = platform ?? .host
    guard let entry = PlatformChoice.choose(try manifest.index().manifests, wanted) else {
      throw PlatformError(
        .notFound, "no matching manifest for \(wanted.text) in the manifest list entries of '\(reference.familiar)'")
    }
    guard entry.size <= Int64(ImageDocuments.maximumManifestBytes) else {
      throw PlatformError(.resourceExhausted, "the manifest \(entry.digest) is said to have \(entry.size) bytes")
    }
    var failure: RegistryFailure?
    for source in sources {
      do {
        let next = try await source.manifest(.digest(entry.digest))
        guard Int64(next.bytes.count) == entry.size else {
          throw RegistryFailure(
            .badContent, "manifest \(entry.digest) has \(next.bytes.count) bytes but should have \(entry.size)")
        }
        return try await imageManifest(next, depth: depth + 1)
      } catch let error as RegistryFailure {
        failure = error
      }
    }
    throw failure ?? RegistryFailure(.notFound, "manifest \(entry.digest) is nowhere")
  }

  private func check(_ image: ImageManifest) throws {
    guard image.config.mediaType.isConfig else {
      let type = image.artifactType ?? image.config.mediaType.rawValue
      throw PlatformError(
        .invalidArgument, "'\(reference.familiar)' is not an image but an artifact of type \(type.prefix(100))")
    }
    guard image.config.size <= Int64(ImageDocuments.maximumConfigBytes) else {
      throw PlatformError(
        .resourceExhausted, "the configuration of '\(reference.familiar)' is said to have \(image.config.size) bytes")
    }
    var total: Int64 = 0
    for layer in image.layers {
      guard layer.mediaType.isLayer else {
        throw PlatformError(
          .invalidArgument,
          "'\(reference.familiar)' has a layer of unknown type \(layer.mediaType.rawValue.prefix(100))")
      }
      total = total.clampedAdding(layer.size)
    }
    guard total <= distribution.client.settings.blobBytes else {
      throw PlatformError(.resourceExhausted, "'\(reference.familiar)' has \(total) bytes of layers")
    }
  }

  /// Brings configuration and layers, and registers the image.
  private func bring(
    _ image: ImageManifest, _ manifest: RemoteManifest, _ report: @escaping TransferReport
  ) async throws -> ImageRecord {
    let intake = distribution.catalog.intake()
    let bytes = try await blob(image.config)
    let config = try ImageDocuments.config(from: bytes)
    guard config.rootfs.diffIDs.count == image.layers.count else {
      throw PlatformError(
        .invalidArgument,
        "'\(reference.familiar)' has \(image.layers.count) layers but its configuration names \(config.rootfs.diffIDs.count)"
      )
    }
    if let platform, !config.platform.runs(on: platform) {
      throw PlatformError(
        .notFound,
        "image with reference \(reference.familiar) was found but does not provide the specified platform (\(platform.text))"
      )
    }
    try intake.store(bytes, as: image.config.digest)
    try intake.store(manifest.bytes, as: manifest.digest)
    let chain = LayerChain.ids(config.rootfs.diffIDs)
    var jobs: [LayerJob] = []
    for (layer, chainID) in zip(image.layers, chain) where !jobs.contains(where: { $0.blob.digest == layer.digest }) {
      jobs.append(LayerJob(blob: layer, chainID: chainID))
    }
    for job in jobs { report(TransferEvent("Pulling fs layer", id: job.id)) }
    try await bounded(jobs, limit: distribution.limits.downloads) { job in
      try await fetch(job, into: intake, report)
    }
    let record = try intake.register(
      manifest: manifest.digest, config: image.config.digest, layers: image.layers.map(\.digest), references: names)
    for job in jobs { report(TransferEvent("Pull complete", id: job.id)) }
    if let source = sources.first {
      do {
        try distribution.memory.note(source.name, has: jobs.map(\.blob.digest))
      } catch {
        distribution.logger.warning("where the layers came from is not noted: \(error)")
      }
    }
    return record
  }

  /// A small blob from the first source that has it.
  private func blob(_ descriptor: ContentDescriptor) async throws -> [UInt8] {
    var failure: RegistryFailure?
    for source in sources {
      do {
        return try await source.blob(
          descriptor.digest, sizeBytes: descriptor.size, limit: ImageDocuments.maximumConfigBytes)
      } catch let error as RegistryFailure {
        failure = error
      }
    }
    throw failure ?? RegistryFailure(.notFound, "blob \(descriptor.digest) is nowhere")
  }

  private struct LayerJob: Sendable {
    var blob: ContentDescriptor
    var chainID: Digest
    var id: String { blob.digest.short }
  }

  /// Stores one layer and unpacks it while it comes.
  private func fetch(_ job: LayerJob, into intake: ImageIntake, _ report: @escaping TransferReport) async throws {
    if try intake.has(job.blob.digest, sizeBytes: job.blob.size) {
      return report(TransferEvent("Already exists", id: job.id))
    }
    var failure: (any Error)?
    for source in sources {
      let layer = try intake.layer(job.blob, chainID: job.chainID)
      let meter = TransferMeter("Downloading", id: job.id, total: job.blob.size, report: report)
      do {
        try await source.download(job.blob.digest, sizeBytes: job.blob.size, verify: .byTaker) { piece in
          try piece.withUnsafeReadableBytes { try layer.append($0) }
          meter.add(piece.readableBytes)
        }
        report(TransferEvent("Verifying Checksum", id: job.id))
        try intake.finish(layer)
        return report(TransferEvent("Download complete", id: job.id))
      } catch let error as RegistryFailure {
        layer.abandon(error)
        failure = error
      } catch let error as PlatformError where error.code == .invalidArgument {
        // The bytes are not the layer's: another source may have them.
        layer.abandon(error)
        failure = PlatformError(
          .invalidArgument, "failed to pull layer \(job.blob.digest) of '\(reference.familiar)': \(error.message)",
          cause: error)
      } catch {
        layer.abandon(error)
        throw error
      }
    }
    throw failure ?? RegistryFailure(.notFound, "layer \(job.blob.digest) is nowhere")
  }
}

extension ImageDistribution {
  /// Finds a name at its registry or a mirror of it: after this a pull is likely to succeed. Throws docker's words.
  public func pull(
    _ reference: ImageReference, platform: Platform?, credentials: RegistryCredentials
  ) async throws -> ImagePull {
    let reference = reference.withDefaultTag
    let (manifest, source) = try await find(reference, credentials: credentials)
    let all = try client.sources(RegistryHost(reference.domain), reference.path, credentials: credentials)
    let start = all.firstIndex { $0.name == source.name } ?? 0
    return ImagePull(
      reference: reference, distribution: self, manifest: manifest, sources: [source] + all[(start + 1)...],
      platform: platform)
  }

  /// The names of all tags of a repository at its registry.
  public func tags(of repository: ImageReference, credentials: RegistryCredentials) async throws -> [ImageReference] {
    let sources = try client.sources(RegistryHost(repository.domain), repository.path, credentials: credentials)
    guard let source = sources.last else { return [] }
    let tags: [String]
    do {
      tags = try await source.tags()
    } catch let error as RegistryFailure {
      throw TransferWords.pull(error, repository)
    }
    guard tags.count <= limits.tags else {
      throw PlatformError(
        .resourceExhausted,
        "'\(repository.familiarName)' has \(tags.count) tags; at most \(limits.tags) are pulled at once")
    }
    return try tags.map { try ImageReference(parsing: "\(repository.repository):\($0)") }
  }
}
