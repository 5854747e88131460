import HTTPServing
import KubeMachinery
import KubeResources
import Testing

/// What patches and server-side apply do with the fields of real kinds.
struct MergingTests {
  private static let time = "2026-01-01T00:00:00Z"

  private static func full(_ kind: Kind, _ rest: String) throws -> JSONValue {
    try Objects.json(
      #"{"apiVersion":"\#(kind.name.apiVersion)","kind":"\#(kind.name.kind)","metadata":{"name":"x","namespace":"n"},\#(rest)}"#
    )
  }

  private static func management(_ kind: Kind, _ subresource: String = "") -> FieldManagement {
    FieldManagement(
      kind.name, kind.schema, subresource: subresource,
      ignoring: subresource.isEmpty && kind.hasStatus ? [["status"]] : [])
  }

  /// Applied, with defaults, as it is stored.
  private static func apply(
    _ called: String, _ live: JSONValue?, _ rest: String, by manager: String = "a", isForced: Bool = false
  ) throws -> JSONValue {
    let kind = try Objects.kind(called)
    var object = try management(kind).apply(
      live: live, config: full(kind, rest), manager: manager, isForced: isForced, time: time)
    kind.applyDefaults(to: &object)
    return object
  }

  private static let pod =
    #""selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{"labels":{"app":"a"}},"spec":"#

  static let patches: [(String, String, String, [String], String)] = [
    (
      "deployments", #""spec":{\#(pod){"containers":[{"name":"c","image":"1"},{"name":"d","image":"2"}]}}}"#,
      #"{"spec":{"template":{"spec":{"containers":[{"name":"d","image":"3"}]}}}}"#,
      ["spec", "template", "spec", "containers"], #"[{"name":"c","image":"1"},{"name":"d","image":"3"}]"#
    ),
    (
      "deployments", #""spec":{\#(pod){"containers":[{"name":"c","env":[{"name":"A","value":"1"}]}]}}}"#,
      #"{"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"c"}],"containers":[{"name":"c","$setElementOrder/env":[{"name":"A"},{"name":"B"}],"env":[{"name":"B","value":"2"}]}]}}}}"#,
      ["spec", "template", "spec", "containers"],
      #"[{"name":"c","env":[{"name":"A","value":"1"},{"name":"B","value":"2"}]}]"#
    ),
    (
      "deployments",
      #""spec":{\#(pod){"volumes":[{"name":"v","emptyDir":{}},{"name":"w","hostPath":{"path":"/"}}]}}}"#,
      #"{"spec":{"template":{"spec":{"volumes":[{"name":"v","$retainKeys":["name","configMap"],"configMap":{"name":"m"}},{"name":"w","$patch":"delete"}]}}}}"#,
      ["spec", "template", "spec", "volumes"], #"[{"name":"v","configMap":{"name":"m"}}]"#
    ),
    (
      "deployments", #""spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}"#,
      #"{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}"#, ["spec", "strategy"],
      #"{"type":"Recreate"}"#
    ),
    (
      "pods", #""spec":{"tolerations":[{"key":"a","operator":"Exists"}]}"#,
      #"{"spec":{"tolerations":[{"key":"b","operator":"Exists"}]}}"#, ["spec", "tolerations"],
      #"[{"key":"b","operator":"Exists"}]"#
    ),
    (
      "pods", #""spec":{"imagePullSecrets":[{"name":"a"}],"hostAliases":[{"ip":"1.1.1.1","hostnames":["a"]}]}"#,
      #"{"spec":{"imagePullSecrets":[{"name":"b"}],"hostAliases":[{"ip":"1.1.1.1","hostnames":["b"]}]}}"#, ["spec"],
      #"{"imagePullSecrets":[{"name":"b"},{"name":"a"}],"hostAliases":[{"ip":"1.1.1.1","hostnames":["b"]}]}"#
    ),
    (
      "services", #""spec":{"ports":[{"port":80,"targetPort":8080},{"port":81}],"selector":{"a":"b"}}"#,
      #"{"spec":{"ports":[{"port":80,"targetPort":9090}],"selector":{"a":null,"c":"d"}}}"#, ["spec"],
      #"{"ports":[{"port":80,"targetPort":9090},{"port":81}],"selector":{"c":"d"}}"#
    ),
    (
      "configmaps", #""data":{"a":"1","b":"2"}"#, #"{"data":{"a":null,"c":"3"}}"#, ["data"], #"{"b":"2","c":"3"}"#
    ),
    (
      "configmaps", #""data":{}"#, #"{"metadata":{"finalizers":["a.b/c"],"labels":{"x":"y"}}}"#, ["metadata"],
      #"{"name":"x","namespace":"n","finalizers":["a.b/c"],"labels":{"x":"y"}}"#
    ),
  ]

  @Test(arguments: patches)
  func strategicMergePatchesFollowTheFieldsOfKinds(
    _ called: String, _ rest: String, _ patch: String, _ path: [String], _ expected: String
  ) throws {
    let kind = try Objects.kind(called)
    let patched = try StrategicMergePatch(kind.schema).apply(Objects.json(patch), to: Self.full(kind, rest))
    #expect(patched[path: path]?.encodedText == expected)
  }

  static let configurations: [(String, String)] = [
    (
      "deployments",
      #""spec":{"replicas":2,\#(pod){"containers":[{"name":"c","image":"i","ports":[{"containerPort":80},{"containerPort":80,"protocol":"UDP"}],"env":[{"name":"A","value":"1"}],"resources":{"limits":{"cpu":"1"}}}],"volumes":[{"name":"v","emptyDir":{}}]}}}"#
    ),
    ("services", #""spec":{"selector":{"app":"a"},"ports":[{"port":80},{"port":80,"protocol":"UDP","name":"u"}]}"#),
    ("pods", #""spec":{"containers":[{"name":"c","image":"i"}],"tolerations":[{"key":"a","operator":"Exists"}]}"#),
    ("configmaps", #""data":{"a":"1"},"binaryData":{"b":"AA=="}"#), ("secrets", #""data":{"a":"AA=="}"#),
    ("serviceaccounts", #""imagePullSecrets":[{"name":"s"}]"#),
    ("replicationcontrollers", #""spec":{"replicas":1,"selector":{"a":"b"}}"#),
    ("roles", #""rules":[{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}]"#),
    ("leases", #""spec":{"holderIdentity":"h","leaseDurationSeconds":40}"#),
  ]

  @Test(arguments: configurations)
  func applyingAgainChangesNothing(_ called: String, _ rest: String) throws {
    let object = try Self.apply(called, nil, rest)
    #expect(try Self.apply(called, object, rest) == object)
    // Somebody else who wants the same shares it.
    let shared = try Self.apply(called, object, rest, by: "b")
    #expect(shared.meta.managedFields.count == 2)
    // Who applies nothing any more leaves what the other applies.
    let kind = try Objects.kind(called)
    let nothing = try Self.management(kind).apply(
      live: shared,
      config: try Objects.json(
        #"{"apiVersion":"\#(kind.name.apiVersion)","kind":"\#(kind.name.kind)","metadata":{"name":"x","namespace":"n"}}"#
      ),
      manager: "a", isForced: false, time: Self.time)
    #expect(nothing.meta.managedFields.map { $0["manager"] } == ["b"])
    #expect(try Self.apply(called, nothing, rest, by: "b").means(nothing))
  }

  @Test func scalersAndAppliersConflictOverReplicas() throws {
    let rest = #""spec":{"replicas":2,\#(Self.pod){"containers":[{"name":"c","image":"i"}]}}}"#
    var object = try Self.apply("deployments", nil, rest)
    var scaled = object
    scaled["spec"]?["replicas"] = 5
    let kind = try Objects.kind("deployments")
    object = Self.management(kind, "scale").update(live: object, new: scaled, manager: "kubectl", time: Self.time)
    #expect {
      try Self.apply("deployments", object, rest)
    } throws: { error in
      (error as? ApplyError)?.message
        == #"Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas"#
    }
    // Who no longer says how many leaves it to the scaler.
    let without = rest.replacing(#""replicas":2,"#, with: "")
    #expect(try Self.apply("deployments", object, without).at("spec", "replicas") == 5)
  }

  @Test func selectorsAndSelectingMapsAreOne() throws {
    let object = try Self.apply("services", nil, #""spec":{"selector":{"app":"a"},"ports":[{"port":80}]}"#)
    #expect {
      try Self.apply("services", object, #""spec":{"selector":{"tier":"b"},"ports":[{"port":80}]}"#, by: "b")
    } throws: { error in
      (error as? ApplyError)?.message == #"Apply failed with 1 conflict: conflict with "a": .spec.selector"#
    }
  }

  @Test func portsAreToldApartByNumberAndProtocol() throws {
    var object = try Self.apply("services", nil, #""spec":{"ports":[{"port":53,"name":"t"}]}"#)
    object = try Self.apply(
      "services", object, #""spec":{"ports":[{"port":53,"protocol":"UDP","name":"u"}]}"#, by: "b")
    #expect(object.at("spec", "ports")?.items.map { $0["name"] } == ["t", "u"])
    object = try Self.apply("services", object, #""spec":{}"#)
    #expect(object.at("spec", "ports")?.items.map { $0["name"] } == ["u"])
  }

  @Test func dataOfConfigMapsIsSharedByKey() throws {
    var object = try Self.apply("configmaps", nil, #""data":{"a":"1"}"#)
    object = try Self.apply("configmaps", object, #""data":{"b":"2"}"#, by: "b")
    object = try Self.apply("configmaps", object, #""data":{}"#)
    #expect(object["data"]?.texts == ["b": "2"])
  }
}
