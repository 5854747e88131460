import HTTPServing
import Testing

@testable import KubeMachinery

struct FieldSetTests {
  static func set(_ text: String) throws -> FieldSet {
    try #require(FieldSet(document: JSONPatchTests.json(text)))
  }

  @Test(arguments: [
    "{}", #"{"f:spec":{"f:replicas":{}}}"#, #"{"f:metadata":{"f:labels":{".":{},"f:a":{}}}}"#,
    #"{"f:l":{"k:{\"name\":\"a\",\"port\":80}":{".":{},"f:x":{}}}}"#, #"{"f:s":{"v:\"x\"":{},"v:true":{}}}"#,
    #"{"f:a":{"i:0":{}}}"#,
  ])
  func documentsAreReadAndWritten(_ text: String) throws {
    #expect(try Self.set(text).document.encodedText == text)
  }

  @Test(arguments: [
    (#"{"f:b":{},"f:a":{}}"#, #"{"f:a":{},"f:b":{}}"#),
    (#"{"k:{ \"b\" : 1.0, \"a\":\"x\" }":{}}"#, #"{"k:{\"a\":\"x\",\"b\":1}":{}}"#),
    (#"{"f:a":{".":{}}}"#, #"{"f:a":{}}"#),
  ])
  func otherSpellingsBecomeTheOneForm(_ text: String, _ expected: String) throws {
    #expect(try Self.set(text).document.encodedText == expected)
  }

  @Test(arguments: [
    #"{"a":{}}"#, #"{"x:a":{}}"#, #"{"f":{}}"#, #"{"f:a":1}"#, "[]", #"{"k:1":{}}"#, #"{"k:{}":{}}"#, #"{"v:":{}}"#,
    #"{"i:x":{}}"#, #"{"v:1":{},"v:1.0":{}}"#,
  ])
  func whatIsNoSetOfFieldsIsNotRead(_ text: String) throws {
    #expect(try FieldSet(document: JSONPatchTests.json(text)) == nil)
  }

  @Test func thePathsOfASetAreShownAsMessagesHaveThem() throws {
    var shown: [String] = []
    try Self.set(
      #"{"f:spec":{".":{},"f:c":{"k:{\"name\":\"web\",\"port\":80}":{"f:image":{}}},"f:s":{"v:\"a\"":{}},"f:i":{"i:3":{}}}}"#
    ).forEachPath { shown.append($0.map(\.shown).joined()) }
    #expect(shown == [".spec", #".spec.c[name="web",port=80].image"#, ".spec.i[3]", #".spec.s[="a"]"#])
  }

  /// Each operation against the same on plain sets of paths.
  @Test func operationsAreThoseOfSets() {
    var random = SeededGenerator(seed: 0xf5)
    func path() -> [PathElement] {
      (0..<Int.random(in: 1..<4, using: &random)).map { _ in
        .field(["a", "b", "c"][Int.random(in: 0..<3, using: &random)])
      }
    }
    func paths(_ set: FieldSet) -> Set<[PathElement]> {
      var all: Set<[PathElement]> = []
      set.forEachPath { all.insert($0) }
      return all
    }
    for _ in 0..<1_000 {
      var one = FieldSet()
      var two = FieldSet()
      for _ in 0..<Int.random(in: 0..<8, using: &random) { one.insert(path()) }
      for _ in 0..<Int.random(in: 0..<8, using: &random) { two.insert(path()) }
      let left = paths(one)
      let right = paths(two)
      #expect(paths(one.union(two)) == left.union(right))
      #expect(paths(one.intersection(two)) == left.intersection(right))
      #expect(paths(one.subtracting(two)) == left.subtracting(right))
      let outside = left.filter { path in !(1...path.count).contains { right.contains(Array(path.prefix($0))) } }
      #expect(paths(one.excluding(two)) == outside)
      #expect(left.allSatisfy { one.contains($0) } && right.subtracting(left).allSatisfy { !one.contains($0) })
      #expect(FieldSet(document: one.document) == one)
    }
  }
}
