import HTTPServing
import KubeMachinery
import KubeResources

/// Deletes what has lost all its owners, and cares for owners that are deleted with their dependents first (foreground) or without
/// them (orphan). Source: Kubernetes *Garbage Collection*, *Owners and Dependents*.
public struct GarbageCollector: Controller {
  public let name = "garbage-collector-controller"
  public let follows: Set<ResourceName> = []

  private let catalog: KindCatalog

  public init(catalog: KindCatalog) {
    self.catalog = catalog
  }

  /// The object itself where it has owners or waits for this; what it owned where it goes; its owners where it goes, for they may
  /// wait for that.
  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] {
    var keys: [ObjectKey] = []
    guard let object = change.new else {
      keys += index.owned(by: change.last.uid).map(\.key)
      for owner in change.last.owners {
        if let key = key(of: owner, dependent: change.key), index.object(key)?.isTerminating == true {
          keys.append(key)
        }
      }
      return keys
    }
    if index.keeps(object) && (!object.owners.isEmpty || object.isTerminating) { keys.append(change.key) }
    // Another object of the same name has come: what the former owned has no owner any more.
    if let old = change.old, old.uid != object.uid { keys += index.owned(by: old.uid).map(\.key) }
    if object.waitsForDependents, change.old?.waitsForDependents != true {
      keys += index.owned(by: object.uid).map(\.key)
    }
    if let old = change.old {
      for owner in old.owners where !object.owners.contains(owner) {
        if let key = key(of: owner, dependent: change.key) { keys.append(key) }
      }
    }
    return keys
  }

  public func questions(for key: ObjectKey, in index: ObjectIndex, at now: Timestamp) -> [Question] {
    guard let object = index.object(key) else { return [] }
    return object.owners.compactMap { owner in
      self.key(of: owner, dependent: key).flatMap { index.whole.contains($0.resource) ? nil : .object($0) }
    }
  }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    guard let object = observed.index.object(key) else { return Plan() }
    let finalizers = object.meta.finalizers
    if object.isTerminating, finalizers.contains(Finalizer.orphan) {
      return orphan(object, observed.index.owned(by: object.uid))
    }
    if object.waitsForDependents {
      let holds = observed.index.owned(by: object.uid).contains { dependent in
        dependent.owners.contains { $0.uid == object.uid && $0.blocksOwnerDeletion }
      }
      if !holds { return Plan([Self.without(Finalizer.foreground, object)]) }
    }
    if object.isTerminating || object.owners.isEmpty { return Plan() }
    return judge(object, observed)
  }

  /// What an object owned loses it as an owner; then the object may go.
  private func orphan(_ object: ClusterObject, _ dependents: [ClusterObject]) -> Plan {
    guard dependents.isEmpty else {
      return Plan(
        dependents.map { dependent in Claims.owners(of: dependent, dependent.owners.filter { $0.uid != object.uid }) })
    }
    return Plan([Self.without(Finalizer.orphan, object)])
  }

  private static func without(_ finalizer: String, _ object: ClusterObject) -> Change {
    let rest = object.meta.finalizers.filter { $0 != finalizer }
    return .patch(object, ["metadata": ["finalizers": .array(rest.map { .string($0) })]])
  }

  // MARK: dependents

  private enum OwnerState { case there, absent, waiting }

  private func judge(_ object: ClusterObject, _ observed: Observation) -> Plan {
    var states: [OwnerState] = []
    for owner in object.owners {
      // Whose kind or place nobody knows is taken to be there: better keep too much.
      guard let key = key(of: owner, dependent: object.key) else { return Plan() }
      let found =
        observed.index.whole.contains(key.resource)
        ? observed.index.object(key) : observed.answers[.object(key)]?.first
      guard let found, found.uid == owner.uid else {
        states.append(.absent)
        continue
      }
      states.append(found.waitsForDependents ? .waiting : .there)
    }
    if states.contains(.there) {
      let kept = zip(object.owners, states).filter { $0.1 == .there }.map(\.0)
      return kept.count == object.owners.count ? Plan() : Plan([Claims.owners(of: object, kept)])
    }
    let dependents = observed.index.owned(by: object.uid)
    if states.contains(.waiting), !dependents.isEmpty {
      // The dependents go first here, too. Two that wait for each other would wait forever.
      if dependents.contains(where: \.waitsForDependents) {
        let free = object.owners.map { owner in
          OwnerReference(
            apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name, uid: owner.uid,
            isController: owner.isController, blocksOwnerDeletion: false)
        }
        if free != object.owners { return Plan([Claims.owners(of: object, free)]) }
      }
      return Plan([.delete(object, .foreground, isBound: true)])
    }
    let finalizers = object.meta.finalizers
    let policy: DeleteOptions.Propagation =
      finalizers.contains(Finalizer.orphan)
      ? .orphan : finalizers.contains(Finalizer.foreground) ? .foreground : .background
    return Plan([.delete(object, policy, isBound: true)])
  }

  /// Where an owner is; nil for one that no dependent at this place can have.
  private func key(of owner: OwnerReference, dependent: ObjectKey) -> ObjectKey? {
    let parts = owner.apiVersion.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let (group, version) = parts.count == 2 ? (parts[0], parts[1]) : ("", owner.apiVersion)
    guard let kind = catalog[KindName(group: group, version: version, kind: owner.kind)] else { return nil }
    if kind.isNamespaced, dependent.namespace.isEmpty { return nil }
    return ObjectKey(kind.resource, namespace: kind.isNamespaced ? dependent.namespace : "", name: owner.name)
  }
}

extension ClusterObject {
  /// Is deleted once those who depend on it are.
  var waitsForDependents: Bool { isTerminating && meta.finalizers.contains(Finalizer.foreground) }
}
