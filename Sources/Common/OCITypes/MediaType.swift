import Model

/// How a layer's tar stream is packed.
public enum LayerCompression: String, Sendable, Codable, CaseIterable {
  case none, gzip, zstd
}

/// The type of a blob, as registries and archives name it.
///
/// Sources: OCI image specification, media-types.md; Docker image manifest version 2, schema 2. Unknown values are kept
/// as they are: a manifest that carries one can still be listed and passed on.
public struct MediaType: RawRepresentable, Sendable, Hashable, Codable, CustomStringConvertible {
  public let rawValue: String
  public init(rawValue: String) { self.rawValue = rawValue }

  public static let ociIndex = MediaType(rawValue: "application/vnd.oci.image.index.v1+json")
  public static let ociManifest = MediaType(rawValue: "application/vnd.oci.image.manifest.v1+json")
  public static let ociConfig = MediaType(rawValue: "application/vnd.oci.image.config.v1+json")
  public static let ociLayer = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar")
  public static let ociLayerGzip = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+gzip")
  public static let ociLayerZstd = MediaType(rawValue: "application/vnd.oci.image.layer.v1.tar+zstd")
  public static let ociForeignLayer = MediaType(rawValue: "application/vnd.oci.image.layer.nondistributable.v1.tar")
  public static let ociForeignLayerGzip = MediaType(
    rawValue: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
  public static let ociForeignLayerZstd = MediaType(
    rawValue: "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd")
  public static let dockerManifestList = MediaType(
    rawValue: "application/vnd.docker.distribution.manifest.list.v2+json")
  public static let dockerManifest = MediaType(rawValue: "application/vnd.docker.distribution.manifest.v2+json")
  public static let dockerConfig = MediaType(rawValue: "application/vnd.docker.container.image.v1+json")
  public static let dockerLayer = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar")
  public static let dockerLayerGzip = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar.gzip")
  public static let dockerLayerZstd = MediaType(rawValue: "application/vnd.docker.image.rootfs.diff.tar.zstd")
  public static let dockerForeignLayerGzip = MediaType(
    rawValue: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")

  public var description: String { rawValue }

  public var isIndex: Bool { self == .ociIndex || self == .dockerManifestList }
  public var isManifest: Bool { self == .ociManifest || self == .dockerManifest }
  public var isConfig: Bool { self == .ociConfig || self == .dockerConfig }
  public var isLayer: Bool { layerCompression != nil }

  /// The packing of a layer type, nil for every type that is not a layer.
  public var layerCompression: LayerCompression? {
    switch self {
    case .ociLayer, .ociForeignLayer, .dockerLayer: LayerCompression.none
    case .ociLayerGzip, .ociForeignLayerGzip, .dockerLayerGzip, .dockerForeignLayerGzip: .gzip
    case .ociLayerZstd, .ociForeignLayerZstd, .dockerLayerZstd: .zstd
    default: nil
    }
  }

  /// The OCI layer type for a packing.
  public static func layer(_ compression: LayerCompression) -> MediaType {
    switch compression {
    case .none: .ociLayer
    case .gzip: .ociLayerGzip
    case .zstd: .ociLayerZstd
    }
  }

  public init(from decoder: any Decoder) throws {
    rawValue = try decoder.singleValueContainer().decode(String.self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(rawValue)
  }
}
