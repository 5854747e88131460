/// All kinds that a server serves.
public struct KindCatalog: Sendable {
  /// In the order given, which is the order of groups in discovery.
  public let kinds: [Kind]
  private let byName: [KindName: Int]
  private let byAddress: [Address: Int]

  private struct Address: Hashable {
    let group: String
    let version: String
    let plural: String
  }

  /// A kind, or a plural of a group and version, must not occur twice: the later one would never be found.
  public init(_ kinds: [Kind]) {
    self.kinds = kinds
    byName = Dictionary(uniqueKeysWithValues: kinds.enumerated().map { ($1.name, $0) })
    byAddress = Dictionary(
      uniqueKeysWithValues: kinds.enumerated().map {
        (Address(group: $1.name.group, version: $1.name.version, plural: $1.plural), $0)
      })
  }

  public subscript(_ name: KindName) -> Kind? { byName[name].map { kinds[$0] } }

  /// The kind at an address: `apps`, `v1`, `deployments`.
  public func kind(group: String, version: String, plural: String) -> Kind? {
    byAddress[Address(group: group, version: version, plural: plural)].map { kinds[$0] }
  }

  /// The kind of a resource in its group's preferred version.
  public func kind(_ resource: ResourceName) -> Kind? {
    preferredVersion(of: resource.group).flatMap {
      kind(group: resource.group, version: $0, plural: resource.resource)
    } ?? kinds.first { $0.resource == resource }
  }

  /// The core group first, each once.
  public var groups: [String] {
    var seen: Set<String> = [""]
    return [""] + kinds.map(\.name.group).filter { seen.insert($0).inserted }
  }

  /// The versions of a group, the preferred one first.
  public func versions(of group: String) -> [String] {
    var seen: Set<String> = []
    return kinds.filter { $0.name.group == group }.map(\.name.version).filter { seen.insert($0).inserted }
  }

  /// Nil where there is no such group.
  public func preferredVersion(of group: String) -> String? { versions(of: group).first }

  /// The kinds of a group and version, sorted by plural.
  public func kinds(group: String, version: String) -> [Kind] {
    kinds.filter { $0.name.group == group && $0.name.version == version }.sorted { $0.plural < $1.plural }
  }

  /// What a user may call a kind: plural, singular or short name, in any case.
  public func kind(called text: String) -> Kind? {
    let text = text.lowercased()
    return kinds.first { $0.plural == text || $0.singular == text || $0.shortNames.contains(text) }
  }
}
