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
}
