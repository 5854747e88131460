import LinuxSystem
import Model

/// What one container's root file system is made of.
public struct RootfsPlan: Sendable {
  /// Chain ids of the image's layers, lowest first.
  public var layers: [Digest]
  /// The container whose writable layer lies on top.
  public var container: ContainerID
  /// The host ids that the container's ids stand for.
  public var ids: IDRange
  /// A user namespace that maps 0…65535 to `ids`; nil where `ids` is the host's.
  public var userNamespace: Descriptor?

  public init(layers: [Digest], container: ContainerID, ids: IDRange, userNamespace: Descriptor?) {
    self.layers = layers
    self.container = container
    self.ids = ids
    self.userNamespace = userNamespace
  }
}
