import HTTPServing
import KubeMachinery
import Testing

struct JSONPatchTests {
  static func json(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

  static let applied: [(String, String, String)] = [
    (#"{"a":1}"#, #"[{"op":"add","path":"/b","value":[1]}]"#, #"{"a":1,"b":[1]}"#),
    (#"{"a":1}"#, #"[{"op":"add","path":"/a","value":2}]"#, #"{"a":2}"#),
    (#"{"a":[1,3]}"#, #"[{"op":"add","path":"/a/1","value":2}]"#, #"{"a":[1,2,3]}"#),
    (#"{"a":[1]}"#, #"[{"op":"add","path":"/a/-","value":2}]"#, #"{"a":[1,2]}"#),
    (#"{"a":[1]}"#, #"[{"op":"add","path":"/a/1","value":2}]"#, #"{"a":[1,2]}"#),
    (#"{"a":[1]}"#, #"[{"op":"add","path":"/a/-1","value":2}]"#, #"{"a":[1,2]}"#),
    (#"{"a":[1,2]}"#, #"[{"op":"remove","path":"/a/0"}]"#, #"{"a":[2]}"#),
    (#"{"a":[1,2]}"#, #"[{"op":"remove","path":"/a/-1"}]"#, #"{"a":[1]}"#),
    (#"{"a":{"b":1},"c":2}"#, #"[{"op":"remove","path":"/a/b"}]"#, #"{"a":{},"c":2}"#),
    (#"{"a":1}"#, #"[{"op":"replace","path":"/a","value":null}]"#, #"{"a":null}"#),
    (#"{"a":1}"#, #"[{"op":"replace","path":"/new","value":1}]"#, #"{"a":1,"new":1}"#),
    (#"{"a":[1,2]}"#, #"[{"op":"replace","path":"/a/1","value":9}]"#, #"{"a":[1,9]}"#),
    (#"{"a":1}"#, #"[{"op":"replace","path":"","value":{"b":2}}]"#, #"{"b":2}"#),
    (#"{"a":{"x":1},"b":{}}"#, #"[{"op":"move","from":"/a/x","path":"/b/y"}]"#, #"{"a":{},"b":{"y":1}}"#),
    (#"{"a":[1,2,3]}"#, #"[{"op":"move","from":"/a/0","path":"/a/2"}]"#, #"{"a":[2,3,1]}"#),
    (#"{"a":{"x":1}}"#, #"[{"op":"copy","from":"/a","path":"/b"}]"#, #"{"a":{"x":1},"b":{"x":1}}"#),
    (#"{"a":1}"#, #"[{"op":"test","path":"/a","value":1.0},{"op":"remove","path":"/a"}]"#, "{}"),
    (#"{"a":{"x":1,"y":2}}"#, #"[{"op":"test","path":"/a","value":{"y":2,"x":1}}]"#, #"{"a":{"x":1,"y":2}}"#),
    (#"{"a":1}"#, #"[{"op":"test","path":"/b","value":null}]"#, #"{"a":1}"#),
    (#"{"a":1}"#, #"[{"op":"test","path":"","value":{"a":1}}]"#, #"{"a":1}"#),
    (#"{"a/b":1,"m~n":2}"#, #"[{"op":"remove","path":"/a~1b"},{"op":"remove","path":"/m~0n"}]"#, "{}"),
    (#"{"~1":1}"#, #"[{"op":"remove","path":"/~01"}]"#, "{}"),
    (#"{"":1}"#, #"[{"op":"remove","path":"/"}]"#, "{}"),
    (#"{"a":1}"#, "[]", #"{"a":1}"#),
  ]

  @Test(arguments: applied)
  func operationsChangeTheDocument(_ document: String, _ patch: String, _ expected: String) throws {
    #expect(try JSONPatch(Self.json(patch)).apply(to: Self.json(document)).encodedText == expected)
  }

  static let refused: [(String, PatchError.Code, String)] = [
    ("{}", .malformed, "json: cannot unmarshal object into Go value of type jsonpatch.Patch"),
    ("[1]", .malformed, "json: cannot unmarshal number into Go value of type jsonpatch.Operation"),
    (#"[{"op":"jump","path":"/a"}]"#, .unprocessable, "Unexpected kind: jump"),
    (#"[{"path":"/a"}]"#, .unprocessable, "Unexpected kind: unknown"),
    (#"[{"op":"add","value":1}]"#, .unprocessable, "add operation failed to decode path: missing value"),
    (#"[{"op":"add","path":"/a"}]"#, .unprocessable, "add operation is missing its value: missing value"),
    (#"[{"op":"add","path":"a","value":1}]"#, .unprocessable, #"add operation has the path "a": expected '/' first"#),
    (
      #"[{"op":"add","path":"/x/y","value":1}]"#, .unprocessable,
      #"add operation does not apply: doc is missing path: "/x/y": missing value"#
    ),
    (
      #"[{"op":"add","path":"/a/b","value":1}]"#, .unprocessable,
      #"add operation does not apply: doc is missing path: "/a/b": missing value"#
    ),
    (
      #"[{"op":"add","path":"/l/3","value":1}]"#, .unprocessable,
      "error in add for path: '/l/3': Unable to access invalid index: 3: invalid index referenced"
    ),
    (
      #"[{"op":"add","path":"/l/x","value":1}]"#, .unprocessable,
      #"error in add for path: '/l/x': value was not a proper array index: "x""#
    ),
    (
      #"[{"op":"remove","path":"/x"}]"#, .unprocessable,
      "error in remove for path: '/x': Unable to remove nonexistent key: x: missing value"
    ),
    (
      #"[{"op":"remove","path":""}]"#, .unprocessable,
      #"remove operation does not apply: doc is missing path: "": missing value"#
    ),
    (
      #"[{"op":"replace","path":"/l/7","value":1}]"#, .unprocessable,
      #"replace operation does not apply: doc is missing key: "/l/7": missing value"#
    ),
    (
      #"[{"op":"replace","path":"","value":1}]"#, .unprocessable,
      "replace operation value must be object or array"
    ),
    (
      #"[{"op":"move","from":"/o","path":"/o/x"}]"#, .unprocessable,
      #"move operation does not apply: "/o/x" is within "/o""#
    ),
    (
      #"[{"op":"copy","from":"/x","path":"/y"}]"#, .unprocessable,
      #"copy operation does not apply: doc is missing from path: "/x": missing value"#
    ),
    (#"[{"op":"test","path":"/a","value":2}]"#, .unprocessable, "testing value /a failed: test failed"),
    (#"[{"op":"test","path":"/x","value":2}]"#, .unprocessable, "testing value /x failed: test failed"),
  ]

  @Test(arguments: refused)
  func aBadPatchIsRefusedAndChangesNothing(_ patch: String, _ code: PatchError.Code, _ message: String) throws {
    let document = try Self.json(#"{"a":1,"l":[1,2],"o":{}}"#)
    #expect(throws: PatchError(code, message)) { try JSONPatch(Self.json(patch)).apply(to: document) }
  }

  @Test func thePatchIsBounded() throws {
    let many = JSONValue.array(
      Array(repeating: ["op": "test", "path": "/a", "value": 1], count: JSONPatch.maxOperations + 1))
    #expect(
      throws: PatchError(.tooLarge, "The allowed maximum operations in a JSON patch is 10000, got 10001")
    ) { try JSONPatch(many) }

    // Each copy doubles the document.
    var operations: [JSONValue] = []
    for number in 0..<40 {
      operations.append(["op": "copy", "from": "/a", "path": .string("/b\(number)")])
      operations.append(["op": "copy", "from": "", "path": "/a"])
    }
    let document: JSONValue = ["a": ["x": "y"]]
    #expect {
      try JSONPatch(.array(operations)).apply(to: document)
    } throws: { error in
      guard let error = error as? PatchError else { return false }
      return error.code == .tooLarge || error.message.contains("nests the document deeper")
    }
  }

  @Test func copiesAreBoundedInBytes() throws {
    let text = String(repeating: "x", count: 1 << 20)
    let copies = JSONValue.array((0..<4).map { ["op": "copy", "from": "/a", "path": .string("/b\($0)")] })
    #expect {
      try JSONPatch(copies).apply(to: ["a": .string(text)])
    } throws: { ($0 as? PatchError)?.code == .tooLarge }
  }

  @Test func nestingIsBoundedThoughEachOperationIsShallow() throws {
    let step: JSONValue = ["op": "move", "from": "/a", "path": "/b/a"]
    let back: JSONValue = ["op": "move", "from": "/b", "path": "/a"]
    let fresh: JSONValue = ["op": "add", "path": "/b", "value": [:]]
    let operations = (0..<100).flatMap { _ in [fresh, step, back] }
    #expect(throws: PatchError(.unprocessable, "move operation nests the document deeper than 64 levels")) {
      try JSONPatch(.array(operations)).apply(to: ["a": [:]])
    }
  }

  @Test func workOnLongListsIsBounded() throws {
    let list = JSONValue.array(Array(repeating: 0, count: 100_000))
    let operations = JSONValue.array(
      Array(repeating: ["op": "add", "path": "/l/0", "value": 1], count: 1_000))
    #expect(throws: PatchError(.tooLarge, "the JSON patch takes more than 20000000 steps")) {
      try JSONPatch(operations).apply(to: ["l": list])
    }
  }

  @Test func randomPatchesNeverTrap() throws {
    var random = SeededGenerator(seed: 0x6902)
    let paths = ["", "/", "/a", "/a/0", "/a/-", "/a/-1", "/b/c", "/b", "/b/c/d", "/x~1y", "/9", "a"]
    let kinds = ["add", "remove", "replace", "move", "copy", "test", "none"]
    let values: [JSONValue] = [.null, 1, "x", [1, 2], ["c": ["d": 1]], 1.5]
    func pick<Item>(_ items: [Item]) -> Item { items[Int.random(in: 0..<items.count, using: &random)] }
    let document: JSONValue = ["a": [1, 2, 3], "b": ["c": ["d": [1]]], "x/y": true]
    var successes = 0
    for _ in 0..<5_000 {
      let operations = (0..<Int.random(in: 1..<5, using: &random)).map { _ -> JSONValue in
        ["op": .string(pick(kinds)), "path": .string(pick(paths)), "from": .string(pick(paths)), "value": pick(values)]
      }
      guard let result = try? JSONPatch(.array(operations)).apply(to: document) else { continue }
      successes += 1
      #expect(try JSONParser.parse(result.encoded()) == result)
    }
    #expect(successes > 100)
  }
}
