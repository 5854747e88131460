import HTTPServing
import KubeMachinery
import Testing

struct StrategicMergePatchTests {
  private static let port = ObjectSchema(
    "Port", "", fields: [Field("port", .integer(bits: 32), ""), Field("protocol", .string(), "")])
  private static let container = ObjectSchema(
    "Container", "",
    fields: [
      Field("name", .string(), ""), Field("image", .string(), ""), Field("args", .list(.string(), .atomic), ""),
      Field(
        "ports", .list(.object(port), .map(keys: ["port", "protocol"])), "", merge: MergeRule(key: "port")),
    ])
  private static let schema = ObjectSchema(
    "Pod", "",
    fields: [
      Field("labels", .map(.string()), ""),
      Field("containers", .list(.object(container), .map(keys: ["name"])), "", merge: MergeRule(key: "name")),
      Field("finalizers", .list(.string(), .set), "", merge: MergeRule()),
      Field("tolerations", .list(.object(port), .atomic), ""),
      Field("bad", .list(.object(port), .atomic), "", merge: MergeRule()),
      Field(
        "strategy",
        .object(
          ObjectSchema(
            "Strategy", "", fields: [Field("type", .string(), ""), Field("rolling", .map(.integer(bits: 32)), "")])),
        "", merge: MergeRule(mergesItems: false, retainsKeys: true)),
    ])

  static let cases: [(String, String, String)] = [
    (#"{"labels":{"a":"1","b":"2"}}"#, #"{"labels":{"a":null,"c":"3"}}"#, #"{"labels":{"b":"2","c":"3"}}"#),
    (
      #"{"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}]}"#,
      #"{"containers":[{"name":"b","image":"3"}]}"#,
      #"{"containers":[{"name":"a","image":"1"},{"name":"b","image":"3"}]}"#
    ),
    // A new item stands before those that the patch does not name, unless the patch gives an order.
    (
      #"{"containers":[{"name":"a"},{"name":"b"}]}"#, #"{"containers":[{"name":"c"}]}"#,
      #"{"containers":[{"name":"c"},{"name":"a"},{"name":"b"}]}"#
    ),
    (
      #"{"containers":[{"name":"a"},{"name":"b"}]}"#,
      #"{"$setElementOrder/containers":[{"name":"a"},{"name":"b"},{"name":"c"}],"containers":[{"name":"c"}]}"#,
      #"{"containers":[{"name":"a"},{"name":"b"},{"name":"c"}]}"#
    ),
    (
      #"{"containers":[{"name":"a"},{"name":"b"},{"name":"s"}]}"#,
      #"{"$setElementOrder/containers":[{"name":"b"},{"name":"a"}]}"#,
      #"{"containers":[{"name":"b"},{"name":"a"},{"name":"s"}]}"#
    ),
    (
      #"{"containers":[{"name":"a"},{"name":"b"}]}"#, #"{"containers":[{"name":"a","$patch":"delete"}]}"#,
      #"{"containers":[{"name":"b"}]}"#
    ),
    (
      #"{"containers":[{"name":"a"},{"name":"b"}]}"#, #"{"containers":[{"$patch":"replace"},{"name":"c"}]}"#,
      #"{"containers":[{"name":"c"}]}"#
    ),
    (
      #"{"containers":[{"name":"a","ports":[{"port":80,"protocol":"TCP"}]}]}"#,
      #"{"containers":[{"name":"a","ports":[{"port":80,"protocol":"UDP"},{"port":81}]}]}"#,
      #"{"containers":[{"name":"a","ports":[{"port":80,"protocol":"UDP"},{"port":81}]}]}"#
    ),
    (
      #"{"containers":[{"name":"a","args":["x","y"]}]}"#, #"{"containers":[{"name":"a","args":["z"]}]}"#,
      #"{"containers":[{"name":"a","args":["z"]}]}"#
    ),
    (#"{"containers":[{"name":"a"}]}"#, #"{"containers":null}"#, "{}"),
    ("{}", #"{"containers":[{"name":"a","image":null}]}"#, #"{"containers":[{"name":"a"}]}"#),
    ("{}", #"{"containers":[{"name":"a","$patch":"delete"}]}"#, #"{"containers":[]}"#),
    (#"{"finalizers":["a","b"]}"#, #"{"finalizers":["c","a"]}"#, #"{"finalizers":["c","a","b"]}"#),
    (
      #"{"finalizers":["a","b","c"]}"#, #"{"$deleteFromPrimitiveList/finalizers":["b","x"]}"#,
      #"{"finalizers":["a","c"]}"#
    ),
    ("{}", #"{"$deleteFromPrimitiveList/finalizers":["b"]}"#, "{}"),
    (
      #"{"finalizers":["a","b"]}"#,
      #"{"$setElementOrder/finalizers":["b","a","c"],"finalizers":["c"]}"#, #"{"finalizers":["b","a","c"]}"#
    ),
    (#"{"tolerations":[{"port":1}]}"#, #"{"tolerations":[{"port":2}]}"#, #"{"tolerations":[{"port":2}]}"#),
    (
      #"{"strategy":{"type":"Rolling","rolling":{"max":1}}}"#,
      #"{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}"#, #"{"strategy":{"type":"Recreate"}}"#
    ),
    (
      #"{"strategy":{"type":"Rolling","rolling":{"max":1}}}"#, #"{"strategy":{"$patch":"replace","type":"X"}}"#,
      #"{"strategy":{"type":"X"}}"#
    ),
    (#"{"labels":{"a":"1"}}"#, #"{"labels":{"$patch":"delete"}}"#, #"{"labels":{}}"#),
    ("{}", #"{"labels":{"$patch":"delete"}}"#, "{}"),
    (#"{"labels":{"a":"1"}}"#, #"{"labels":"text"}"#, #"{"labels":"text"}"#),
    (#"{"labels":{"a":"1"}}"#, "{}", #"{"labels":{"a":"1"}}"#),
    (#"{}"#, #"{"unknown":{"a":null,"b":[1]}}"#, #"{"unknown":{"b":[1]}}"#),
  ]

  @Test(arguments: cases)
  func patchesAreMergedByTheRulesOfTheFields(_ document: String, _ patch: String, _ expected: String) throws {
    let merged = try StrategicMergePatch(Self.schema).apply(
      JSONPatchTests.json(patch), to: JSONPatchTests.json(document))
    #expect(merged.encodedText == expected)
  }

  static let refused: [(String, PatchError.Code, String)] = [
    ("[]", .malformed, "invalid JSON document"),
    (
      #"{"containers":[{"image":"x"}]}"#, .malformed,
      "map: map[image:x] does not contain declared merge key: name"
    ),
    (
      #"{"containers":[{"name":"a","$patch":"nonsense"}]}"#, .malformed,
      "unknown patch type: nonsense in map: map[$patch:nonsense name:a]"
    ),
    (#"{"labels":{"$patch":"merge"}}"#, .malformed, "unknown patch type: merge in map: map[$patch:merge]"),
    (
      #"{"containers":[{"$patch":"merge"}]}"#, .malformed, "merging lists cannot yet be specified in the patch"
    ),
    (#"{"containers":[["x"]]}"#, .unprocessable, "lists of lists are not supported"),
    (
      #"{"containers":["x"]}"#, .malformed, "list element types are not identical: [map[name:a] x]"
    ),
    (#"{"bad":[{"port":1}]}"#, .malformed, "cannot merge lists without merge key for Port"),
    (#"{"strategy":{"$retainKeys":["x"],"type":"y"}}"#, .malformed, "invalid patch format of retainKeys"),
    (#"{"strategy":{"$retainKeys":"type"}}"#, .malformed, "invalid patch format of retainKeys"),
    (#"{"$deleteFromPrimitiveList/finalizers":"a"}"#, .malformed, "invalid patch format of primitive list"),
    (#"{"$deleteFromPrimitiveList":["a"]}"#, .malformed, "invalid patch format of primitive list"),
    (#"{"$setElementOrder":["a"]}"#, .malformed, "invalid patch format of setElementOrder list"),
    (
      #"{"$setElementOrder/finalizers":"a"}"#, .malformed, "expected a []interface {}, but received a string"
    ),
    (
      #"{"$setElementOrder/finalizers":["a"],"finalizers":["b"]}"#, .malformed,
      "The order in patch list:\n[b]\n doesn't match $setElementOrder list:\n[a]\n"
    ),
  ]

  @Test(arguments: refused)
  func aBadPatchIsRefused(_ patch: String, _ code: PatchError.Code, _ message: String) throws {
    let document = try JSONPatchTests.json(
      #"{"containers":[{"name":"a"}],"labels":{"x":"y"},"strategy":{"type":"z"},"bad":[{"port":1}],"finalizers":["a"]}"#
    )
    #expect(throws: PatchError(code, message)) {
      try StrategicMergePatch(Self.schema).apply(JSONPatchTests.json(patch), to: document)
    }
  }

  @Test func longListsAreMergedInTime() throws {
    let items = (0..<20_000).map { JSONValue.object([("name", .string("c\($0)")), ("image", "old")]) }
    let changes = (0..<20_000).map { JSONValue.object([("name", .string("c\($0 * 2)")), ("image", "new")]) }
    let merged = try StrategicMergePatch(Self.schema).apply(
      ["containers": .array(changes)], to: ["containers": .array(items)])
    #expect(merged["containers"]?.items.count == 30_000)
  }

  @Test func randomPatchesNeverTrapAndAreStable() throws {
    var random = SeededGenerator(seed: 0x57a)
    func pick<Item>(_ items: [Item]) -> Item { items[Int.random(in: 0..<items.count, using: &random)] }
    func value(_ depth: Int) -> JSONValue {
      switch Int.random(in: 0..<(depth > 3 ? 4 : 7), using: &random) {
      case 0: return .null
      case 1: return pick(["delete", "replace", "merge", "a", "b"])
      case 2: return .integer(Int64.random(in: 0..<3, using: &random))
      case 3: return ["name": pick(["a", "b", "c"]), "image": pick(["x", "y"])]
      case 4: return .array((0..<Int.random(in: 0..<4, using: &random)).map { _ in value(depth + 1) })
      default:
        let names = [
          "name", "containers", "labels", "finalizers", "ports", "$patch", "$retainKeys", "$setElementOrder/finalizers",
          "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers", "strategy", "type", "tolerations",
        ]
        var object = JSONValue.object([])
        for _ in 0..<Int.random(in: 0..<5, using: &random) { object[pick(names)] = value(depth + 1) }
        return object
      }
    }
    let patcher = StrategicMergePatch(Self.schema)
    let document = try JSONPatchTests.json(
      #"{"containers":[{"name":"a"},{"name":"b","image":"x"}],"labels":{"x":"y"},"finalizers":["a","b"]}"#)
    var applied = 0
    for _ in 0..<5_000 {
      let patch = value(0)
      guard let once = try? patcher.apply(patch, to: document) else { continue }
      applied += 1
      #expect(try JSONParser.parse(once.encoded()) == once)
    }
    #expect(applied > 200)
  }
}
