import HTTPServing

/// What a server says about the kinds that it serves. Source: Kubernetes `meta/v1` APIGroupList, APIResourceList;
/// `apidiscovery/v2` APIGroupDiscoveryList.
public struct DiscoveryDocuments: Sendable {
  private let catalog: KindCatalog

  public init(_ catalog: KindCatalog) {
    self.catalog = catalog
  }

  /// `/api`. `address`: host and port that clients reach the server at.
  public func coreVersions(address: String) -> JSONValue {
    [
      "kind": "APIVersions",
      "versions": .array(catalog.versions(of: "").map { .string($0) }),
      "serverAddressByClientCIDRs": [["clientCIDR": "0.0.0.0/0", "serverAddress": .string(address)]],
    ]
  }

  /// `/apis`.
  public var groups: JSONValue {
    [
      "kind": "APIGroupList", "apiVersion": "v1",
      "groups": .array(namedGroups.compactMap { group($0, isItem: true) }),
    ]
  }

  private var namedGroups: [String] { catalog.groups.filter { !$0.isEmpty } }

  /// `/apis/GROUP`; nil where there is no such group.
  public func group(_ name: String) -> JSONValue? { group(name, isItem: false) }

  private func group(_ name: String, isItem: Bool) -> JSONValue? {
    guard let preferred = catalog.preferredVersion(of: name), !name.isEmpty else { return nil }
    func version(_ text: String) -> JSONValue {
      ["groupVersion": .string("\(name)/\(text)"), "version": .string(text)]
    }
    let head: [(name: String, value: JSONValue)] = isItem ? [] : [("kind", "APIGroup"), ("apiVersion", "v1")]
    return .object(
      head + [
        ("name", .string(name)),
        ("versions", .array(catalog.versions(of: name).map(version))),
        ("preferredVersion", version(preferred)),
      ])
  }

  /// `/api/v1`, `/apis/GROUP/VERSION`; nil where there is no such version.
  public func resources(group: String, version: String) -> JSONValue? {
    let kinds = catalog.kinds(group: group, version: version)
    guard !kinds.isEmpty else { return nil }
    let groupVersion = KindName(group: group, version: version, kind: "").apiVersion
    return [
      "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": .string(groupVersion),
      "resources": .array(
        kinds.flatMap { kind in [resource(kind)] + kind.subresources.map { resource($0, of: kind) } }),
    ]
  }

  private func resource(_ kind: Kind) -> JSONValue {
    var members: [(name: String, value: JSONValue)] = [
      ("name", .string(kind.plural)), ("singularName", .string(kind.singular)),
      ("namespaced", .bool(kind.isNamespaced)), ("kind", .string(kind.name.kind)), ("verbs", texts(kind.verbs)),
    ]
    if !kind.shortNames.isEmpty { members.append(("shortNames", texts(kind.shortNames))) }
    if !kind.categories.isEmpty { members.append(("categories", texts(kind.categories))) }
    return .object(members)
  }

  private func resource(_ subresource: Subresource, of kind: Kind) -> JSONValue {
    var members: [(name: String, value: JSONValue)] = [
      ("name", .string("\(kind.plural)/\(subresource.name)")), ("singularName", ""),
      ("namespaced", .bool(kind.isNamespaced)),
    ]
    if let name = subresource.kind {
      if name.group != kind.name.group { members.append(("group", .string(name.group))) }
      if name.group != kind.name.group || name.version != kind.name.version {
        members.append(("version", .string(name.version)))
      }
    }
    members.append(("kind", .string(subresource.kind?.kind ?? kind.name.kind)))
    members.append(("verbs", texts(subresource.verbs)))
    return .object(members)
  }

  private func texts(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }

  /// `/api` (core group) or `/apis` (all others) in one document, for clients that accept `as=APIGroupDiscoveryList`.
  /// `version`: `v2` or `v2beta1` of `apidiscovery.k8s.io`.
  public func aggregated(core: Bool, version: String) -> JSONValue {
    let names = core ? [""] : namedGroups
    return [
      "kind": "APIGroupDiscoveryList", "apiVersion": .string("apidiscovery.k8s.io/\(version)"), "metadata": [:],
      "items": .array(names.map(aggregatedGroup)),
    ]
  }

  private func aggregatedGroup(_ name: String) -> JSONValue {
    [
      "metadata": name.isEmpty ? ["creationTimestamp": .null] : ["name": .string(name), "creationTimestamp": .null],
      "versions": .array(
        catalog.versions(of: name).map { version in
          [
            "version": .string(version),
            "resources": .array(catalog.kinds(group: name, version: version).map(aggregatedResource)),
            "freshness": "Current",
          ]
        }),
    ]
  }

  private func aggregatedResource(_ kind: Kind) -> JSONValue {
    var members: [(name: String, value: JSONValue)] = [
      ("resource", .string(kind.plural)), ("responseKind", responseKind(kind.name)),
      ("scope", kind.isNamespaced ? "Namespaced" : "Cluster"), ("singularResource", .string(kind.singular)),
      ("verbs", texts(kind.verbs)),
    ]
    if !kind.shortNames.isEmpty { members.append(("shortNames", texts(kind.shortNames))) }
    if !kind.categories.isEmpty { members.append(("categories", texts(kind.categories))) }
    if !kind.subresources.isEmpty {
      members.append(
        (
          "subresources",
          .array(
            kind.subresources.map { subresource in
              [
                "subresource": .string(subresource.name), "responseKind": responseKind(subresource.kind ?? kind.name),
                "verbs": texts(subresource.verbs),
              ]
            })
        ))
    }
    return .object(members)
  }

  private func responseKind(_ name: KindName) -> JSONValue {
    ["group": .string(name.group), "version": .string(name.version), "kind": .string(name.kind)]
  }
}
