import Testing

@testable import bulkhead

@Suite struct JSONTests {
  @Test(arguments: [
    (#"{"b":1,"a":[true,false,null,-1.5e3],"t":"x\n\"\\\/"}"#, #"{"b":1,"a":[true,false,null,-1.5e3],"t":"x\n\"\\/"}"#),
    (" [ ] ", "[]"), ("{}", "{}"), (#""Aé😀""#, "\"Aé😀\""), (#""\ud83dx""#, "\"\u{FFFD}x\""),
    ("18446744073709551615", "18446744073709551615"), (#""\u0001""#, #""\u0001""#),
  ])
  func printsWhatItRead(source: String, expected: String) throws {
    #expect(try JSONParser.parse(source).compact == expected)
  }

  @Test(arguments: [
    ("", JSONParser.Failure.unexpectedEnd), ("{", .unexpectedEnd), (#"{"a""#, .unexpectedEnd),
    (#""abc"#, .unexpectedEnd),
    ("[1,]", .unexpectedByte(UInt8(ascii: "]"), offset: 3)), ("{1:2}", .unexpectedByte(UInt8(ascii: "1"), offset: 1)),
    ("tru", .unexpectedEnd), ("nul1", .unexpectedByte(UInt8(ascii: "1"), offset: 3)),
    ("1 2", .trailingBytes(offset: 2)),
    ("--1", .invalidNumber(offset: 0)), ("+1", .invalidNumber(offset: 0)), (#""\x""#, .invalidEscape(offset: 2)),
    (#""\u12g4""#, .invalidEscape(offset: 3)), (#""\u12"#, .unexpectedEnd),
    (String(repeating: "[", count: 200), .tooDeep),
  ])
  func refuses(source: String, expected: JSONParser.Failure) {
    #expect(throws: expected) { try JSONParser.parse(source) }
  }

  @Test func findsMembersAndConverts() throws {
    let value = try JSONParser.parse(#"{"State":{"Pid":12,"Up":true},"Big":1e30,"List":["a"]}"#)
    #expect(value["State"]["Pid"].int == 12)
    #expect(value["State"]["Up"].bool == true)
    #expect(value["Big"].int == .max)
    #expect(value["List"].items == ["a"])
    #expect(value["Nothing"]["There"].isNull)
  }

  @Test func setsMembersInPlaceAndAtTheEnd() {
    var value: JSONValue = ["a": 1]
    value["b"]["c"] = "x"
    value["a"] = 2
    #expect(value.compact == #"{"a":2,"b":{"c":"x"}}"#)
  }

  @Test func printsOverManyLines() {
    let value: JSONValue = ["a": [1, [:]], "b": []]
    #expect(value.pretty == "{\n    \"a\": [\n        1,\n        {}\n    ],\n    \"b\": []\n}")
  }
}
