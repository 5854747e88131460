import Testing

@testable import HTTPServing

@Suite struct LogTextTests {
  @Test(arguments: [
    ("/containers/a-b_c", "/containers/a-b_c"), ("a\r\nb", "a\\r\\nb"), ("a\u{1B}[31m", "a\\u{1B}[31m"),
    ("\"\\", "\\\"\\\\"), ("é", "\\u{00E9}"),
  ])
  func escapes(_ text: String, _ expected: String) {
    #expect(LogText.escape(text) == expected)
  }

  @Test func isBounded() {
    #expect(LogText.escape(String(repeating: "a", count: 10_000)).utf8.count <= LogText.maxBytes + 3)
  }

  @Test(arguments: [(0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT")])
  func writesDates(_ second: Int, _ text: String) {
    #expect(HTTPDate.text(second) == text)
  }
}
