import KubeMachinery

extension KindCatalog {
  /// What of these kinds this API does: the rest has no address and is not in discovery.
  public var served: KindCatalog {
    KindCatalog(kinds.filter { $0.verbs.contains("get") }.map { $0.keeping(ResourceCall.serves) })
  }
}

extension ResourceCall {
  static func serves(_ subresource: Subresource) -> Bool {
    switch subresource.purpose {
    case .status: true
    case .scale, .other: false
    }
  }
}
