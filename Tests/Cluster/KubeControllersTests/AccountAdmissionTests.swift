import HTTPServing
import KubeMachinery
import KubeResources
import Testing

@testable import KubeControllers

/// Pods that are made through the service, with their accounts looked up.
struct AccountAdmissionTests {
  private let service: ObjectService
  private let pods: Kind

  init() async throws {
    service = ObjectService(
      store: MemoryObjectStore(), catalog: .all, admission: ServiceAccountAdmission(tries: 2, pauseMilliseconds: 0))
    pods = try #require(KindCatalog.all.kind(called: "pod"))
    try await create("namespace", ["metadata": ["name": "n"]])
  }

  @discardableResult
  private func create(
    _ called: String, _ body: JSONValue, _ options: WriteOptions = WriteOptions()
  ) async throws -> JSONValue {
    let kind = try #require(KindCatalog.all.kind(called: called))
    let namespace = kind.isNamespaced ? "n" : ""
    return try JSONParser.parse(
      try await service.create(kind, in: namespace, body, options, at: Sample.start).document)
  }

  private static func pod(_ metadata: JSONValue, account: String? = nil) -> JSONValue {
    var spec: JSONValue = ["containers": [["name": "c", "image": "i"]]]
    if let account { spec["serviceAccountName"] = .string(account) }
    return ["metadata": metadata, "spec": spec]
  }

  @Test(arguments: [
    (
      pod(["name": "x"]),
      #"pods "x" is forbidden: error looking up service account n/default: serviceaccount "default" not found"#
    ),
    (
      pod(["name": "x"], account: "robot"),
      #"pods "x" is forbidden: error looking up service account n/robot: serviceaccount "robot" not found"#
    ),
    (
      pod(["generateName": "web-"], account: "robot"),
      #"pods "web-" is forbidden: error looking up service account n/robot: serviceaccount "robot" not found"#
    ),
    (
      pod(["name": "x", "annotations": ["kubernetes.io/config.mirror": "1"]], account: "robot"),
      #"pods "x" is forbidden: a mirror pod may not reference service accounts"#
    ),
  ])
  func podsOfNobodyAreRefused(_ body: JSONValue, _ message: String) async throws {
    await #expect { try await create("pod", body) } throws: { error in
      let refusal = error as? StatusError
      return refusal?.code == 403 && refusal?.reason == "Forbidden" && refusal?.message == message
    }
  }

  @Test func mirrorsAreLeftAlone() async throws {
    let made = try await create("pod", Self.pod(["name": "x", "annotations": ["kubernetes.io/config.mirror": "1"]]))
    #expect(made.listAt("spec", "volumes").isEmpty && made.textAt("spec", "serviceAccountName").isEmpty)
  }

  @Test func whatIsAddedBelongsToNoManager() async throws {
    try await create("serviceaccount", ["metadata": ["name": "default"]])
    var options = WriteOptions()
    options.fieldManager = "kubectl"
    let made = try await create("pod", Self.pod(["name": "x"]), options)
    let volumes = made.listAt("spec", "volumes").map { $0.textAt("name") }
    #expect(volumes.count == 1 && volumes[0].hasPrefix("kube-api-access-") && volumes[0].utf8.count == 21)
    #expect(made.listAt("spec", "containers")[0].listAt("volumeMounts").map { $0.textAt("name") } == volumes)
    #expect(made.textAt("spec", "serviceAccountName") == "default")
    let managed = made.meta.managedFields.map(\.encodedText).joined()
    #expect(managed.contains("f:containers") && !managed.contains("f:volumes") && !managed.contains("f:serviceAccount"))
    // Sent once more it is no change.
    var again = made
    again.meta.managedFields = []
    _ = try await service.update(pods, in: "n", "x", .whole, again, options, at: Sample.start)
  }

  @Test func otherKindsAreLeftAlone() async throws {
    let made = try await create("configmap", ["metadata": ["name": "m"], "data": ["a": "b"]])
    #expect(made["spec"] == nil)
  }
}
