/// One image for one platform: its configuration and layers (OCI image specification, manifest.md; also Docker's
/// schema 2, which has the same form).
public struct ImageManifest: Sendable, Hashable, Codable {
  public var schemaVersion: Int
  public var mediaType: MediaType?
  public var artifactType: String?
  public var config: ContentDescriptor
  /// Lowest layer first.
  public var layers: [ContentDescriptor]
  public var subject: ContentDescriptor?
  public var annotations: [String: String]?

  public init(
    config: ContentDescriptor, layers: [ContentDescriptor], mediaType: MediaType = .ociManifest,
    annotations: [String: String]? = nil
  ) {
    self.schemaVersion = 2
    self.mediaType = mediaType
    self.config = config
    self.layers = layers
    self.annotations = annotations
  }
}

/// Several manifests under one name: platforms, or the images of an archive (OCI image specification, image-index.md).
public struct ImageIndex: Sendable, Hashable, Codable {
  public var schemaVersion: Int
  public var mediaType: MediaType?
  public var artifactType: String?
  public var manifests: [ContentDescriptor]
  public var subject: ContentDescriptor?
  public var annotations: [String: String]?

  public init(
    manifests: [ContentDescriptor], mediaType: MediaType = .ociIndex, annotations: [String: String]? = nil
  ) {
    self.schemaVersion = 2
    self.mediaType = mediaType
    self.manifests = manifests
    self.annotations = annotations
  }
}
