import FoundationEssentials
import HTTPServing
import KubeMachinery
import KubeResources
import Logging
import Persistence
import Testing

@testable import KubernetesAPI

/// What agents of nodes are allowed by, as pods come and go.
struct NodePodsTests {
  private static let now = Timestamp(seconds: 1_800_000_000)

  private static func pod(_ name: String, node: String, secret: String) -> JSONValue {
    [
      "apiVersion": "v1", "kind": "Pod", "metadata": ["name": .string(name)],
      "spec": [
        "nodeName": .string(node), "serviceAccountName": "sa",
        "volumes": [
          ["name": "s", "secret": ["secretName": .string(secret)]],
          ["name": "p", "projected": ["sources": [["configMap": ["name": "map"]]]]],
        ],
        "containers": [
          [
            "name": "c", "image": "i",
            "env": [["name": "A", "valueFrom": ["secretKeyRef": ["name": "key", "key": "k"]]]],
          ]
        ],
      ],
    ]
  }

  @Test("A node reaches what its pods name, as long as one of them does")
  func references() async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/nodes-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let service = ObjectService(
      store: try SQLiteObjectStore(
        database: try Database(path: folder + "/cluster.sqlite"),
        keys: StorageKeys(parsing: StorageKeys.freshLine(id: "test")), secretResources: [], logger: logger),
      catalog: .complete)
    try await service.establish(
      [["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "ns"]]], manager: "test", at: Self.now)
    let kind = try #require(service.catalog[KindName(group: "", version: "v1", kind: "Pod")])
    let pods = try await LiveNodePods(service)
    for pod in [
      Self.pod("a", node: "n1", secret: "one"), Self.pod("b", node: "n1", secret: "two"),
      Self.pod("c", node: "n2", secret: "three"),
    ] {
      _ = try await service.create(kind, in: "ns", pod, WriteOptions(), at: Self.now)
    }
    func reaches(_ node: String, in namespace: String = "ns") -> [String] {
      [
        ("secrets", "one"), ("secrets", "two"), ("secrets", "three"), ("secrets", "key"), ("configmaps", "map"),
        ("serviceaccounts", "sa"),
      ].filter { pods.isReferenced($0.0, $0.1, in: namespace, by: node) }.map(\.1)
    }
    #expect(reaches("n1") == [])
    try await pods.reload()
    #expect(reaches("n1") == ["one", "two", "key", "map", "sa"])
    #expect(reaches("n2") == ["three", "key", "map", "sa"])
    #expect(reaches("n1", in: "default") == [])
    #expect(pods.isBound(pod: "a", in: "ns", to: "n1") && !pods.isBound(pod: "a", in: "ns", to: "n2"))
    var options = DeleteOptions()
    options.gracePeriodSeconds = 0
    _ = try await service.delete(kind, in: "ns", "a", options, at: Self.now)
    try await pods.reload()
    #expect(reaches("n1") == ["two", "key", "map", "sa"])
    #expect(!pods.isBound(pod: "a", in: "ns", to: "n1"))
  }

  @Test(
    "A field selector selects what it says is equal",
    arguments: [
      ("spec.nodeName=n1", ["spec.nodeName": "n1"]), ("spec.nodeName==n1", ["spec.nodeName": "n1"]),
      ("spec.nodeName!=n1", [:]), ("a=b,metadata.name=x", ["a": "b", "metadata.name": "x"]), ("", [:]),
      ("spec.nodeName", [:]), ("spec.nodeName=n1,spec.nodeName=n2", ["spec.nodeName": "n1"]),
      // What stands behind an escaped comma is part of a value.
      (#"type!=\,metadata.name=x"#, [:]), (#"a=\,spec.nodeName\=n1"#, ["a": ",spec.nodeName=n1"]),
    ] as [(String, [String: String])])
  func selection(selector: String, expected: [String: String]) {
    #expect(RequestGate.selection(selector) == expected)
  }
}
