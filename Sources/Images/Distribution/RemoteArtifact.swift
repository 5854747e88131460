import ContentStore
import ImageCatalog
import LinuxSystem
import Model
import OCITypes
import RegistryClient

/// What a registry has under a name and is no image: a document and blobs that belong to it (OCI image specification,
/// *Guidelines for Artifact Usage*).
public struct RemoteArtifact: Sendable {
  /// The document, whole; its digest has been checked.
  public let config: [UInt8]
  public let layers: [ContentDescriptor]
  private let reference: ImageReference
  private let source: RemoteRepository

  init(config: [UInt8], layers: [ContentDescriptor], reference: ImageReference, source: RemoteRepository) {
    self.config = config
    self.layers = layers
    self.reference = reference
    self.source = source
  }

  /// Writes a layer's blob into a file. Size and digest are checked; what comes is bounded by both.
  public func download(_ layer: ContentDescriptor, to file: Descriptor) async throws {
    do {
      try await source.download(layer.digest, sizeBytes: layer.size) { piece in
        try piece.withUnsafeReadableBytes { bytes in
          try translatingSystemErrors("write what is fetched") { try file.write(all: bytes) }
        }
      }
    } catch let error as RegistryFailure {
      throw TransferWords.pull(error, reference)
    }
  }
}

extension ImageDistribution {
  /// The artifact of a type that a registry has under a name; nil where there is an image or another artifact.
  /// - Parameter configType: its document's type.
  public func artifact(
    _ reference: ImageReference, type: MediaType, configType: MediaType, credentials: RegistryCredentials
  ) async throws -> RemoteArtifact? {
    let (remote, source) = try await find(reference.withDefaultTag, credentials: credentials)
    guard !remote.mediaType.isIndex else { return nil }
    let manifest = try Self.translating(reference) { try remote.manifest() }
    guard manifest.config.mediaType == configType, (manifest.artifactType ?? type.rawValue) == type.rawValue else {
      return nil
    }
    for layer in manifest.layers where !layer.mediaType.isLayer {
      throw PlatformError(
        .invalidArgument,
        "'\(reference.familiar)' has a layer of unknown type \(layer.mediaType.rawValue.prefix(100))")
    }
    do {
      let config = try await source.blob(
        manifest.config.digest, sizeBytes: manifest.config.size, limit: ImageDocuments.maximumConfigBytes)
      return RemoteArtifact(config: config, layers: manifest.layers, reference: reference, source: source)
    } catch let error as RegistryFailure {
      throw TransferWords.pull(error, reference)
    }
  }

  /// Leaves an artifact under a tag. Layers that are kept unpacked are packed while they go, as with images.
  /// - Parameter layers: lie in the content store, held by the caller.
  /// - Returns: the digest of the artifact's manifest.
  public func push(
    artifact type: MediaType, config: [UInt8], _ configType: MediaType, layers: [ContentDescriptor],
    as reference: ImageReference, credentials: RegistryCredentials
  ) async throws -> Digest {
    let digest = ContentHasher.digest(of: config)
    let lease = catalog.lease()
    defer { catalog.end(lease) }
    lease.hold(digest)
    try content.write(config)
    var manifest = ImageManifest(
      config: ContentDescriptor(mediaType: configType, digest: digest, size: Int64(config.count)), layers: layers)
    manifest.artifactType = type.rawValue
    let repository = try client.repository(RegistryHost(reference.domain), reference.path, credentials: credentials)
    let push = try ImagePush(
      artifact: reference.familiar, manifest, distribution: self, repository: repository)
    do {
      let bytes = try await withTaskExecutorPreference(executor) {
        try await push.run(tag: reference.tag ?? ImageReference.defaultTag)
      }
      do {
        try memory.note(repository.name, has: push.blobs)
      } catch {
        logger.warning("where the layers went is not noted: \(error)")
      }
      return ContentHasher.digest(of: bytes)
    } catch let error as RegistryFailure {
      throw TransferWords.push(error, reference)
    }
  }
}
