/// A layer that is being unpacked and that nobody else sees. It ends by `SnapshotStore.publish` or `discard`; what a
/// crash leaves is removed at the next start.
public struct LayerStaging: Sendable, Hashable {
  /// The directory that takes the layer's files; it exists and is empty, mode 0755, owned by root.
  public var path: String { directory + "/fs" }
  let directory: String
}
