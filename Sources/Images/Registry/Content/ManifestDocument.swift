import ContentStore
import Model
import OCITypes

/// A manifest or an index as it was pushed, looked through.
struct ManifestDocument: Sendable {
  /// Manifests in one index.
  static let maximumManifests = 1_000

  let bytes: [UInt8]
  let digest: Digest
  let mediaType: MediaType
  /// Blobs that have to be there, each once. Layers that are not to be distributed are not among them: their addresses
  /// are kept and never fetched.
  let blobs: [ContentDescriptor]
  let manifests: [ContentDescriptor]
  let subject: ContentDescriptor?
  let artifactType: String?
  let annotations: [String: String]?

  /// Parses within bounds. Throws `RegistryError`: `manifestTooLarge`, `manifestInvalid`.
  /// - Parameters:
  ///   - announced: the type that the client sent; nil takes the document's own.
  ///   - algorithm: of the digest that it goes by.
  init(_ bytes: [UInt8], announced: String?, algorithm: DigestAlgorithm = .sha256) throws {
    guard bytes.count <= ImageDocuments.maximumManifestBytes else {
      throw RegistryError(
        .manifestTooLarge, "the manifest is longer than \(ImageDocuments.maximumManifestBytes) bytes")
    }
    self.bytes = bytes
    digest = ContentHasher.digest(of: bytes, by: algorithm)
    let kind = try Self.parsing {
      try ImageDocuments.decode(
        Kind.self, from: bytes, limit: ImageDocuments.maximumManifestBytes, named: "the manifest")
    }
    mediaType = try Self.mediaType(kind, announced: announced)
    if mediaType.isIndex {
      let index = try Self.parsing { try ImageDocuments.index(from: bytes) }
      guard index.manifests.count <= Self.maximumManifests else {
        throw RegistryError(
          .manifestInvalid,
          "the index has \(index.manifests.count) manifests; at most \(Self.maximumManifests) are taken")
      }
      blobs = []
      manifests = Self.unique(index.manifests)
      subject = index.subject
      artifactType = index.artifactType
      annotations = index.annotations
    } else {
      let manifest = try Self.parsing { try ImageDocuments.manifest(from: bytes) }
      blobs = Self.unique([manifest.config] + manifest.layers.filter { !Self.isForeign($0.mediaType) })
      manifests = []
      subject = manifest.subject
      artifactType = manifest.artifactType ?? manifest.config.mediaType.rawValue
      annotations = manifest.annotations
    }
  }

  private struct Kind: Decodable {
    var schemaVersion: Int?
    var mediaType: String?
  }

  private static func mediaType(_ kind: Kind, announced: String?) throws -> MediaType {
    let plain = announced.map { String($0.prefix { $0 != ";" && $0 != " " }) }
    if let plain, let inner = kind.mediaType, plain != inner {
      throw RegistryError(
        .manifestInvalid,
        "the Content-Type '\(RegistryError.shown(plain))' is not the manifest's mediaType '\(RegistryError.shown(inner))'"
      )
    }
    guard let text = plain ?? kind.mediaType else {
      throw RegistryError(.manifestInvalid, "the manifest has neither a Content-Type nor a mediaType")
    }
    let type = MediaType(rawValue: text)
    guard type.isManifest || type.isIndex else {
      throw RegistryError(
        .manifestInvalid,
        "media type '\(RegistryError.shown(text))' is not a manifest's: OCI image manifest or index, Docker manifest "
          + "schema 2 or manifest list")
    }
    return type
  }

  static func isForeign(_ type: MediaType) -> Bool {
    type == .ociForeignLayer || type == .ociForeignLayerGzip || type == .ociForeignLayerZstd
      || type == .dockerForeignLayerGzip
  }

  private static func unique(_ descriptors: [ContentDescriptor]) -> [ContentDescriptor] {
    var seen: Set<Digest> = []
    return descriptors.filter { seen.insert($0.digest).inserted }
  }

  private static func parsing<R>(_ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch let error as PlatformError {
      throw RegistryError(.manifestInvalid, error.message)
    }
  }

  /// What `referrers` shows of it (OCI distribution specification 1.1, *Listing referrers*).
  var descriptor: ContentDescriptor {
    var descriptor = ContentDescriptor(
      mediaType: mediaType, digest: digest, size: Int64(bytes.count), annotations: annotations)
    descriptor.artifactType = artifactType
    return descriptor
  }
}
