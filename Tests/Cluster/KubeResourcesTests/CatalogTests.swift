import HTTPServing
import KubeMachinery
import KubeResources
import Testing

struct CatalogTests {
  @Test func allKindsOfTheFirstHalfAreThere() {
    let names = KindCatalog.all.kinds.map { "\($0.name.apiVersion)/\($0.name.kind)" }.sorted()
    #expect(
      names == [
        "apps/v1/ControllerRevision", "apps/v1/DaemonSet", "apps/v1/Deployment", "apps/v1/ReplicaSet", "batch/v1/Job",
        "coordination.k8s.io/v1/Lease", "discovery.k8s.io/v1/EndpointSlice", "events.k8s.io/v1/Event",
        "node.k8s.io/v1/RuntimeClass", "rbac.authorization.k8s.io/v1/ClusterRole",
        "rbac.authorization.k8s.io/v1/ClusterRoleBinding", "rbac.authorization.k8s.io/v1/Role",
        "rbac.authorization.k8s.io/v1/RoleBinding", "scheduling.k8s.io/v1/PriorityClass", "v1/Binding", "v1/ConfigMap",
        "v1/Endpoints", "v1/Event", "v1/Namespace", "v1/Node", "v1/Pod", "v1/PodTemplate", "v1/ReplicationController",
        "v1/Secret", "v1/Service", "v1/ServiceAccount",
      ])
  }

  @Test func everyReferenceOfTheDescriptionsLeadsSomewhere() throws {
    let documents = OpenAPIDocuments(KindCatalog.all, others: KindCatalog.subresourceSchemas, version: "v1.33.0")
    let second = documents.second()
    let definitions = Set((second["definitions"]?.members ?? []).map(\.name))
    #expect(definitions.count > 230)
    for reference in Self.references(second) {
      #expect(definitions.contains(String(reference.dropFirst("#/definitions/".count))), "\(reference)")
    }
    for path in documents.thirdPaths {
      let third = try #require(documents.third(path: path))
      let schemas = Set((third.at("components", "schemas")?.members ?? []).map(\.name))
      for reference in Self.references(third) {
        #expect(schemas.contains(String(reference.dropFirst("#/components/schemas/".count))), "\(reference) of \(path)")
      }
    }
  }

  private static func references(_ value: JSONValue) -> Set<String> {
    switch value {
    case .object(let members):
      members.reduce(into: []) { found, member in
        if member.name == "$ref", let text = member.value.text { found.insert(text) }
        found.formUnion(references(member.value))
      }
    case .array(let items): items.reduce(into: []) { $0.formUnion(references($1)) }
    default: []
    }
  }

  /// What strategic merge and server-side apply go by.
  private static let listsAreMergedByTheirKeysCases: [(String, String, String, String, String)] = [
    ("PodSpec", "containers", "name", "merge", "map"), ("PodSpec", "volumes", "name", "merge,retainKeys", "map"),
    ("PodSpec", "tolerations", "", "", "atomic"), ("Container", "ports", "containerPort", "merge", "map"),
    ("Container", "env", "name", "merge", "map"), ("Container", "volumeMounts", "mountPath", "merge", "map"),
    ("ServiceSpec", "ports", "port", "merge", "map"), ("ServiceAccount", "secrets", "name", "merge", "map"),
    ("PodSpec", "topologySpreadConstraints", "topologyKey", "merge", "map"),
  ]

  @Test(arguments: CatalogTests.listsAreMergedByTheirKeysCases)
  func listsAreMergedByTheirKeys(_ type: String, _ field: String, _ key: String, _ strategy: String, _ list: String)
    throws
  {
    let documents = OpenAPIDocuments(KindCatalog.all, version: "v1.33.0")
    let property = try #require(
      documents.second().at("definitions", "io.k8s.api.core.v1.\(type)", "properties", field), "\(type).\(field)")
    #expect(property["x-kubernetes-patch-merge-key"]?.text ?? "" == key)
    #expect(property["x-kubernetes-patch-strategy"]?.text ?? "" == strategy)
    #expect(property["x-kubernetes-list-type"]?.text ?? "" == list)
  }

  @Test func everyFieldSaysWhatItIs() {
    func check(_ schema: ObjectSchema, _ seen: inout Set<String>) {
      guard seen.insert(schema.name).inserted else { return }
      #expect(schema.summary.hasSuffix(".") && !schema.summary.hasPrefix("?"), "\(schema.name)")
      for field in schema.fields {
        #expect(field.summary.hasSuffix(".") || field.summary.hasSuffix("…"), "\(schema.name).\(field.name)")
        if case .object(let inner) = field.schema { check(inner, &seen) }
        if case .list(.object(let inner), _) = field.schema { check(inner, &seen) }
      }
    }
    var seen: Set<String> = []
    for kind in KindCatalog.all.kinds { check(kind.schema, &seen) }
    #expect(seen.count > 200)
  }

  @Test func discoveryTellsWhatUsersType() {
    let short = [
      "po": "pods", "svc": "services", "deploy": "deployments", "rs": "replicasets", "rc": "replicationcontrollers",
      "ns": "namespaces", "cm": "configmaps", "sa": "serviceaccounts", "no": "nodes", "ep": "endpoints", "ev": "events",
      "ds": "daemonsets", "pc": "priorityclasses",
    ]
    for (name, plural) in short { #expect(KindCatalog.all.kind(called: name)?.plural == plural, "\(name)") }
  }

  @Test(
    "ATT-059: names that lead elsewhere are no names",
    arguments: ["..", "a/b", "../x", "a%2fb", "a/../b", "/etc/passwd", String(repeating: "a", count: 300) + "/"])
  func namesThatLeadElsewhereAreRefused(_ name: String) {
    for kind in KindCatalog.all.kinds {
      let object: JSONValue = ["metadata": ["name": .string(name), "namespace": "n"]]
      #expect(kind.createErrors(object).contains { $0.path == "metadata.name" }, "\(kind.plural)")
    }
  }

  /// What `kubectl get` shows of every kind without any content is defined too.
  @Test func tablesTakeEmptyObjects() throws {
    let now = try #require(Timestamp("2026-01-01T00:00:00Z"))
    for kind in KindCatalog.all.kinds {
      #expect(kind.table.cells([:], now).count == kind.table.columns.count, "\(kind.plural)")
    }
  }
}
