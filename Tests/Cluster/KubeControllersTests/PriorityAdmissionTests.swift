import HTTPServing
import KubeMachinery
import KubeResources
import Testing

@testable import KubeControllers

/// Pods that are made through the service, with their classes looked up.
struct PriorityAdmissionTests {
  private let service = ObjectService(store: MemoryObjectStore(), catalog: .all, admission: PriorityAdmission())

  init() async throws {
    try await create("namespace", ["metadata": ["name": "n"]])
    try await create("pc", Self.priorityClass("system-node-critical", 2_000_001_000))
    try await create("pc", Self.priorityClass("low", -5, ["preemptionPolicy": "Never"]))
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

  private func update(_ called: String, _ body: JSONValue) async throws -> JSONValue {
    let kind = try #require(KindCatalog.all.kind(called: called))
    let namespace = kind.isNamespaced ? "n" : ""
    return try JSONParser.parse(
      try await service.update(kind, in: namespace, body.meta.name, .whole, body, WriteOptions(), at: Sample.start)
        .document)
  }

  private static func priorityClass(_ name: String, _ value: Int64, _ more: JSONValue = [:]) -> JSONValue {
    var document: JSONValue = ["metadata": ["name": .string(name)], "value": .integer(value)]
    for (name, value) in more.members { document[name] = value }
    return document
  }

  private static func pod(_ more: JSONValue, _ metadata: JSONValue = ["name": "x"]) -> JSONValue {
    var spec: JSONValue = ["containers": [["name": "c", "image": "i"]]]
    for (name, value) in more.members { spec[name] = value }
    return ["metadata": metadata, "spec": spec]
  }

  private static func shown(_ pod: JSONValue) -> String {
    let spec = pod["spec"] ?? [:]
    return "\(spec.textAt("priorityClassName")) \(spec.numberAt("priority")) \(spec.textAt("preemptionPolicy"))"
  }

  private static func refuses(
    _ message: String, _ work: () async throws -> JSONValue, _ location: SourceLocation = #_sourceLocation
  ) async {
    do {
      _ = try await work()
      Issue.record("it was taken", sourceLocation: location)
    } catch {
      let refusal = error as? StatusError
      #expect(refusal?.code == 403 && refusal?.reason == "Forbidden", sourceLocation: location)
      #expect(refusal?.message == message, sourceLocation: location)
    }
  }

  @Test(
    "a pod has the priority of its class",
    arguments: [
      ([:], " 0 PreemptLowerPriority"),
      (["priorityClassName": "system-node-critical"], "system-node-critical 2000001000 PreemptLowerPriority"),
      (["priorityClassName": "low"], "low -5 Never"),
      (["priorityClassName": "low", "priority": .integer(-5), "preemptionPolicy": "Never"], "low -5 Never"),
      (["priority": 0], " 0 PreemptLowerPriority"),
    ] as [(JSONValue, String)])
  func given(_ spec: JSONValue, _ expected: String) async throws {
    let made = try await create("pod", Self.pod(spec))
    #expect(Self.shown(made) == expected && made.at("spec", "priority") != nil)
  }

  @Test(
    "what is no class's priority is refused",
    arguments: [
      (pod(["priorityClassName": "none"]), #"pods "x" is forbidden: no PriorityClass with name none was found"#),
      (
        pod(["priorityClassName": "none"], ["generateName": "web-"]),
        #"pods "web-" is forbidden: no PriorityClass with name none was found"#
      ),
      (
        pod(["priority": 7]),
        #"pods "x" is forbidden: the integer value of priority (7) must not be provided in pod spec;"#
          + " priority admission controller computed 0 from the given PriorityClass name"
      ),
      (
        pod(["priorityClassName": "low", "preemptionPolicy": "PreemptLowerPriority"]),
        #"pods "x" is forbidden: the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in"#
          + " pod spec; priority admission controller computed Never from the given PriorityClass name"
      ),
    ])
  func refused(_ pod: JSONValue, _ message: String) async throws {
    await Self.refuses(message) { try await create("pod", pod) }
  }

  @Test("pods without a class get the default one; there is one such class")
  func standard() async throws {
    try await create("pc", Self.priorityClass("usual", 100, ["globalDefault": true]))
    let made = try await create("pod", Self.pod([:]))
    #expect(Self.shown(made) == "usual 100 PreemptLowerPriority")
    let message =
      #"priorityclasses.scheduling.k8s.io "other" is forbidden: PriorityClass usual is already marked as default."#
      + " Only one default can exist"
    let other = Self.priorityClass("other", 7, ["globalDefault": true])
    await Self.refuses(message) { try await create("pc", other) }
    try await create("pc", Self.priorityClass("other", 7))
    await Self.refuses(message) { try await update("pc", other) }
    // The default one itself may change.
    let changed = try await update(
      "pc", Self.priorityClass("usual", 100, ["globalDefault": true, "description": "what most have"]))
    #expect(changed.textAt("description") == "what most have")
  }

  @Test("what was given belongs to no manager, and stays where a document without it is sent")
  func kept() async throws {
    var options = WriteOptions()
    options.fieldManager = "kubectl"
    let made = try await create("pod", Self.pod(["priorityClassName": "low"]), options)
    let managed = made.meta.managedFields.map(\.encodedText).joined()
    #expect(managed.contains("f:priorityClassName") && !managed.contains(#""f:priority":"#))
    let again = try await update("pod", Self.pod(["priorityClassName": "low"]))
    #expect(Self.shown(again) == "low -5 Never")
  }
}
