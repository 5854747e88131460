import Model

/// An image's configuration blob. Its digest is the image's id.
///
/// Source: OCI image specification, config.md, and the fields that Docker adds. Unknown members are ignored: the bytes
/// themselves stay in the content store, this type is a view of them.
public struct ImageConfig: Sendable, Hashable, Codable {
  /// RFC 3339 time.
  public var created: String?
  public var author: String?
  public var architecture: String
  public var variant: String?
  public var os: String
  public var osVersion: String?
  public var osFeatures: [String]?
  public var config: ImageExecution?
  public var rootfs: RootFS
  public var history: [HistoryEntry]?
  // Docker's own additions.
  public var comment: String?
  public var container: String?
  public var dockerVersion: String?

  public init(platform: Platform, rootfs: RootFS) {
    architecture = platform.architecture
    os = platform.os
    variant = platform.variant
    self.rootfs = rootfs
  }

  enum CodingKeys: String, CodingKey {
    case created, author, architecture, variant, os, config, rootfs, history, comment, container
    case osVersion = "os.version"
    case osFeatures = "os.features"
    case dockerVersion = "docker_version"
  }

  public var platform: Platform {
    var platform = Platform(architecture: architecture, os: os, variant: variant)
    platform.osVersion = osVersion
    platform.osFeatures = osFeatures
    return platform
  }
}

/// The uncompressed layers of an image, lowest first.
public struct RootFS: Sendable, Hashable, Codable {
  public var type: String
  public var diffIDs: [Digest]

  public init(diffIDs: [Digest]) {
    type = "layers"
    self.diffIDs = diffIDs
  }

  enum CodingKeys: String, CodingKey {
    case type
    case diffIDs = "diff_ids"
  }
}

/// One line of an image's history.
public struct HistoryEntry: Sendable, Hashable, Codable {
  public var created: String?
  public var createdBy: String?
  public var author: String?
  public var comment: String?
  /// True where the step made no layer.
  public var emptyLayer: Bool?

  public init(
    created: String? = nil, createdBy: String? = nil, author: String? = nil, comment: String? = nil,
    emptyLayer: Bool? = nil
  ) {
    self.created = created
    self.createdBy = createdBy
    self.author = author
    self.comment = comment
    self.emptyLayer = emptyLayer
  }

  enum CodingKeys: String, CodingKey {
    case created, author, comment
    case createdBy = "created_by"
    case emptyLayer = "empty_layer"
  }
}
