import Model
import OCITypes

/// One image as the engine and its APIs see it.
public struct ImageRecord: Sendable {
  /// Digest of the configuration, as docker shows it.
  public var id: Digest
  /// Names with tags in docker's short form, sorted.
  public var repoTags: [String]
  /// Names with the digest under which a registry has the image, in docker's short form, sorted.
  public var repoDigests: [String]
  /// RFC 3339 time of the image's making.
  public var created: String
  /// The same in nanoseconds since 1970; 0 when the image does not say.
  public var createdAt: Int64
  /// Bytes of the files of all layers.
  public var sizeBytes: Int64
  public var config: ImageConfig
  /// Chain ids of the layers, lowest first: what `SnapshotStore` knows them by.
  public var chainIDs: [Digest]
  /// The blobs of the layers, lowest first.
  public var layers: [ContentDescriptor]
  /// Digest of the manifest that names configuration and layers.
  public var manifest: Digest
  /// The image that this one was made from on this machine.
  public var parent: Digest?
  /// Nanoseconds since 1970 of the last time a name was given; 0 for never.
  public var lastTaggedAt: Int64

  public var architecture: String { config.architecture }
  public var os: String { config.os }
  public var labels: [String: String] { config.config?.labels ?? [:] }
  /// No name leads to it.
  public var isDangling: Bool { repoTags.isEmpty && repoDigests.isEmpty }
}

/// What a removal did, in the order in which it was done.
public enum ImageRemoval: Sendable, Hashable {
  /// A name is gone, in docker's short form.
  case untagged(String)
  /// An image or a layer is gone, by its digest.
  case deleted(String)
}

/// A container that was made from an image.
public struct ImageUse: Sendable {
  public var container: ContainerID
  public var isRunning: Bool

  public init(container: ContainerID, isRunning: Bool) {
    self.container = container
    self.isRunning = isRunning
  }
}

/// One line of an image's history, the newest first.
public struct ImageHistoryItem: Sendable {
  /// The image of this line, where it is known: the image itself for the first line.
  public var id: Digest?
  /// Nanoseconds since 1970.
  public var createdAt: Int64
  public var createdBy: String
  public var tags: [String]
  public var sizeBytes: Int64
  public var comment: String
}

/// Disk space of images.
public struct ImageDiskUsage: Sendable {
  public struct Item: Sendable {
    public var image: ImageRecord
    /// Bytes of layers that other images have too.
    public var sharedBytes: Int64
  }
  public var items: [Item]
  /// Bytes of all unpacked layers, each counted once.
  public var layersBytes: Int64
  /// Bytes of all blobs.
  public var contentBytes: Int64
}
