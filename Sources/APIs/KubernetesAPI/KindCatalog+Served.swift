import KubeMachinery

extension KindCatalog {
  /// What of these kinds this API does: the rest has no address and is not in discovery.
  public var served: KindCatalog {
    KindCatalog(
      kinds.filter { $0.verbs.contains("get") || $0.origin == .question }.map { kind in
        kind.keeping { ResourceCall.serves($0, of: kind) }
      })
  }
}

extension ResourceCall {
  static func serves(_ subresource: Subresource, of kind: Kind) -> Bool {
    switch subresource.purpose {
    case .status, .scale: true
    case .other: SubresourceCall.isOwn(kind, subresource.name)
    }
  }
}
