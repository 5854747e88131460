import HTTPServing
import KubeMachinery
import KubeResources
import Testing

@testable import KubeControllers

/// Objects and observations for tests.
enum Sample {
  static let start = Timestamp(seconds: 1_800_000_000)

  static func json(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

  /// An object of the namespace `n`; its uid is `uid-NAME` unless the text says otherwise.
  static func object(_ called: String, _ name: String, _ text: String = "{}", revision: Int64 = 1) throws
    -> ClusterObject
  {
    let kind = try #require(KindCatalog.all.kind(called: called), "no kind is called \(called)")
    var document = try json(text)
    var meta = document.meta
    meta.name = name
    meta.namespace = kind.isNamespaced ? (meta.namespace.isEmpty ? "n" : meta.namespace) : ""
    if meta.uid.isEmpty { meta.uid = "uid-\(name)" }
    if meta.creationTimestamp.isEmpty { meta.creationTimestamp = start.text }
    document.meta = meta
    document["kind"] = .string(kind.name.kind)
    document["apiVersion"] = .string(kind.name.apiVersion)
    return ClusterObject(
      document, kind: kind.name, key: ObjectKey(kind.resource, namespace: meta.namespace, name: name),
      revision: revision)
  }

  static func index(_ objects: [ClusterObject]) -> ObjectIndex {
    var index = ObjectIndex(
      whole: ClusterControllers.all(catalog: .all, rootCertificate: nil).reduce(into: []) { $0.formUnion($1.follows) })
    for object in objects { index.put(object) }
    return index
  }

  static func plan(
    _ controller: any Controller, _ object: ClusterObject, _ others: [ClusterObject] = [],
    answers: [Question: [ClusterObject]] = [:], refusal: Refusal? = nil, at now: Timestamp = start
  ) -> Plan {
    controller.plan(
      for: object.key,
      Observation(index([object] + others), answers: answers, refusal: refusal, now: now))
  }

  static func owned(by owner: String, kind: String = "ReplicaSet", blocks: Bool = true) -> String {
    let group = ["ReplicationController": "v1", "Job": "batch/v1"][kind] ?? "apps/v1"
    return
      #""ownerReferences":[{"apiVersion":"\#(group)","kind":"\#(kind)","name":"\#(owner)","uid":"uid-\#(owner)","controller":true,"blockOwnerDeletion":\#(blocks)}]"#
  }

  /// What a pod looks like from outside.
  struct Pod {
    var labels = #"{"app":"a"}"#
    var owner: String? = "rs"
    var ownerKind = "ReplicaSet"
    var phase = "Running"
    var node = "node"
    var isReady = true
    var readySeconds: Int64 = 0
    var ageSeconds: Int64 = 100
    var restarts = 0
    var cost: Int?
    var isTerminating = false
    var ip = ""
    var more = ""
    var spec = ""
    var annotations = ""
  }

  static func pod(_ name: String, _ change: (inout Pod) -> Void = { _ in }) throws -> ClusterObject {
    var pod = Pod()
    change(&pod)
    var metadata = [#""labels":\#(pod.labels)"#]
    if let owner = pod.owner { metadata.append(owned(by: owner, kind: pod.ownerKind)) }
    if pod.isTerminating { metadata.append(#""deletionTimestamp":"\#(start.text)""#) }
    var annotations = pod.annotations.isEmpty ? [] : [pod.annotations]
    if let cost = pod.cost { annotations.append(#""controller.kubernetes.io/pod-deletion-cost":"\#(cost)""#) }
    if !annotations.isEmpty { metadata.append(#""annotations":{\#(annotations.joined(separator: ","))}"#) }
    metadata.append(#""creationTimestamp":"\#(start.adding(seconds: -pod.ageSeconds).text)""#)
    if !pod.more.isEmpty { metadata.append(pod.more) }
    var status = [#""phase":"\#(pod.phase)""#]
    status.append(
      #""conditions":[{"type":"Ready","status":"\#(pod.isReady ? "True" : "False")","lastTransitionTime":"\#(start.adding(seconds: -pod.readySeconds).text)"}]"#
    )
    if !pod.ip.isEmpty { status.append(#""podIP":"\#(pod.ip)","podIPs":[{"ip":"\#(pod.ip)"}]"#) }
    status.append(#""containerStatuses":[{"name":"c","restartCount":\#(pod.restarts)}]"#)
    let spec = [
      pod.node.isEmpty ? "" : #""nodeName":"\#(pod.node)""#, pod.spec, #""schedulerName":"default-scheduler""#,
    ]
    .filter { !$0.isEmpty }.joined(separator: ",")
    return try object(
      "pod", name,
      #"{"metadata":{\#(metadata.joined(separator: ","))},"spec":{\#(spec)},"status":{\#(status.joined(separator: ","))}}"#
    )
  }
}

extension Change {
  /// In a line, for tables of tests.
  var line: String {
    switch action {
    case .create(let resource, let object):
      let name = object.meta.name.isEmpty ? "\(object.meta.generateName)*" : object.meta.name
      return "create \(resource.resource)/\(name)"
    case .patch(let target, let patch):
      return "patch \(target.key.resource.resource)/\(target.key.name) \(patch.encodedText)"
    case .patchStatus(let target, let patch):
      return "status \(target.key.resource.resource)/\(target.key.name) \((patch["status"] ?? [:]).encodedText)"
    case .replaceStatus(let target, _): return "status \(target.key.resource.resource)/\(target.key.name)"
    case .delete(let target, let propagation, _):
      return "delete \(target.key.resource.resource)/\(target.key.name)"
        + (propagation == .background || propagation == nil ? "" : " \(propagation?.rawValue ?? "")")
    case .bind(let target, let node): return "bind \(target.key.name) \(node)"
    case .finalize(let target, let rest): return "finalize \(target.key.name) [\(rest.joined(separator: ","))]"
    }
  }
}

extension Plan {
  var lines: [String] { changes.map(\.line) }
  /// Changes of other objects than the status.
  var deeds: [String] { lines.filter { !$0.hasPrefix("status ") } }

  /// The status that is to be written.
  var status: JSONValue? {
    changes.lazy.compactMap { change -> JSONValue? in
      if case .replaceStatus(_, let status) = change.action { status } else { nil }
    }.first
  }
}
