import HTTPServing
import KubeMachinery
import Testing

@Suite struct JSONValueAccessTests {
  @Test func membersAreReadSetAndRemovedInPlace() {
    var object: JSONValue = ["a": 1, "b": ["c": "x"]]
    object["a"] = nil
    object["d"] = true
    object[path: ["b", "e", "f"]] = 7
    object[path: ["nothing", "below"]] = nil
    #expect(object.encodedText == #"{"b":{"c":"x","e":{"f":7}},"d":true}"#)
    #expect(object.at("b", "e", "f")?.integer == 7)
    #expect(object.at("b", "c", "f") == nil)
    object[path: ["b", "e"]] = nil
    #expect(object.at("b")?.members.map(\.name) == ["c"])
  }

  @Test func aMemberOfWhatIsNoObjectMakesItOne() {
    var value: JSONValue = "text"
    value["a"] = 1
    #expect(value == ["a": 1])
    #expect(JSONValue.null["a"] == nil)
    #expect(JSONValue.null.items.isEmpty && JSONValue.null.members.isEmpty)
  }

  @Test(
    arguments: [
      (.double(3), 3), (.double(3.5), nil), (.integer(-1), -1), (.string("3"), nil), (.double(1e30), nil),
    ] as [(JSONValue, Int64?)])
  func wholeNumbersAreReadHoweverTheyWereWritten(_ value: JSONValue, _ expected: Int64?) {
    #expect(value.integer == expected)
  }

  @Test func meaningIsIndependentOfOrderAndSpelling() {
    let one: JSONValue = ["a": 1, "b": [1, 2]]
    #expect(one.means(["b": [1, 2], "a": 1.0]))
    #expect(!one.means(["b": [2, 1], "a": 1]))
    #expect(!one.means(["a": 1, "c": [1, 2]]))
    #expect(!one.means(["a": 1]))
  }

  @Test func metadataIsReadAndWritten() {
    var object: JSONValue = [
      "kind": "ConfigMap", "apiVersion": "v1",
      "metadata": [
        "name": "x", "labels": ["a": "1"], "finalizers": ["f"], "generation": 2,
        "ownerReferences": [["apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "controller": true]],
      ],
    ]
    #expect(object.meta.name == "x" && object.meta.namespace.isEmpty && object.meta.generation == 2)
    #expect(object.meta.labels == ["a": "1"] && object.meta.finalizers == ["f"])
    #expect(object.meta.ownerReferences.first?.isController == true)
    object.meta.finalizers = []
    object.meta.labels = ["z": "1", "b": "2"]
    object.meta.resourceVersion = "12"
    object.meta.ownerReferences = []
    object.meta.deletionTimestamp = "2026-01-01T00:00:00Z"
    #expect(
      object["metadata"]?.encodedText
        == #"{"name":"x","labels":{"b":"2","z":"1"},"generation":2,"resourceVersion":"12","#
        + #""deletionTimestamp":"2026-01-01T00:00:00Z"}"#)
  }
}
