import HTTPServing
import KubeMachinery

/// The objects that controllers follow, as far as they were told: by place, by owner. A pure state.
///
/// Of some resources it holds every object whole; of all others only the metadata of those that have owners, or that wait for
/// the garbage collector.
public struct ObjectIndex: Sendable {
  private struct Shelf {
    var namespaces: [String: [String: ClusterObject]] = [:]
    /// Up to which changes are told; nil before the first list.
    var revision: Int64?
  }

  private var shelves: [ResourceName: Shelf] = [:]
  private var byOwner: [String: Set<ObjectKey>] = [:]
  public let whole: Set<ResourceName>

  public init(whole: Set<ResourceName>) {
    self.whole = whole
  }

  /// Up to which changes of a resource are told; nil before its first list.
  public func revision(of resource: ResourceName) -> Int64? { shelves[resource]?.revision }

  public func object(_ key: ObjectKey) -> ClusterObject? {
    shelves[key.resource]?.namespaces[key.namespace]?[key.name]
  }

  /// By name.
  public func objects(_ resource: ResourceName, in namespace: String) -> [ClusterObject] {
    (shelves[resource]?.namespaces[namespace] ?? [:]).values.sorted { $0.name < $1.name }
  }

  /// In no order.
  public func all(_ resource: ResourceName) -> [ClusterObject] {
    (shelves[resource]?.namespaces ?? [:]).values.flatMap(\.values)
  }

  public func keys(_ resource: ResourceName) -> [ObjectKey] { all(resource).map(\.key) }

  /// What names this uid as an owner.
  public func owned(by uid: String) -> [ClusterObject] { (byOwner[uid] ?? []).compactMap(object) }

  public func owned(by uid: String, _ resource: ResourceName) -> [ClusterObject] {
    (byOwner[uid] ?? []).filter { $0.resource == resource }.compactMap(object).sorted { $0.name < $1.name }
  }

  /// Whether it is held here, by what it says.
  func keeps(_ object: ClusterObject) -> Bool {
    whole.contains(object.key.resource) || !object.owners.isEmpty
      || object.isTerminating
        && !Set(object.meta.finalizers).isDisjoint(with: [Finalizer.orphan, Finalizer.foreground])
  }

  mutating func put(_ object: ClusterObject) {
    remove(object.key)
    guard keeps(object) else { return }
    shelves[object.key.resource, default: Shelf()].namespaces[object.namespace, default: [:]][object.name] = object
    for owner in object.owners { byOwner[owner.uid, default: []].insert(object.key) }
  }

  mutating func remove(_ key: ObjectKey) {
    guard let old = object(key) else { return }
    shelves[key.resource]?.namespaces[key.namespace]?[key.name] = nil
    if shelves[key.resource]?.namespaces[key.namespace]?.isEmpty == true {
      shelves[key.resource]?.namespaces[key.namespace] = nil
    }
    for owner in old.owners {
      byOwner[owner.uid]?.remove(key)
      if byOwner[owner.uid]?.isEmpty == true { byOwner[owner.uid] = nil }
    }
  }

  mutating func advance(_ resource: ResourceName, to revision: Int64) {
    shelves[resource, default: Shelf()].revision = max(revision, shelves[resource]?.revision ?? 0)
  }
}
