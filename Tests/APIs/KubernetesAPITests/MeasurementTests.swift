import HTTPServing
import KubeMachinery
import KubeResources
import PodStreams
import Synchronization
import Testing

@testable import KubernetesAPI

@Suite(.serialized) struct MeasurementTests {
  /// Agents that have measured what the test says.
  private final class Agents: NodeConnections {
    struct State {
      var measures: [String: [JSONValue]] = [:]
      var isSilent = false
      var calls = 0
    }

    let state = Mutex(State())

    func logs(of pod: PodIdentity, query: QueryParameters) async throws -> HTTPResponse {
      throw StatusError.notImplemented("logs")
    }

    func open(_ action: String, of pod: PodIdentity, query: QueryParameters) async throws -> UpgradedConnection {
      throw StatusError.notImplemented(action)
    }

    func measures(of what: String) async throws -> [JSONValue] {
      try state.withLock { state in
        state.calls += 1
        if state.isSilent { throw StatusError(503, "ServiceUnavailable", "the agent of the node does not answer") }
        return state.measures[what] ?? []
      }
    }
  }

  private static func pod(_ name: String, in namespace: String, app: String) -> JSONValue {
    [
      "apiVersion": "v1", "kind": "Pod",
      "metadata": ["name": .string(name), "namespace": .string(namespace), "labels": ["app": .string(app)]],
      "spec": ["containers": [["name": "c", "image": "i"], ["name": "d", "image": "i"]]],
    ]
  }

  private static func node(_ name: String) -> JSONValue {
    [
      "apiVersion": "v1", "kind": "Node", "metadata": ["name": .string(name), "labels": ["zone": .string(name)]],
      "status": ["allocatable": ["cpu": "4", "memory": "8Gi"], "capacity": ["cpu": "4", "memory": "8Gi"]],
    ]
  }

  private static let objects =
    [node("n1"), node("n2"), pod("a", in: "default", app: "web"), pod("b", in: "default", app: "db")]
    + [pod("unmeasured", in: "default", app: "web"), pod("a", in: "kube-system", app: "dns")]

  private static func measure(_ pod: JSONValue, cpu: String) -> JSONValue {
    let meta = pod.meta
    return [
      "metadata": ["name": .string(meta.name), "namespace": .string(meta.namespace), "uid": .string(meta.uid)],
      "timestamp": "2026-01-31T12:00:00Z", "window": "15.002s",
      "containers": [
        ["name": "c", "usage": ["cpu": .string(cpu), "memory": "20Mi"]],
        ["name": "d", "usage": ["cpu": "1m", "memory": "4Mi"]],
      ],
    ]
  }

  /// A server whose agent has measured all but the pod `unmeasured` and the node n2, and remembers a pod that is gone.
  private static func with(
    kubectl: String = "kubectl", _ test: (APIFixture, Agents) async throws -> Void
  ) async throws {
    let agents = Agents()
    try await APIFixture.with(
      kubectl: kubectl, catalog: KindCatalog.complete.served, objects: DefaultRoles.objects + objects, nodes: agents
    ) { kube in
      let text = try await kube.call(.GET, "/api/v1/pods").text
      let pods = try JSONParser.parse(Array(text.utf8))["items"]?.items ?? []
      let cpus = ["default/a": "249999001n", "default/b": "2", "kube-system/a": "5m"]
      var gone = pods[0]
      gone[path: ["metadata", "uid"]] = "another"
      let measures =
        [measure(gone, cpu: "99")]
        + pods.compactMap { pod in
          cpus["\(pod.meta.namespace)/\(pod.meta.name)"].map { measure(pod, cpu: $0) }
        }
      agents.state.withLock { state in
        state.measures["pods"] = measures
        state.measures["nodes"] = [
          [
            "metadata": ["name": "n1"], "timestamp": "2026-01-31T12:00:00Z", "window": "10s",
            "usage": ["cpu": "1", "memory": "2Gi"],
          ]
        ]
      }
      try await test(kube, agents)
    }
  }

  private static let base = "/apis/metrics.k8s.io/v1beta1"

  private static func get(
    _ kube: APIFixture, _ address: String, _ headers: HTTPHeaders = [:]
  ) async throws -> (status: Int, object: JSONValue) {
    let answer = try await kube.call(.GET, base + address, "", headers)
    return (answer.status, try JSONParser.parse(Array(answer.text.utf8)))
  }

  @Test("one is answered with the labels of what it is about")
  func one() async throws {
    try await Self.with { kube, _ in
      let answer = try await Self.get(kube, "/namespaces/default/pods/a")
      var pod = answer.object
      #expect(answer.status == 200 && pod.meta.creationTimestamp != "")
      pod[path: ["metadata", "creationTimestamp"]] = nil
      #expect(
        pod.encodedText
          == #"{"kind":"PodMetrics","apiVersion":"metrics.k8s.io/v1beta1","metadata":{"name":"a","namespace":"default","#
          + #""labels":{"app":"web"}},"timestamp":"2026-01-31T12:00:00Z","window":"15.002s","containers":["#
          + #"{"name":"c","usage":{"cpu":"249999001n","memory":"20Mi"}},{"name":"d","usage":{"cpu":"1m","memory":"4Mi"}}]}"#
      )
      var node = try await Self.get(kube, "/nodes/n1").object
      node[path: ["metadata", "creationTimestamp"]] = nil
      #expect(
        node.encodedText
          == #"{"kind":"NodeMetrics","apiVersion":"metrics.k8s.io/v1beta1","metadata":{"name":"n1","labels":{"zone":"n1"}},"#
          + #""timestamp":"2026-01-31T12:00:00Z","window":"10s","usage":{"cpu":"1","memory":"2Gi"}}"#)
    }
  }

  @Test(
    "lists have what was measured and is selected",
    arguments: [
      ("/pods", ["default/a", "default/b", "kube-system/a"]), ("/namespaces/default/pods", ["default/a", "default/b"]),
      ("/pods?labelSelector=app%3Dweb", ["default/a"]),
      ("/pods?labelSelector=app+in+(db,dns)&limit=1", ["default/b", "kube-system/a"]),
      ("/pods?fieldSelector=metadata.name%3Da", ["default/a", "kube-system/a"]),
      ("/pods?fieldSelector=metadata.namespace%3Dkube-system", ["kube-system/a"]),
      ("/namespaces/none/pods", []), ("/nodes", ["/n1"]), ("/nodes?labelSelector=zone%3Dn2", []),
    ])
  func lists(_ address: String, _ expected: [String]) async throws {
    try await Self.with { kube, _ in
      let (status, list) = try await Self.get(kube, address)
      #expect(status == 200 && list["metadata"] == [:])
      #expect(list.kind == (address.hasPrefix("/nodes") ? "NodeMetricsList" : "PodMetricsList"))
      #expect((list["items"]?.items ?? []).map { "\($0.meta.namespace)/\($0.meta.name)" } == expected)
    }
  }

  @Test(
    "what is not there, is not measured or is not allowed",
    arguments: [
      ("/namespaces/default/pods/none", 404, #"pods "none" not found"#),
      ("/namespaces/default/pods/unmeasured", 404, #"podmetrics.metrics.k8s.io "default/unmeasured" not found"#),
      ("/nodes/none", 404, #"nodes "none" not found"#),
      ("/nodes/n2", 404, #"nodemetrics.metrics.k8s.io "n2" not found"#),
      ("/pods?watch=true", 405, "the server does not allow this method on the requested resource"),
      (
        "/pods?fieldSelector=spec.nodeName%3Dn1", 400,
        #""spec.nodeName" is not a known field selector: only "metadata.name", "metadata.namespace""#
      ),
    ])
  func refusals(_ address: String, _ status: Int, _ message: String) async throws {
    try await Self.with { kube, _ in
      let answer = try await Self.get(kube, address)
      #expect(answer.status == status && answer.object["message"]?.text == message, "\(answer)")
    }
  }

  @Test("it is read only, and an agent that is silent is told of")
  func silence() async throws {
    try await Self.with { kube, agents in
      for method in [HTTPMethod.POST, .PUT, .DELETE] {
        #expect(try await kube.call(method, Self.base + "/nodes/n1", "{}").status == 405, "\(method)")
      }
      agents.state.withLock { $0.isSilent = true }
      for address in ["/nodes", "/nodes/n1", "/pods", "/namespaces/default/pods/a"] {
        let answer = try await Self.get(kube, address)
        #expect(answer.status == 503 && answer.object["reason"]?.text == "ServiceUnavailable", "\(address)")
      }
      // Nothing to be told of needs no agent.
      let calls = agents.state.withLock { $0.calls }
      #expect(try await Self.get(kube, "/namespaces/none/pods").status == 200)
      #expect(agents.state.withLock { $0.calls } == calls)
    }
  }

  @Test("tables sum up containers")
  func tables() async throws {
    try await Self.with { kube, _ in
      let accept: HTTPHeaders = ["Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"]
      let (_, table) = try await Self.get(kube, "/namespaces/default/pods", accept)
      #expect(table["columnDefinitions"]?.items.compactMap { $0["name"]?.text } == ["Name", "cpu", "memory", "Window"])
      #expect(
        table["rows"]?.items.compactMap { $0["cells"] } == [
          ["a", "250999001n", "24Mi", "15.002s"], ["b", "2001m", "24Mi", "15.002s"],
        ])
      let (_, node) = try await Self.get(kube, "/nodes/n1", accept)
      #expect(node["rows"]?.items.first?["cells"] == ["n1", "1", "2Gi", "10s"])
    }
  }

  @Test("roles of people may look", arguments: [("view", 200), ("edit", 200), ("admin", 200), ("nobody", 403)])
  func roles(_ role: String, _ status: Int) async throws {
    let binding: JSONValue = [
      "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
      "metadata": ["name": "r", "namespace": "default"],
      "roleRef": [
        "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
        "name": .string(role == "nobody" ? "system:basic-user" : role),
      ],
      "subjects": [["apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ada"]],
    ]
    try await APIFixture.with(
      stranger: .anonymous, catalog: KindCatalog.complete.served,
      objects: DefaultRoles.objects + Self.objects + [binding], nodes: Agents()
    ) { kube in
      let headers: HTTPHeaders = ["Authorization": "Bearer ada"]
      let pods = try await Self.get(kube, "/namespaces/default/pods", headers)
      #expect(pods.status == status)
      let nodes = try await Self.get(kube, "/nodes", headers)
      #expect(nodes.status == 403)
    }
  }

  @Test("discovery tells of it as metrics-server does")
  func discovery() async throws {
    try await Self.with { kube, _ in
      let (_, list) = try await Self.get(kube, "")
      #expect(
        list["resources"]?.items == [
          [
            "name": "nodes", "singularName": "", "namespaced": false, "kind": "NodeMetrics", "verbs": ["get", "list"],
          ],
          ["name": "pods", "singularName": "", "namespaced": true, "kind": "PodMetrics", "verbs": ["get", "list"]],
        ])
      let third = try await kube.call(.GET, "/openapi/v3/apis/metrics.k8s.io/v1beta1")
      #expect(third.status == 200 && third.text.contains("io.k8s.metrics.pkg.apis.metrics.v1beta1.PodMetrics"))
    }
  }

  @Test("kubectl top", arguments: APIFixture.versions)
  func top(_ version: String) async throws {
    try await Self.with(kubectl: version) { kube, agents in
      func rows(_ words: String...) async throws -> [[String]] {
        try await kube.succeed(["top"] + words + ["--no-headers"]).split(separator: "\n").map {
          $0.split(separator: " ").map(String.init)
        }
      }
      #expect(try await rows("nodes").first == ["n1", "1000m", "25%", "2048Mi", "25%"])
      #expect(try await rows("pods") == [["a", "251m", "24Mi"], ["b", "2001m", "24Mi"]])
      #expect(try await rows("pods", "--sort-by=cpu") == [["b", "2001m", "24Mi"], ["a", "251m", "24Mi"]])
      #expect(
        try await rows("pods", "-l", "app=db", "--containers") == [
          ["b", "c", "2000m", "20Mi"], ["b", "d", "1m", "4Mi"],
        ])
      #expect(
        try await rows("pods", "-A").map { $0.prefix(2) } == [
          ["default", "a"], ["default", "b"], ["kube-system", "a"],
        ])
      #expect(try await rows("pod", "b") == [["b", "2001m", "24Mi"]])
      #expect(try await rows("node", "n1").count == 1)
      agents.state.withLock { $0.measures = [:] }
      #expect(try await kube.run("top", "nodes").errors.contains("metrics not available yet"))
      agents.state.withLock { $0.isSilent = true }
      let silent = try await kube.run("top", "pods")
      #expect(silent.code == 1 && silent.errors.contains("the agent of the node does not answer"), "\(silent)")
    }
  }
}
