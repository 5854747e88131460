import HTTPServing
import KubeMachinery
import KubeResources

/// An object as controllers see it: what was observed at a revision. Managed fields are left out, for nobody here asks for them
/// and they are the greater part of many documents.
public final class ClusterObject: Sendable {
  public let key: ObjectKey
  public let kind: KindName
  public let revision: Int64
  public let document: JSONValue
  public let uid: String
  /// Somebody asked for its deletion.
  public let isTerminating: Bool
  public let owners: [OwnerReference]

  /// - Parameter keepsWhole: false keeps the metadata alone.
  public init(_ document: JSONValue, kind: KindName, key: ObjectKey, revision: Int64, keepsWhole: Bool = true) {
    var document = document
    var meta = document.meta
    meta.managedFields = []
    document.meta = meta
    if !keepsWhole {
      document.members.removeAll { !["apiVersion", "kind", "metadata"].contains($0.name) }
    }
    self.document = document
    self.key = key
    self.kind = kind
    self.revision = revision
    uid = meta.uid
    isTerminating = meta.deletionTimestamp != nil
    owners = meta.ownerReferences
  }

  public convenience init(_ stored: StoredObject, kind: Kind, keepsWhole: Bool = true) throws {
    self.init(
      try stored.value(), kind: kind.name, key: stored.key, revision: stored.revision, keepsWhole: keepsWhole)
  }

  public var name: String { key.name }
  public var namespace: String { key.namespace }
  public var meta: ObjectMeta { document.meta }
  public var labels: JSONValue? { document["metadata"]?["labels"] }
  public var spec: JSONValue { document["spec"] ?? [:] }
  public var status: JSONValue { document["status"] ?? [:] }
  public var generation: Int64 { meta.generation }
  public var createdAt: Timestamp { Timestamp(meta.creationTimestamp) ?? Timestamp(seconds: 0) }

  /// The one owner that cares for it.
  public var controller: OwnerReference? { owners.first(where: \.isController) }

  public func annotation(_ name: String) -> String? { document["metadata"]?["annotations"]?[name]?.text }

  /// This object as the owner of another.
  public func owning(isController: Bool = true) -> OwnerReference {
    OwnerReference(
      apiVersion: kind.apiVersion, kind: kind.kind, name: name, uid: uid, isController: isController,
      blocksOwnerDeletion: isController)
  }

  /// As events and endpoints name it.
  public var reference: JSONValue {
    var reference: JSONValue = ["kind": .string(kind.kind)]
    if !namespace.isEmpty { reference["namespace"] = .string(namespace) }
    reference["name"] = .string(name)
    reference["uid"] = .string(uid)
    reference["apiVersion"] = .string(kind.apiVersion)
    reference["resourceVersion"] = .string(String(revision))
    return reference
  }
}

/// What became of one object between two looks.
public struct ObservedChange: Sendable {
  public let key: ObjectKey
  /// As it was known; nil where it was not.
  public let old: ClusterObject?
  /// Nil where it is gone. `last` is then its last state.
  public let new: ClusterObject?
  public let last: ClusterObject

  init(key: ObjectKey, old: ClusterObject?, new: ClusterObject?, last: ClusterObject) {
    self.key = key
    self.old = old
    self.new = new
    self.last = last
  }
}

/// Names of the resources that controllers know.
extension ResourceName {
  static let pods = ResourceName(group: "", resource: "pods")
  static let nodes = ResourceName(group: "", resource: "nodes")
  static let namespaces = ResourceName(group: "", resource: "namespaces")
  static let services = ResourceName(group: "", resource: "services")
  static let endpoints = ResourceName(group: "", resource: "endpoints")
  static let serviceAccounts = ResourceName(group: "", resource: "serviceaccounts")
  static let configMaps = ResourceName(group: "", resource: "configmaps")
  static let events = ResourceName(group: "", resource: "events")
  static let newEvents = ResourceName(group: "events.k8s.io", resource: "events")
  static let replicationControllers = ResourceName(group: "", resource: "replicationcontrollers")
  static let replicaSets = ResourceName(group: "apps", resource: "replicasets")
  static let deployments = ResourceName(group: "apps", resource: "deployments")
  static let daemonSets = ResourceName(group: "apps", resource: "daemonsets")
  static let controllerRevisions = ResourceName(group: "apps", resource: "controllerrevisions")
  static let jobs = ResourceName(group: "batch", resource: "jobs")
  static let endpointSlices = ResourceName(group: "discovery.k8s.io", resource: "endpointslices")
  static let leases = ResourceName(group: "coordination.k8s.io", resource: "leases")
}
