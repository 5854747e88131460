import HTTPServing
import KubeMachinery
import Testing

/// A small kind with every form of field.
enum ManagedSample {
  static let port = ObjectSchema(
    "Port", "",
    fields: [
      Field("containerPort", .integer(bits: 32), ""), Field("protocol", .string(), "", default: "TCP"),
      Field("name", .string(), ""),
    ])
  static let container = ObjectSchema(
    "Container", "",
    fields: [
      Field("name", .string(), ""), Field("image", .string(), ""), Field("args", .list(.string(), .atomic), ""),
      Field("ports", .list(.object(port), .map(keys: ["containerPort", "protocol"])), ""),
    ])
  static let spec = ObjectSchema(
    "Spec", "",
    fields: [
      Field("replicas", .integer(bits: 32), ""),
      Field(
        "strategy",
        .object(
          ObjectSchema(
            "Strategy", "", fields: [Field("type", .string(), ""), Field("surge", .intOrString, "")])), ""),
      Field(
        "selector",
        .object(
          ObjectSchema(
            "Selector", "", isAtomic: true,
            fields: [
              Field("matchLabels", .map(.string()), "")
            ])), ""),
      Field("nodeSelector", .map(.string(), isAtomic: true), ""),
      Field("containers", .list(.object(container), .map(keys: ["name"])), ""),
    ])
  static let meta = ObjectSchema(
    "ObjectMeta", "",
    fields: [
      Field("name", .string(), ""), Field("namespace", .string(), ""), Field("uid", .string(), ""),
      Field("resourceVersion", .string(), ""), Field("generation", .integer(bits: 64), ""),
      Field("creationTimestamp", .time, ""), Field("labels", .map(.string()), ""),
      Field("annotations", .map(.string()), ""), Field("finalizers", .list(.string(), .set), ""),
      Field("managedFields", .list(.anything, .atomic), ""),
    ])
  static let schema = ObjectSchema(
    "Deployment", "",
    fields: [
      Field("apiVersion", .string(), ""), Field("kind", .string(), ""), Field("metadata", .object(meta), ""),
      Field("spec", .object(spec), ""),
      Field("status", .object(ObjectSchema("Status", "", fields: [Field("replicas", .integer(bits: 32), "")])), ""),
    ])
  static let kind = KindName(group: "apps", version: "v1", kind: "Deployment")
  static let fields = FieldManagement(kind, schema, ignoring: [["status"]])
  static let status = FieldManagement(
    kind, schema, subresource: "status", ignoring: [["spec"], ["metadata", "labels"]])
  static let scale = FieldManagement(kind, schema, subresource: "scale")

  static func object(_ rest: String) throws -> JSONValue {
    try JSONPatchTests.json(
      #"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"x"}"#
        + (rest.isEmpty ? "}" : ",\(rest)}"))
  }

  /// Without managed fields and what all objects have.
  static func rest(_ object: JSONValue) -> String {
    var copy = object
    for name in ["apiVersion", "kind"] { copy[name] = nil }
    for name in ["name", "namespace", "managedFields"] { copy["metadata"]?[name] = nil }
    if copy["metadata"]?.members.isEmpty ?? false { copy["metadata"] = nil }
    return copy.encodedText
  }

  /// `manager operation subresource: fields`, one for each entry.
  static func owners(_ object: JSONValue) -> [String] {
    (object["metadata"]?["managedFields"]?.items ?? []).map { entry in
      let subresource = entry["subresource"]?.text.map { " \($0)" } ?? ""
      return "\(entry["manager"]?.text ?? "") \(entry["operation"]?.text ?? "")\(subresource):"
        + " \(entry["fieldsV1"]?.encodedText ?? "")"
    }
  }
}

struct FieldManagementTests {
  private static let one = "2026-01-01T00:00:01Z"
  private static let two = "2026-01-01T00:00:02Z"

  private func apply(
    _ live: JSONValue?, _ rest: String, by manager: String = "a", isForced: Bool = false, at time: String = Self.one
  ) throws -> JSONValue {
    try ManagedSample.fields.apply(
      live: live, config: ManagedSample.object(rest), manager: manager, isForced: isForced, time: time)
  }

  @Test func whatIsAppliedIsOwned() throws {
    let object = try apply(
      nil,
      #""spec":{"replicas":3,"selector":{"matchLabels":{"a":"b"}},"containers":[{"name":"c","args":["x"],"ports":[{"containerPort":80}]}]},"status":{"replicas":1}"#
    )
    #expect(
      ManagedSample.owners(object) == [
        #"a Apply: {"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:args":{},"f:name":{},"f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}}}},"f:replicas":{},"f:selector":{}}}"#
      ])
    let entry = try #require(object["metadata"]?["managedFields"]?.items.first)
    #expect(entry["time"] == "2026-01-01T00:00:01Z" && entry["apiVersion"] == "apps/v1")
    #expect(entry["fieldsType"] == "FieldsV1")
  }

  @Test func applyingTheSameAgainChangesNothing() throws {
    let config = #""spec":{"replicas":3,"containers":[{"name":"c","image":"i"}]}"#
    let first = try apply(nil, config)
    #expect(try apply(first, config, at: Self.two) == first)
  }

  @Test func fieldsThatAreAppliedNoLongerGo() throws {
    let first = try apply(
      nil,
      #""spec":{"replicas":3,"strategy":{"type":"R"},"containers":[{"name":"c","image":"i"},{"name":"d","image":"j"}]}"#
    )
    let second = try apply(first, #""spec":{"containers":[{"name":"c"}]}"#)
    #expect(ManagedSample.rest(second) == #"{"spec":{"containers":[{"name":"c"}]}}"#)
  }

  @Test func fieldsThatOthersOwnTooStay() throws {
    var object = try apply(nil, #""spec":{"replicas":3,"containers":[{"name":"c","image":"i"}]}"#)
    object = try apply(object, #""spec":{"replicas":3,"containers":[{"name":"c"}]}"#, by: "b")
    object = try apply(object, #""spec":{"strategy":{"type":"R"}}"#)
    #expect(
      ManagedSample.rest(object) == #"{"spec":{"replicas":3,"containers":[{"name":"c"}],"strategy":{"type":"R"}}}"#)
  }

  /// Defaults belong to nobody: they stay, but where the whole object that holds them was the writer's.
  @Test func fieldsThatNobodyOwnsStay() throws {
    var object = try apply(nil, #""spec":{"replicas":1,"strategy":{"type":"R"}}"#)
    object["spec"]?["strategy"]?["surge"] = "25%"
    object["spec"]?["nodeSelector"] = ["x": "y"]
    object = try apply(object, #""spec":{"replicas":1}"#)
    #expect(ManagedSample.rest(object) == #"{"spec":{"replicas":1,"nodeSelector":{"x":"y"}}}"#)
  }

  @Test func whatAnItemHoldsGoesWithIt() throws {
    var object = try apply(nil, #""spec":{"containers":[{"name":"c"},{"name":"d"}]}"#)
    object["spec"]?["containers"]?.items[1]["image"] = "default"
    object = try apply(object, #""spec":{"containers":[{"name":"c"}]}"#)
    #expect(ManagedSample.rest(object) == #"{"spec":{"containers":[{"name":"c"}]}}"#)
  }

  @Test func oneConflictIsTold() throws {
    let object = try apply(nil, #""spec":{"replicas":3}"#)
    #expect {
      try apply(object, #""spec":{"replicas":5}"#, by: "b")
    } throws: { error in
      guard let error = error as? ApplyError, case .conflict(let conflicts) = error else { return false }
      return error.message == #"Apply failed with 1 conflict: conflict with "a": .spec.replicas"#
        && conflicts.map(\.message) == [#"conflict with "a""#] && conflicts.map(\.path) == [".spec.replicas"]
    }
  }

  @Test func severalConflictsAreToldByManager() throws {
    var object = try apply(nil, #""spec":{"replicas":3,"containers":[{"name":"c","image":"i"}]}"#)
    var changed = object
    changed["spec"]?["strategy"] = ["type": "R"]
    object = ManagedSample.fields.update(live: object, new: changed, manager: "kubectl-edit", time: Self.two)
    #expect {
      try apply(
        object, #""spec":{"replicas":5,"strategy":{"type":"X"},"containers":[{"name":"c","image":"new"}]}"#, by: "b")
    } throws: { error in
      (error as? ApplyError)?.message == """
        Apply failed with 3 conflicts: conflicts with "a":
        - .spec.containers[name="c"].image
        - .spec.replicas
        conflicts with "kubectl-edit" using apps/v1:
        - .spec.strategy.type
        """
    }
  }

  @Test func forceTakesFieldsOver() throws {
    var object = try apply(nil, #""spec":{"replicas":3,"strategy":{"type":"R"}}"#)
    object = try apply(object, #""spec":{"replicas":5}"#, by: "b", isForced: true, at: Self.two)
    #expect(ManagedSample.rest(object) == #"{"spec":{"replicas":5,"strategy":{"type":"R"}}}"#)
    #expect(
      ManagedSample.owners(object) == [
        #"a Apply: {"f:spec":{"f:strategy":{"f:type":{}}}}"#, #"b Apply: {"f:spec":{"f:replicas":{}}}"#,
      ])
  }

  @Test func theSameValueIsShared() throws {
    var object = try apply(nil, #""spec":{"replicas":3}"#)
    object = try apply(object, #""spec":{"replicas":3}"#, by: "b")
    #expect(ManagedSample.owners(object).count == 2)
    // One of two gives it up.
    object = try apply(object, "")
    #expect(ManagedSample.rest(object) == #"{"spec":{"replicas":3}}"#)
    #expect(ManagedSample.owners(object) == [#"b Apply: {"f:spec":{"f:replicas":{}}}"#])
  }

  @Test func atomicFieldsAreOneAndConflictAsOne() throws {
    let object = try apply(nil, #""spec":{"nodeSelector":{"a":"1"},"containers":[{"name":"c","args":["x"]}]}"#)
    #expect(throws: ApplyError.self) { try apply(object, #""spec":{"nodeSelector":{"b":"2"}}"#, by: "b") }
    let forced = try apply(object, #""spec":{"nodeSelector":{"b":"2"}}"#, by: "b", isForced: true)
    #expect(forced.at("spec", "nodeSelector")?.encodedText == #"{"b":"2"}"#)
  }

  @Test func granularMapsAreSharedByKey() throws {
    var object = try apply(nil, "")
    object = try ManagedSample.fields.apply(
      live: object, config: try Self.labels(["a": "1"]), manager: "a", isForced: false, time: Self.one)
    object = try ManagedSample.fields.apply(
      live: object, config: try Self.labels(["b": "2"]), manager: "b", isForced: false, time: Self.one)
    #expect(object.meta.labels == ["a": "1", "b": "2"])
    object = try ManagedSample.fields.apply(
      live: object, config: try Self.labels([:]), manager: "a", isForced: false, time: Self.one)
    #expect(object.meta.labels == ["b": "2"])
  }

  private static func labels(_ labels: [String: String]) throws -> JSONValue {
    var object = try ManagedSample.object("")
    object["metadata"]?["labels"] = .texts(labels)
    return object
  }

  @Test(arguments: [
    ("[1,2]", "[3]", "[1,2,3]"), ("[1,2,3]", "[3,1]", "[2,3,1]"), ("[1,2]", "[2,3,1]", "[2,3,1]"),
    ("[]", "[2,1]", "[2,1]"), ("[1,2,3]", "[4,2]", "[1,4,2,3]"), ("[1,2,3]", "[]", "[1,2,3]"),
  ])
  func itemsKeepBothOrders(_ live: String, _ config: String, _ expected: String) throws {
    func names(_ text: String) throws -> String {
      try JSONPatchTests.json(text).items.map { #"{"name":"c\#($0.integer ?? 0)"}"# }.joined(separator: ",")
    }
    var object = try ManagedSample.object(#""spec":{"containers":[\#(try names(live))]}"#)
    object = ManagedSample.fields.update(live: nil, new: object, manager: "u", time: Self.one)
    object = try apply(object, #""spec":{"containers":[\#(try names(config))]}"#)
    #expect(object.at("spec", "containers")?.encodedText == "[\(try names(expected))]")
  }

  @Test func updatesAreTracked() throws {
    let created = ManagedSample.fields.update(
      live: nil, new: try ManagedSample.object(#""spec":{"replicas":1,"strategy":{"type":"R"}}"#),
      manager: "kubectl-create",
      time: Self.one)
    #expect(
      ManagedSample.owners(created) == [
        #"kubectl-create Update: {"f:spec":{".":{},"f:replicas":{},"f:strategy":{".":{},"f:type":{}}}}"#
      ])
    var changed = created
    changed["spec"]?["replicas"] = 2
    changed["spec"]?["strategy"] = nil
    let updated = ManagedSample.fields.update(live: created, new: changed, manager: "kubectl-edit", time: Self.two)
    #expect(
      ManagedSample.owners(updated) == [
        #"kubectl-create Update: {"f:spec":{}}"#, #"kubectl-edit Update: {"f:spec":{"f:replicas":{}}}"#,
      ])
  }

  @Test func anUpdateThatChangesNothingOwnsNothing() throws {
    let created = ManagedSample.fields.update(
      live: nil, new: try ManagedSample.object(#""spec":{"replicas":1}"#), manager: "c", time: Self.one)
    #expect(ManagedSample.fields.update(live: created, new: created, manager: "u", time: Self.two) == created)
  }

  @Test func statusAndScaleAreOwnedThroughTheirAddresses() throws {
    var object = try apply(nil, #""spec":{"replicas":3}"#)
    var changed = object
    changed["status"] = ["replicas": 3]
    object = ManagedSample.status.update(live: object, new: changed, manager: "controller", time: Self.two)
    changed = object
    changed["spec"]?["replicas"] = 7
    object = ManagedSample.scale.update(live: object, new: changed, manager: "autoscaler", time: Self.two)
    #expect(
      ManagedSample.owners(object) == [
        #"autoscaler Update scale: {"f:spec":{"f:replicas":{}}}"#,
        #"controller Update status: {"f:status":{".":{},"f:replicas":{}}}"#,
      ])
    #expect {
      try apply(object, #""spec":{"replicas":3}"#)
    } throws: { error in
      (error as? ApplyError)?.message
        == #"Apply failed with 1 conflict: conflict with "autoscaler" with subresource "scale" using apps/v1: .spec.replicas"#
    }
  }

  @Test func fieldsFromBeforeTheFirstApplyHaveAnOwner() throws {
    let object = try ManagedSample.object(#""spec":{"replicas":3}"#)
    #expect {
      try apply(object, #""spec":{"replicas":5}"#)
    } throws: { error in
      (error as? ApplyError)?.message
        == #"Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: .spec.replicas"#
    }
  }

  @Test func whatKubectlAppliedItselfIsNoConflictForIt() throws {
    let annotation = "kubectl.kubernetes.io/last-applied-configuration"
    var config = try ManagedSample.object(#""spec":{"replicas":3}"#)
    let text = config.encodedText
    config["metadata"]?["annotations"] = .texts([annotation: text])
    let object = ManagedSample.fields.update(
      live: nil, new: config, manager: "kubectl-client-side-apply", time: Self.one)
    #expect(throws: ApplyError.self) { try apply(object, #""spec":{"replicas":5}"#, by: "b") }
    let applied = try apply(object, #""spec":{"replicas":5}"#, by: "kubectl")
    #expect(applied.at("spec", "replicas") == 5)
    #expect(applied.meta.annotations[annotation]?.contains(#""replicas":5"#) ?? false)
    // Changed by somebody since: not kubectl's any more.
    var edited = object
    edited["spec"]?["replicas"] = 4
    edited = ManagedSample.fields.update(live: object, new: edited, manager: "kubectl-edit", time: Self.two)
    #expect(throws: ApplyError.self) { try apply(edited, #""spec":{"replicas":5}"#, by: "kubectl") }
  }

  @Test(arguments: ["[]", "[{}]"])
  func clientsCanMakeAllFieldsNobodys(_ sent: String) throws {
    let object = try apply(nil, #""spec":{"replicas":3}"#)
    var changed = object
    changed["metadata"]?["managedFields"] = try JSONPatchTests.json(sent)
    changed["spec"]?["replicas"] = 4
    #expect(
      ManagedSample.owners(ManagedSample.fields.update(live: object, new: changed, manager: "u", time: Self.two))
        .isEmpty)
  }

  @Test func clientsThatDropOrSpoilManagedFieldsLoseNothing() throws {
    let object = try apply(nil, #""spec":{"replicas":3}"#)
    let spoilt: [JSONValue?] = [
      nil, .null, "text", [["operation": "Nonsense"]], [["manager": "x", "operation": "Apply"]],
    ]
    for sent in spoilt {
      var changed = object
      changed["metadata"]?["managedFields"] = sent
      let updated = ManagedSample.fields.update(live: object, new: changed, manager: "u", time: Self.two)
      #expect(ManagedSample.owners(updated) == ManagedSample.owners(object))
    }
  }

  @Test(arguments: [
    (#"{"apiVersion":"v1","kind":"Deployment"}"#, "invalid object type: v1, Kind=Deployment"),
    ("[]", "error decoding YAML: the configuration is no object"),
    (
      #"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"managedFields":[]}}"#,
      "metadata.managedFields must be nil"
    ),
    (
      #"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"w","namespace":"n"},"spec":{"foo":1}}"#,
      "failed to create typed patch object (n/w; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema"
    ),
    (
      #"{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":"x","containers":[{"image":"i"},{"name":"a"},{"name":"a"}]}}"#,
      "failed to create typed patch object (/; apps/v1, Kind=Deployment): errors:\n"
        + "  .spec.replicas: expected numeric (int or float), got string\n"
        + "  .spec.containers: element 0: associative list with keys has an element that omits all key fields [\"name\"]"
        + " (and doesn't have default values for any key fields)\n"
        + "  .spec.containers: duplicate entries for key [name=\"a\"]"
    ),
  ])
  func aConfigurationThatIsNoneIsRefused(_ config: String, _ message: String) throws {
    #expect(throws: ApplyError.invalid(message)) {
      try ManagedSample.fields.apply(
        live: nil, config: JSONPatchTests.json(config), manager: "a", isForced: false, time: Self.one)
    }
  }

  @Test func manyUpdatersBecomeOne() throws {
    var object = ManagedSample.fields.update(
      live: nil, new: try ManagedSample.object(#""spec":{"replicas":0}"#), manager: "m0", time: "2026-01-01T00:00:00Z")
    for number in 1..<30 {
      var changed = object
      changed["metadata"]?["labels"] = .texts(object.meta.labels.merging(["l\(number)": "x"]) { $1 })
      object = ManagedSample.fields.update(
        live: object, new: changed, manager: "m\(number)", time: "2026-01-01T00:00:\(number + 10)Z")
    }
    let managers = ManagedSample.owners(object).compactMap { $0.split(separator: " ").first }
    #expect(managers.count == 10 && managers.contains("ancient-changes") && managers.contains("m29"))
  }

  @Test(arguments: [
    ("kubectl/v1.33 (linux/amd64) kubernetes", "kubectl"), ("", ""), ("a\u{7}b/c", "ab"),
    (String(repeating: "x", count: 200), String(repeating: "x", count: 128)),
  ])
  func theUserAgentNamesTheManager(_ agent: String, _ manager: String) {
    #expect(FieldManagement.manager(userAgent: agent) == manager)
  }
}
