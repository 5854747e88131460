import HTTPServing
import Testing

@Suite struct JSONParserTests {
  private func parse(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

  @Test func readsDocuments() throws {
    let value = try parse(#" {"a":[1,-2.5,1e2,true,false,null],"b":"x\n\"\\\/\u00e9\ud83d\ude00","c":{}} "#)
    let expected: JSONValue = .object([
      ("a", .array([.integer(1), .double(-2.5), .double(100), .bool(true), .bool(false), .null])),
      ("b", .string("x\n\"\\/é😀")), ("c", .object([])),
    ])
    #expect(value == expected)
    #expect(try parse("9223372036854775807") == .integer(.max))
    #expect(try parse(#""\ud800x""#) == .string("\u{FFFD}x"))
  }

  @Test(arguments: [
    "", "{", "[1,]", #"{"a"}"#, #"{"a":}"#, #"{a:1}"#, "01", "1.", "-", "+1", "NaN", "Infinity", "1e999", "tru",
    "\"a", "\"\u{1}\"", #""\x""#, #""\u12""#, "[] []", "nul", #"{"a":1 "b":2}"#, "1e9999999",
  ])
  func refusesATT060(_ text: String) {
    let refusal = #expect(throws: HTTPRefusal.self) { try parse(text) }
    #expect(refusal?.status == .badRequest)
  }

  @Test func refusesTextThatIsNotUTF8() {
    #expect(throws: HTTPRefusal.self) { try JSONParser.parse([34, 0xFF, 34]) }
  }

  @Test(arguments: [
    ("", "unexpected end, expected a value at byte 0"), (#"{"a":}"#, "expected a value at byte 5"),
    (#"{"a":1 "b":2}"#, "expected ',' or '}' at byte 7"), ("{} x", "text after the document at byte 3"),
  ])
  func `tells where and what was expected`(_ text: String, _ reason: String) {
    let refusal = #expect(throws: HTTPRefusal.self) { try parse(text) }
    #expect(refusal?.message == "invalid JSON: \(reason)")
  }

  @Test(arguments: [
    (#"{"m":{"a":1,"x":[{"m":{"x":2}},"]},\\\"{"],"b":2},"x":3}"#, #"{"m":{"a":1,"b":2},"x":3}"#),
    (#"{"x":{"x":1},"m":{"x":{},"m":{"x":1}}}"#, #"{"x":{"x":1},"m":{"m":{"x":1}}}"#),
    (#" { "m" : { "x" : -1.5e3 , "y" : null } } "#, #"{"m":{"y":null}}"#), (#"{"m":{"x":true}}"#, #"{"m":{}}"#),
    (#"{"m":[{"x":1}]}"#, #"{"m":[{"x":1}]}"#), ("[1]", "[1]"),
  ])
  func `leaves one member of a member out`(_ text: String, _ rest: String) throws {
    let (value, outer) = try JSONParser.parse(checked: Array(text.utf8), leavingOut: "x", of: "m")
    #expect(value == (try parse(rest)))
    let outerText = outer.map { Array(Array(text.utf8)[$0]) }
    #expect(try outerText.map { try JSONParser.parse($0) } == (try parse(text)).member("m"))
  }

  @Test(arguments: [#"{"m":{"x":[1}"#, #"{"m":{"x":"a}}"#, #"{"m":{"x":"#, #"{"m":{"x"}}"#])
  func `what is left out has an end`(_ text: String) {
    #expect(throws: HTTPRefusal.self) { try JSONParser.parse(checked: Array(text.utf8), leavingOut: "x", of: "m") }
  }
}

extension JSONValue {
  fileprivate func member(_ name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }
}
