import HTTPServing
import KubeMachinery
import Testing

@testable import NodeAgent

struct LogTests {
  private static let log = """
    2027-01-15T08:00:00.000000001Z stdout F one
    2027-01-15T08:00:01.5+00:00 stderr P tw
    2027-01-15T08:00:01.6Z stderr F o
    no line of a log
    2027-01-15T10:00:02+02:00 stdout F three

    """

  private func shown(_ query: String, pieces: Int = 1_000) throws -> String {
    let options = try LogOptions(try QueryParameters(parsing: query, maxItems: 20))
    var filter = LogFilter(options, at: Timestamp(seconds: Sample.start.seconds + 3))
    let bytes = Array(Self.log.utf8)
    var output: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      output += filter.take(Array(bytes[start..<min(start + pieces, bytes.count)]))
    }
    return String(decoding: output, as: UTF8.self)
  }

  static let cases: [(String, String)] = [
    ("", "one\ntwo\nthree\n"),
    (
      "timestamps=true",
      "2027-01-15T08:00:00.000000001Z one\n2027-01-15T08:00:01.5Z two\n2027-01-15T10:00:02+02:00 three\n"
    ),
    ("limitBytes=5", "one\nt"), ("sinceSeconds=1", "three\n"), ("sinceTime=2027-01-15T08:00:01.55Z", "o\nthree\n"),
    ("stream=Stderr", "two\n"), ("stream=Stdout", "one\nthree\n"), ("sinceTime=2028-01-01T00:00:00Z", ""),
  ]

  @Test("What is asked for is shown, in whatever pieces it is read", arguments: cases)
  func filter(query: String, expected: String) throws {
    #expect(try shown(query) == expected)
    #expect(try shown(query, pieces: 7) == expected)
  }

  @Test(
    "What nobody can want is refused",
    arguments: [
      ("tailLines=-1", 422), ("limitBytes=0", 422), ("sinceSeconds=0", 422), ("tailLines=x", 400),
      ("sinceTime=yesterday", 400), ("sinceSeconds=1&sinceTime=2027-01-15T08:00:00Z", 422), ("stream=Both", 400),
    ])
  func refused(query: String, code: Int) throws {
    let parameters = try QueryParameters(parsing: query, maxItems: 20)
    #expect {
      try LogOptions(parameters)
    } throws: { ($0 as? StatusError)?.code == code }
  }

  @Test("The container is the one that is named, or the only one")
  func container() throws {
    let one = Sample.pod(#"{"initContainers":[{"name":"i"}]}"#)
    #expect(try AgentAPI.container(one, "") == "c")
    #expect(try AgentAPI.container(one, "i") == "i")
    let two = Sample.pod(#"{"containers":[{"name":"c"},{"name":"d"}]}"#)
    #expect(
      throws: StatusError.badRequest("a container name must be specified for pod p, choose one of: [c d]")
    ) { try AgentAPI.container(two, "") }
    #expect(throws: StatusError.badRequest("container x is not valid for pod p")) { try AgentAPI.container(two, "x") }
  }
}
