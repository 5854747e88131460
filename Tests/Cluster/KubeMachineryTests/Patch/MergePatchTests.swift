import HTTPServing
import KubeMachinery
import Testing

struct MergePatchTests {
  /// The table of RFC 7396, appendix A, as far as the patch is an object.
  static let cases: [(String, String, String)] = [
    (#"{"a":"b"}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
    (#"{"a":"b"}"#, #"{"b":"c"}"#, #"{"a":"b","b":"c"}"#),
    (#"{"a":"b"}"#, #"{"a":null}"#, "{}"),
    (#"{"a":"b","b":"c"}"#, #"{"a":null}"#, #"{"b":"c"}"#),
    (#"{"a":["b"]}"#, #"{"a":"c"}"#, #"{"a":"c"}"#),
    (#"{"a":"c"}"#, #"{"a":["b"]}"#, #"{"a":["b"]}"#),
    (#"{"a":{"b":"c"}}"#, #"{"a":{"b":"d","c":null}}"#, #"{"a":{"b":"d"}}"#),
    (#"{"a":[{"b":"c"}]}"#, #"{"a":[1]}"#, #"{"a":[1]}"#),
    (#"{"e":null}"#, #"{"a":1}"#, #"{"e":null,"a":1}"#),
    (#"[1,2]"#, #"{"a":"b","c":null}"#, #"{"a":"b"}"#),
    ("{}", #"{"a":{"bb":{"ccc":null}}}"#, #"{"a":{"bb":{}}}"#),
  ]

  @Test(arguments: cases)
  func patchesAreMerged(_ document: String, _ patch: String, _ expected: String) throws {
    #expect(
      try MergePatch.apply(JSONPatchTests.json(patch), to: JSONPatchTests.json(document)).encodedText == expected)
  }

  @Test func aPatchThatIsNoObjectIsRefused() {
    #expect(throws: PatchError(.malformed, "Invalid JSON Patch")) { try MergePatch.apply([1], to: [:]) }
  }

  @Test func objectsWithManyMembersAreMerged() throws {
    let object = JSONValue.object((0..<5_000).map { ("k\($0)", .integer(Int64($0))) })
    let patch = JSONValue.object((0..<5_000).map { ("k\($0 * 2)", $0 % 2 == 0 ? .null : "new") })
    let merged = try MergePatch.apply(patch, to: object)
    #expect(merged["k0"] == nil && merged["k2"] == "new" && merged["k1"] == 1 && merged["k9998"] == "new")
    #expect(merged.members.count == 5_000 - 1_250 + 1_250)
  }

  @Test func twiceIsOnce() throws {
    for (document, patch, _) in Self.cases {
      let once = try MergePatch.apply(JSONPatchTests.json(patch), to: JSONPatchTests.json(document))
      #expect(try MergePatch.apply(JSONPatchTests.json(patch), to: once) == once)
    }
  }
}
