import KubeMachinery

/// Which objects an address names. Source: Kubernetes *API concepts*, *Resource URIs*.
///
/// `/api/v1/namespaces/NS/pods/NAME/SUB`, `/apis/GROUP/VERSION/RESOURCE`, and everything between.
struct ResourceAddress: Equatable {
  let group: String
  let version: String
  /// Nil: of all namespaces, or of what has none.
  let namespace: String?
  /// In the plural.
  let resource: String
  let name: String?
  let subresource: String?

  /// Nil where the path is none of a resource.
  init?(_ path: [String]) {
    var rest = path[...]
    switch rest.popFirst() {
    case "api": group = ""
    case "apis":
      guard let group = rest.popFirst(), !group.isEmpty else { return nil }
      self.group = group
    default: return nil
    }
    guard let version = rest.popFirst(), rest.allSatisfy({ !$0.isEmpty }), !version.isEmpty else { return nil }
    self.version = version
    // `namespaces/NAME` and its own subresources are of the namespace itself.
    if rest.first == "namespaces", rest.count >= 3, !Self.ofNamespaces.contains(rest[rest.startIndex + 2]) {
      namespace = rest[rest.startIndex + 1]
      rest = rest.dropFirst(2)
    } else {
      namespace = nil
    }
    guard let resource = rest.popFirst() else { return nil }
    self.resource = resource
    name = rest.popFirst()
    subresource = rest.popFirst()
    guard rest.isEmpty else { return nil }
  }

  private static let ofNamespaces: Set<String> = ["status", "finalize"]
}
