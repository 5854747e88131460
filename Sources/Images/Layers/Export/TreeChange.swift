/// One difference between a container's file system and its image.
public struct TreeChange: Sendable, Hashable {
  public enum Kind: Sendable { case modified, added, deleted }

  /// Absolute, as the container sees it.
  public var path: String
  public var kind: Kind

  public init(path: String, kind: Kind) {
    self.path = path
    self.kind = kind
  }
}
