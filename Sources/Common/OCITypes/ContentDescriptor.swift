import Model

/// Points at a blob: its type, digest and size (OCI image specification, descriptor.md).
public struct ContentDescriptor: Sendable, Hashable, Codable {
  public var mediaType: MediaType
  public var digest: Digest
  /// Bytes of the blob as stored.
  public var size: Int64
  public var annotations: [String: String]?
  public var platform: Platform?
  public var urls: [String]?
  public var artifactType: String?

  public init(
    mediaType: MediaType, digest: Digest, size: Int64, annotations: [String: String]? = nil, platform: Platform? = nil
  ) {
    self.mediaType = mediaType
    self.digest = digest
    self.size = size
    self.annotations = annotations
    self.platform = platform
  }

  /// Annotation that names an image inside an archive's index.
  public static let referenceAnnotation = "org.opencontainers.image.ref.name"
  /// Annotation with the full reference, which containerd and docker write.
  public static let imageNameAnnotation = "io.containerd.image.name"

  /// Annotation by which builders mark what belongs to an image but is none, such as provenance.
  public static let attestationAnnotation = "vnd.docker.reference.type"

  /// An entry of an index that only tells about another one.
  public var isAttestation: Bool { annotations?[Self.attestationAnnotation] != nil || platform?.os == "unknown" }
}
