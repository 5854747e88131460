import HTTPServing
import KubeMachinery
import KubeResources
import Testing

struct OtherKindsTests {
  private static let created: [(String, String, [String])] = [
    ("cm", Objects.named(#""data":{"a.b":"x"}"#), []),
    (
      "cm", Objects.named(#""data":{"a":"x"},"binaryData":{"a":"YQ=="}"#),
      [
        #"data[a]: Invalid value: "a": duplicate of key present in binaryData"#
      ]
    ),
    (
      "secret", Objects.named(#""type":"kubernetes.io/tls","data":{"tls.crt":"YQ=="}"#),
      ["data[tls.key]: Required value"]
    ),
    (
      "secret", Objects.named(#""type":"kubernetes.io/service-account-token""#),
      [
        "metadata.annotations[kubernetes.io/service-account.name]: Required value"
      ]
    ),
    (
      "secret", Objects.named(#""type":"kubernetes.io/dockerconfigjson","stringData":{".dockerconfigjson":"[]"}"#),
      [
        #"data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": is not a JSON object"#
      ]
    ),
    (
      "lease", Objects.named(#""spec":{"leaseDurationSeconds":0}"#),
      [
        "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"
      ]
    ),
    ("ns", #"{"metadata":{"name":"x"}}"#, []),
    (
      "ns", #"{"metadata":{"name":"x","namespace":"n"}}"#,
      [
        "metadata.namespace: Forbidden: not allowed on this type"
      ]
    ),
    (
      "no", #"{"metadata":{"name":"x"},"spec":{"taints":[{"key":"a","effect":"Burn"}]}}"#,
      [
        #"spec.taints[0].effect: Unsupported value: "Burn": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule""#
      ]
    ),
    (
      "ep", Objects.named(#""subsets":[{"addresses":[{"ip":"127.0.0.1"}],"ports":[{"port":1}]}]"#),
      [
        #"subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)"#
      ]
    ),
    (
      "endpointslice", Objects.named(#""addressType":"IPv4","endpoints":[{"addresses":["::2"]}]"#),
      [
        #"endpoints[0].addresses[0]: Invalid value: "::2": must be a valid IPv4 address"#
      ]
    ),
    ("endpointslice", Objects.named(#""endpoints":[]"#), ["addressType: Required value"]),
    (
      "role", Objects.named(#""rules":[{"apiGroups":[""],"resources":["pods"]}]"#),
      [
        "rules[0].verbs: Required value: verbs must contain at least one value"
      ]
    ),
    (
      "role", Objects.named(#""rules":[{"verbs":["get"],"nonResourceURLs":["/healthz"]}]"#),
      [
        #"rules[0].nonResourceURLs: Invalid value: ["/healthz"]: namespaced rules cannot apply to non-resource URLs"#
      ]
    ),
    (
      "rolebinding", Objects.named(#""roleRef":{"kind":"User","name":"r"},"subjects":[{"kind":"Robot","name":"u"}]"#),
      [
        #"roleRef.kind: Unsupported value: "User": supported values: "ClusterRole", "Role""#,
        #"subjects[0].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User""#,
      ]
    ),
    (
      "clusterrolebinding",
      #"{"metadata":{"name":"x"},"roleRef":{"kind":"ClusterRole","name":"r"},"subjects":[{"kind":"ServiceAccount","name":"s"}]}"#,
      [
        "subjects[0].namespace: Required value"
      ]
    ),
    ("runtimeclass", #"{"metadata":{"name":"x"}}"#, ["handler: Required value"]),
    (
      "pc", #"{"metadata":{"name":"x"},"value":2000000000}"#,
      [
        "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"
      ]
    ),
    (
      "pc", #"{"metadata":{"name":"system-mine"},"value":1}"#,
      [
        "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class"
      ]
    ),
    ("binding", Objects.named(#""target":{"kind":"Node"}"#), ["target.name: Required value"]),
    (
      "ev", Objects.named(#""involvedObject":{"namespace":"m"}"#),
      [
        #"involvedObject.namespace: Invalid value: "m": does not match event.namespace"#
      ]
    ),
    (
      "controllerrevision", Objects.named(#""revision":-1,"data":{"a":1}"#),
      [
        "revision: Invalid value: -1: must be greater than or equal to 0"
      ]
    ),
    (
      "podtemplate", Objects.named(#""template":{"spec":{"containers":[{"name":"c"}]}}"#),
      [
        "template.spec.containers[0].image: Required value"
      ]
    ),
  ]

  @Test(arguments: OtherKindsTests.created)
  func whatIsWrongIsTold(_ kind: String, _ text: String, _ errors: [String]) throws {
    #expect(try Objects.createErrors(kind, text) == errors)
  }

  @Test(
    "ATT-064: endpoints do not lead to the node itself or to its neighbours",
    arguments: ["127.0.0.1", "::1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1", "::ffff:127.0.0.1"])
  func endpointsLeadToPodsAlone(_ address: String) throws {
    let plain = try Objects.createErrors("ep", Objects.named(#""subsets":[{"addresses":[{"ip":"\#(address)"}]}]"#))
    #expect(plain.count == 1 && plain.first?.hasPrefix("subsets[0].addresses[0].ip: Invalid value") == true, "\(plain)")
    let type = address.contains(":") ? "IPv6" : "IPv4"
    let slice = try Objects.createErrors(
      "endpointslice", Objects.named(#""addressType":"\#(type)","endpoints":[{"addresses":["\#(address)"]}]"#))
    #expect(slice.count == 1 && slice.first?.hasPrefix("endpoints[0].addresses[0]: Invalid value") == true, "\(slice)")
  }

  @Test func dataIsBounded() throws {
    let big = String(repeating: "x", count: 1 << 20)
    #expect(try Objects.createErrors("cm", Objects.named(#""data":{"a":"\#(big)"}"#)).isEmpty)
    #expect(try Objects.createErrors("cm", Objects.named(#""data":{"ab":"\#(big)x"}"#)).count == 1)
    #expect(
      try Objects.createErrors("secret", Objects.named(#""stringData":{"a":"\#(big)x"}"#)) == [
        "data: Too long: may not be more than 1048576 bytes"
      ])
  }

  private static let changed: [(String, String, String, [String])] = [
    (
      "cm", Objects.named(#""immutable":true,"data":{"a":"1"}"#), Objects.named(#""immutable":true,"data":{"a":"2"}"#),
      [
        "data: Forbidden: field is immutable when `immutable` is set"
      ]
    ),
    (
      "cm", Objects.named(#""immutable":true"#), Objects.named(#""immutable":false"#),
      [
        "immutable: Forbidden: field is immutable when `immutable` is set"
      ]
    ),
    (
      "secret", Objects.named(#""type":"a""#), Objects.named(#""type":"b""#),
      [
        #"type: Invalid value: "b": field is immutable"#
      ]
    ),
    (
      "rolebinding", Objects.named(#""roleRef":{"kind":"Role","name":"a"}"#),
      Objects.named(#""roleRef":{"kind":"Role","name":"b"}"#),
      [
        #"roleRef: Invalid value: {"kind":"Role","name":"b","apiGroup":"rbac.authorization.k8s.io"}: cannot change roleRef"#
      ]
    ),
    (
      "runtimeclass", #"{"metadata":{"name":"x"},"handler":"a"}"#, #"{"metadata":{"name":"x"},"handler":"b"}"#,
      [#"handler: Invalid value: "b": field is immutable"#]
    ),
    (
      "pc", #"{"metadata":{"name":"x"},"value":1}"#, #"{"metadata":{"name":"x"},"value":2}"#,
      [
        "value: Forbidden: may not be changed in an update."
      ]
    ),
    (
      "controllerrevision", Objects.named(#""revision":1,"data":{"a":1}"#),
      Objects.named(#""revision":2,"data":{"a":2}"#),
      [#"data: Invalid value: {"a":2}: field is immutable"#]
    ),
    (
      "endpointslice", Objects.named(#""addressType":"IPv4","endpoints":[]"#),
      Objects.named(#""addressType":"IPv6","endpoints":[]"#),
      [#"addressType: Invalid value: "IPv6": field is immutable"#]
    ),
  ]

  @Test(arguments: OtherKindsTests.changed)
  func whatStaysIsTold(_ kind: String, _ old: String, _ new: String, _ errors: [String]) throws {
    #expect(try Objects.updateErrors(kind, from: old, to: new) == errors)
  }

  @Test func textsOfSecretsBecomeData() throws {
    let secret = try Objects.read("secret", Objects.named(#""stringData":{"a":"x","b":"y"},"data":{"a":"eg=="}"#))
    #expect(secret["data"] == ["a": "eA==", "b": "eQ=="])
    #expect(secret["stringData"] == nil)
    #expect(secret["type"] == "Opaque")
  }

  @Test func namespacesHaveAFinalizerAndALabel() throws {
    let kind = try Objects.kind("ns")
    var namespace = try Objects.read("ns", #"{"metadata":{"name":"x"}}"#)
    kind.prepareCreate(&namespace)
    #expect(namespace.at("metadata", "labels") == ["kubernetes.io/metadata.name": "x"])
    #expect(namespace["spec"] == ["finalizers": ["kubernetes"]])
    #expect(namespace["status"] == ["phase": "Active"])
    #expect(kind.rules.holdsBack(namespace))
    kind.rules.beginDeletion(&namespace)
    #expect(namespace["status"] == ["phase": "Terminating"])
  }

  @Test func nodesBringTheirStatusAlong() throws {
    let kind = try Objects.kind("no")
    var node = try Objects.read("no", #"{"metadata":{"name":"x"},"status":{"capacity":{"cpu":"2000m"}}}"#)
    kind.prepareCreate(&node)
    #expect(node["status"] == ["capacity": ["cpu": "2"], "allocatable": ["cpu": "2"]])
    var changed = node
    changed["status"] = [:]
    kind.prepareUpdate(&changed, old: node)
    #expect(changed["status"] == node["status"])
  }

  private static let shown: [(String, String, String)] = [
    ("ns", #""status":{"phase":"Active"}"#, #"["x","Active","60m"]"#),
    ("cm", #""data":{"a":"1"},"binaryData":{"b":""}"#, #"["x",2,"60m"]"#),
    ("secret", #""type":"Opaque","data":{"a":""}"#, #"["x","Opaque",1,"60m"]"#),
    ("sa", "\"secrets\":[]", #"["x",0,"60m"]"#),
    ("lease", #""spec":{"holderIdentity":"me"}"#, #"["x","me","60m"]"#),
    (
      "no",
      #""spec":{"unschedulable":true},"status":{"conditions":[{"type":"Ready","status":"True"}],"nodeInfo":{"kubeletVersion":"v1","osImage":"Debian"},"addresses":[{"type":"InternalIP","address":"10.0.0.1"}]}"#,
      #"["x","Ready,SchedulingDisabled","<none>","60m","v1","10.0.0.1","<none>","Debian","<unknown>","<unknown>"]"#
    ),
    (
      "ep",
      #""subsets":[{"addresses":[{"ip":"10.0.0.1"},{"ip":"10.0.0.2"},{"ip":"10.0.0.3"},{"ip":"10.0.0.4"}],"ports":[{"port":80}]}]"#,
      #"["x","10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...","60m"]"#
    ),
    (
      "endpointslice", #""addressType":"IPv4","ports":[{"port":80}],"endpoints":[{"addresses":["10.0.0.1"]}]"#,
      #"["x","IPv4","80","10.0.0.1","60m"]"#
    ),
    ("role", #""rules":[]"#, #"["x","2026-01-01T00:00:00Z"]"#),
    (
      "rolebinding",
      #""roleRef":{"kind":"Role","name":"r"},"subjects":[{"kind":"User","name":"u"},{"kind":"ServiceAccount","namespace":"n","name":"s"}]"#,
      #"["x","Role/r","60m","u","","n/s"]"#
    ),
    ("pc", #""value":5,"preemptionPolicy":"Never""#, #"["x",5,false,"60m","Never"]"#),
    ("runtimeclass", #""handler":"crun""#, #"["x","crun","60m"]"#),
    (
      "ev",
      #""involvedObject":{"kind":"Pod","name":"p"},"type":"Normal","reason":"Pulled","message":" done \n","source":{"component":"agent","host":"h"},"firstTimestamp":"2026-01-01T00:30:00Z","lastTimestamp":"2026-01-01T00:59:00Z","count":3"#,
      #"["60s","Normal","Pulled","pod/p","","agent, h","done","30m",3,"x"]"#
    ),
    (
      "controllerrevision",
      #""revision":2"#, #"["x","<none>",2,"60m"]"#
    ),
  ]

  @Test(
    "empty lists of a slice are told as null",
    arguments: [
      (#""addressType":"IPv4","endpoints":[],"ports":[]"#, "null null"), (#""addressType":"IPv4""#, "null null"),
      (
        #""addressType":"IPv4","endpoints":null,"ports":[{"name":"a","port":80,"protocol":"TCP"}]"#,
        #"null [{"name":"a","port":80,"protocol":"TCP"}]"#
      ),
      (#""addressType":"IPv4","endpoints":[{"addresses":["10.0.0.1"]}]"#, #"[{"addresses":["10.0.0.1"]}] null"#),
    ])
  func emptySlices(_ rest: String, _ expected: String) throws {
    let slice = try Objects.read("endpointslice", Objects.named(rest))
    #expect(["endpoints", "ports"].map { slice[$0]?.encodedText ?? "" }.joined(separator: " ") == expected)
    #expect(try Objects.createErrors("endpointslice", Objects.named(rest)) == [])
    // What a client reads and sends again changes nothing.
    #expect(try Objects.read("endpointslice", slice.encodedText) == slice)
  }

  @Test(arguments: OtherKindsTests.shown)
  func tablesTellTheState(_ kind: String, _ rest: String, _ cells: String) throws {
    let object = #"{"metadata":{"name":"x","creationTimestamp":"2026-01-01T00:00:00Z"},\#(rest)}"#
    #expect(try Objects.cells(kind, object) == cells)
  }
}
