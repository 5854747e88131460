import Testing

@testable import HTTPServing

@Suite struct JSONLimitsTests {
  @Test(arguments: [
    "{}", "[]", "null", #"{"a":{"a":1},"b":["a","a"]}"#, #"[{"a":1},{"a":1}]"#, #"{"a":"a","c":"a, \"a\": 1"}"#,
    #"{"a":-1.5e3,"b":18446744073709551615}"#, #"{"aA":1,"aa":2}"#,
    String(repeating: "[", count: 64) + String(repeating: "]", count: 64),
  ])
  func accepts(_ text: String) throws {
    try JSONLimits.check(Array(text.utf8))
  }

  private static let refused: [(String, String)] = [
    (String(repeating: "[", count: 100_000), "nests deeper than 64"),
    (String(repeating: "{\"a\":", count: 100_000), "nests deeper than 64"),
    (#"{"a":1,"a":2}"#, "key 'a' twice"),
    (#"{"a":1,"b":{},"\u0061":2}"#, "key 'a' twice"),
    (#"{"b":[{"x":1,"y":{"z":1},"x":2}]}"#, "key 'x' twice"),
    (#"{"a":1e999999}"#, "number that is too long"),
    ("[" + String(repeating: "1", count: 100) + "]", "number that is too long"),
    ("[" + String(repeating: "1,", count: 300_000) + "1]", "more than 200000 values"),
    (#"{"a"#, "ends inside a string"),
  ]

  @Test(arguments: refused)
  func refusesATT060(_ text: String, _ part: String) {
    let refusal = #expect(throws: HTTPRefusal.self) { try JSONLimits.check(Array(text.utf8)) }
    #expect(refusal?.status == .badRequest)
    #expect(refusal?.message.contains(part) == true)
  }

  @Test func refusesALongStringATT060() {
    var bytes = Array(#"{"a":""#.utf8)
    bytes += [UInt8](repeating: 97, count: 50 * 1024 * 1024)
    bytes += Array(#""}"#.utf8)
    let refusal = #expect(throws: HTTPRefusal.self) { try JSONLimits.check(bytes) }
    #expect(refusal?.status == .payloadTooLarge)
  }
}
