import Testing

@testable import bulkhead

@Suite struct LogLinesTests {
  private static func frame(_ stream: UInt8, _ text: String) -> String {
    String(decoding: [stream, 0, 0, 0, 0, 0, 0, UInt8(text.utf8.count)] + Array(text.utf8), as: UTF8.self)
  }

  /// Lines of a log that the engine sends as `body`.
  private static func lines(_ body: String, isTerminal: Bool = false) throws -> [String] {
    let fake = try FakeEngine(answer: "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
    let response = try fake.engine.open(.get, "/containers/x/logs")
    _ = fake.finish()
    let log = LogLines(response.body, isTerminal: isTerminal)
    var lines: [String] = []
    while let line = try log.next() {
      lines.append("\(line.time) \(line.stream) \(String(decoding: line.text, as: UTF8.self))")
    }
    return lines
  }

  @Test func framesAreJoinedToLinesOfTheirStream() throws {
    let body =
      Self.frame(1, "t1 whole\n") + Self.frame(1, "t2 be") + Self.frame(2, "t3 error\n")
      + Self.frame(1, "gun\nt4 two\n")
      + Self.frame(1, "t5 no end")
    #expect(
      try Self.lines(body) == [
        "t1 output whole", "t3 error error", "t2 output begun", "t4 output two", "t5 output no end",
      ])
  }

  @Test func terminalsHaveNoFrames() throws {
    #expect(
      try Self.lines("t1 a\r\nt2 \r\nt3 b c", isTerminal: true) == ["t1 output a", "t2 output ", "t3 output b c"])
  }

  @Test func anEmptyLogHasNoLines() throws { #expect(try Self.lines("") == []) }

  @Test(arguments: [
    ("error", "an error here", false, true), ("error", "an ERROR here", false, false),
    ("error", "an ERROR here", true, true), ("ERROR", "an error", true, true), ("", "anything", false, true),
    ("long", "lon", false, false), ("aab", "aaab", false, true), ("ä", "Bär", false, true), ("x", "", false, false),
  ])
  func textIsFound(wanted: String, line: String, ignoresCase: Bool, isFound: Bool) {
    #expect(TextFilter(wanted, ignoresCase: ignoresCase).matches(Array(line.utf8)[...]) == isFound)
  }

  @Test(arguments: [
    ["logs"], ["logs", "-i", "web"], ["logs", "--details", "a", "b"], ["logs", "--details", "--grep", "x", "a"],
    ["logs", "--format", "yaml", "a"], ["top", "--sort", "age"],
    ["logs", "--tail", "x", "a"], ["logs", "-n", "-1", "a"], ["compose", "logs", "--tail", "x"],
    ["compose", "logs", "-i", "web"], ["compose", "ps", "--status", "foo"], ["compose", "ps", "--filter", "status=up"],
    ["volume", "schedule", "--keep", "3", "data"], ["volume", "schedule", "--live", "data"],
    ["volume", "schedule", "--off", "--at", "0 3 * * *", "data"], ["volume", "backups", "ls", "--format", "{{"],
  ])
  func wrongOptionsAreRefused(arguments: [String]) {
    #expect(throws: (any Error).self) { try Bulkhead.parseAsRoot(arguments) }
  }
}
