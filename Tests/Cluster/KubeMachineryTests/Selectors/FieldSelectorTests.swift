import KubeMachinery
import Testing

struct FieldSelectorTests {
  private static let podFields = ["spec.nodeName", "status.phase"]
  private static let pod = ["metadata.name": "web", "metadata.namespace": "x", "status.phase": "Running"]

  @Test(arguments: [
    ("", true), ("metadata.name=web", true), ("metadata.name==web", true), ("metadata.name!=web", false),
    ("status.phase=Running,spec.nodeName=", true), ("spec.nodeName!=", false), (",metadata.name=web,", true),
    (#"metadata.name=a\,b"#, false), ("metadata.namespace=x,status.phase!=Failed", true),
  ])
  func objectsAreSelected(_ text: String, _ expected: Bool) throws {
    let selector = try FieldSelector(parsing: text, fields: Self.podFields)
    #expect(selector.matches { Self.pod[$0] ?? "" } == expected)
    let again = try FieldSelector(parsing: selector.description, fields: Self.podFields)
    #expect(again == selector)
  }

  @Test(arguments: [
    ("spec.foo=1", "field label not supported: spec.foo"),
    ("metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
    (#"metadata.name=a\x"#, #"invalid field selector: invalid escape sequence: \x"#),
    (#"metadata.name=a\"#, #"invalid field selector: invalid escape sequence: \"#),
    ("metadata.name=a=b", "invalid field selector: unescaped character in value: 61"),
    ("metadata.name===b", "invalid field selector: unescaped character in value: 61"),
    ("=b", "field label not supported: "),
  ])
  func aBadSelectorIsRefusedInTheWordsOfARealServer(_ text: String, _ message: String) {
    #expect(throws: SelectorError(message)) { try FieldSelector(parsing: text, fields: Self.podFields) }
  }

  @Test func kindsWithoutFieldsOfTheirOwnNameTheTwoThatAllHave() {
    let message =
      #""spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace""#
    #expect(throws: SelectorError(message)) { try FieldSelector(parsing: "spec.foo=1") }
  }

  @Test func escapesAreResolved() throws {
    let selector = try FieldSelector(parsing: #"metadata.name=a\,b\=c\\"#)
    #expect(selector.terms.map(\.value) == [#"a,b=c\"#])
    #expect(selector.exactValue(of: "metadata.name") == #"a,b=c\"#)
    #expect(try FieldSelector(parsing: "metadata.name!=a").exactValue(of: "metadata.name") == nil)
  }

  @Test func selectorsAreBounded() {
    let long = "metadata.name=" + String(repeating: "a", count: FieldSelector.maxTextBytes)
    #expect(throws: SelectorError("the field selector is longer than 16384 bytes")) {
      try FieldSelector(parsing: long)
    }
    let many = Array(repeating: "metadata.name=a", count: FieldSelector.maxTerms + 1).joined(separator: ",")
    #expect(throws: SelectorError("the field selector has more than 100 terms")) { try FieldSelector(parsing: many) }
  }
}
