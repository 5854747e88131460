import HTTPServing

/// What one who follows a resource is told, in order.
public enum ClusterNews: Sendable {
  /// All objects that there are: at the start, and whenever changes were lost.
  case all(ResourceName, [JSONValue])
  /// An object is new, or is another than it was.
  case present(ResourceName, JSONValue)
  /// An object is gone; this was its last state.
  case gone(ResourceName, JSONValue)

  public var resource: ResourceName {
    switch self {
    case .all(let resource, _), .present(let resource, _), .gone(let resource, _): resource
    }
  }
}
