import HTTPServing
import KubeMachinery
import Testing

struct KindTests {
  private static func gadget(_ spec: String = #"{"ports":[{"name":"p"}]}"#) throws -> JSONValue {
    var object = try Sample.json(#"{"metadata":{"name":"g","namespace":"n"},"spec":\#(spec)}"#)
    Sample.kind.applyDefaults(to: &object)
    return object
  }

  @Test(arguments: [
    (#"{"ports":[{"name":"p"}]}"#, #"{"ports":[{"name":"p","protocol":"TCP"}],"replicas":1,"mode":"fast"}"#),
    (
      #"{"ports":[{"protocol":"","name":"p"}],"replicas":0,"mode":"slow"}"#,
      #"{"ports":[{"protocol":"TCP","name":"p"}],"replicas":0,"mode":"slow"}"#
    ),
  ])
  func defaultsAreSetWhereNothingIsSaid(_ spec: String, _ expected: String) throws {
    var object = try Self.gadget(spec)
    #expect(object["spec"]?.means(try Sample.json(expected)) == true, "\(object.encodedText)")
    let once = object
    Sample.kind.applyDefaults(to: &object)
    #expect(object == once, "a second time changes nothing")
  }

  @Test(arguments: [
    (#"{"ports":[{"name":"p"}]}"#, []),
    (#"{}"#, ["spec.ports: Required value"]),
    (#"{"ports":[{"name":""}]}"#, ["spec.ports[0].name: Required value"]),
    (
      #"{"ports":[{"name":"p"},{"name":"q","protocol":"ICMP"}]}"#,
      [#"spec.ports[1].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP""#]
    ),
  ])
  func objectsAreChecked(_ spec: String, _ errors: [String]) throws {
    #expect(Sample.kind.createErrors(try Self.gadget(spec)).map(\.text) == errors)
  }

  @Test func namesAndNamespacesAreChecked() throws {
    let nameless = try Sample.json(#"{"metadata":{"namespace":"n"},"spec":{"ports":[{"name":"p"}]}}"#)
    #expect(
      Sample.kind.createErrors(nameless).map(\.text) == [
        "metadata.name: Required value: name or generateName is required"
      ])
    let homeless = try Sample.json(#"{"metadata":{"name":"g"},"spec":{"ports":[{"name":"p"}]}}"#)
    #expect(Sample.kind.createErrors(homeless).map(\.text) == ["metadata.namespace: Required value"])
  }

  @Test func whatAClientCannotSetIsPutBack() throws {
    var object = try Self.gadget()
    object["status"] = ["replicas": 7]
    Sample.kind.prepareCreate(&object)
    #expect(object["status"] == .object([]))
    #expect(object["metadata"]?["generation"] == 1)

    var changed = object
    changed["status"] = ["replicas": 9]
    Sample.kind.prepareUpdate(&changed, old: object)
    #expect(changed["status"] == .object([]))
    #expect(changed["metadata"]?["generation"] == 1, "nothing that is wanted has changed")
    changed["spec"]?["replicas"] = 4
    Sample.kind.prepareUpdate(&changed, old: object)
    #expect(changed["metadata"]?["generation"] == 2)

    var status = object
    status["spec"]?["replicas"] = 8
    status["status"] = ["replicas": 2]
    Sample.kind.prepareStatusUpdate(&status, old: object)
    #expect(status["spec"] == object["spec"])
    #expect(status["status"] == ["replicas": 2])
  }

  @Test func changesOfWhatStaysAreRefused() throws {
    let old = try Self.gadget()
    var new = old
    new["spec"]?["mode"] = "slow"
    new["metadata"]?["name"] = "h"
    #expect(
      Sample.kind.updateErrors(new, old: old).map(\.text) == [
        #"metadata.name: Invalid value: "h": field is immutable"#,
        #"spec.mode: Invalid value: "slow": field is immutable"#,
      ])
  }

  @Test func kindsAreFoundByWhatUsersCallThem() {
    for name in ["gadgets", "gadget", "gd", "GD"] { #expect(Sample.catalog.kind(called: name)?.plural == "gadgets") }
    #expect(Sample.catalog.kind(called: "gizmo") == nil)
    #expect(Sample.catalog.kind(group: "example.io", version: "v1", plural: "gadgets")?.listKind == "GadgetList")
    #expect(Sample.catalog.kind(group: "", version: "v1", plural: "gadgets") == nil)
    #expect(Sample.catalog.groups == ["", "example.io"])
    #expect(Sample.kind.selectableValue("spec.mode", of: ["spec": ["mode": "x"]]) == "x")
    #expect(Sample.kind.selectableValue("spec.size", of: [:]) == nil)
  }
}
