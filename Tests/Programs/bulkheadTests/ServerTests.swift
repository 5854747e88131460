import Testing

@testable import bulkhead

@Suite struct ServerTests {
  private func server(_ fake: FakeEngine) throws -> Server {
    Server(transport: Engine(address: try EngineAddress(parsing: fake.path, service: .server)))
  }

  @Test func `a list that is one page is read as a whole`() throws {
    let fake = try FakeEngine(answer: "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n[{\"name\":\"a\"}]")
    #expect(try server(fake).list("/users").map { $0.text("name") } == ["a"])
    #expect(fake.finish().hasPrefix("GET /api/v1/users HTTP/1.1\r\n"))
  }

  @Test(
    arguments: [
      (
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 42\r\n\r\n{\"detail\":\"field 'name': 'X' is no name\"}\r\n",
        "field 'name': 'X' is no name", 400
      ),
      (
        "HTTP/1.1 404 Not Found\r\nContent-Length: 60\r\n\r\n{\"errors\":[{\"code\":\"TAG_INVALID\",\"message\":\"no such tag\"}]}  ",
        "no such tag", 404
      ),
      ("HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nxxx", "the server answered with status 500", 500),
      ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "the server's answer to '/api/v1/x' is not a list", nil),
      ("", "the server hung up without an answer: its log says why ('journalctl -u bulkhead-server')", nil),
    ] as [(String, String, Int?)])
  func `what went wrong is told in the server's words`(answer: String, message: String, status: Int?) throws {
    let fake = try FakeEngine(answer: answer)
    let server = try server(fake)
    #expect(throws: ClientError(message, status: status)) { try server.list("/x") }
    _ = fake.finish()
  }

  @Test(
    arguments: [
      ("</api/v1/users?after=b&limit=2>; rel=\"next\"", "/api/v1/users?after=b&limit=2"),
      ("</x>; rel=\"first\", </api/v1/y?after=1>; rel=\"next\"", "/api/v1/y?after=1"),
      ("<https://elsewhere.test/api/v1/x>; rel=\"next\"", nil), ("</v2/_catalog>; rel=\"next\"", nil),
      ("</api/v1/x y>; rel=\"next\"", nil), (">/api/v1/x<; rel=\"next\"", nil), ("", nil),
    ] as [(String, String?)])
  func `only links to the API's own next page are followed`(link: String, target: String?) {
    #expect(Server.next(link) == target)
  }

  @Test func `names cannot leave their place in a path`() throws {
    #expect(try Server.path("projects", "a/b?c", "members", "ä") == "/projects/a%2Fb%3Fc/members/%C3%A4")
    #expect(throws: ClientError.usage("a name is empty")) { try Server.path("projects", "") }
  }

  @Test(
    arguments: [
      ("team/app:1", "team/app", "1"), ("team/a/b@sha256:00", "team/a/b", "sha256:00"),
    ])
  func `stored images are named by tag or digest`(text: String, repository: String, reference: String) throws {
    let image = try StoredImage(parsing: text)
    #expect(image.repository == repository && image.reference == reference)
  }

  @Test(arguments: ["team/app", "team:1", "/app:1", "team/app:", "team/@sha256:0", "host:5000/app"])
  func `what names no stored image is refused`(text: String) {
    #expect(throws: ClientError.self) { try StoredImage(parsing: text) }
  }

  @Test(
    arguments: [
      ("manual", #"{"manual":{}}"#), ("push", #"{"onPush":{}}"#), ("every:1m30s", #"{"every":{"seconds":90}}"#),
      ("every:24h", #"{"every":{"seconds":86400}}"#),
      ("cron:0 3 * * 1", #"{"cron":{"_0":"0 3 * * 1"}}"#),
    ])
  func `triggers are written as the API takes them`(text: String, json: String) throws {
    #expect(try RuleTrigger.parse(text).compact == json)
    #expect(RuleTrigger.text(try RuleTrigger.parse(text)) == text)
  }

  @Test(
    arguments: [
      (#"{"blobs":14,"manifests":5,"findings":[],"furtherFindings":0}"#, false, false, "nothing is wrong"),
      (
        #"{"blobs":1,"manifests":1,"findings":[{"isRepaired":false}],"furtherFindings":0}"#, false, true,
        "1 finding, 1 open: repair with 'bulkhead registry fsck --repair --content'"
      ),
      (
        #"{"blobs":1,"manifests":1,"findings":[{"kind":"manifestIncomplete","isRepaired":false}],"furtherFindings":0}"#,
        false, false, "1 finding, 1 left: push again what is named, or remove it with 'registry rm'"
      ),
      (
        #"{"blobs":1,"manifests":1,"findings":[{"isRepaired":true}],"furtherFindings":0}"#, true, false,
        "1 finding, all repaired"
      ),
      (
        #"{"blobs":1,"manifests":1,"findings":[{"isRepaired":true},{"isRepaired":false}],"furtherFindings":3}"#, true,
        false, "5 findings, 4 left: push again what is named, or remove it with 'registry rm'"
      ),
    ])
  func `a check says what was looked at, what it found and what to do`(
    json: String, repairs: Bool, readsContent: Bool, end: String
  ) throws {
    let outcome = try JSONParser.parse(json)
    let text = RegistryCheck.summary(of: outcome, repairs: repairs, readsContent: readsContent)
    #expect(text.split(separator: "\n").last.map(String.init) == end)
    #expect(
      text.hasPrefix(outcome["blobs"].int == 14 ? "5 manifests and 14 blobs checked, " : "1 manifest and 1 blob "))
    #expect(text.contains("3 further findings not shown") == (outcome["furtherFindings"].int == 3))
  }

  @Test(arguments: ["", "often", "every:", "every:x", "Manual", "push:now"])
  func `wrong triggers are refused`(text: String) {
    #expect(throws: ClientError.self) { try RuleTrigger.parse(text) }
  }

  @Test func `rules of retention are read from one word`() throws {
    #expect(
      try ProjectSettings.rule("team/app:v*,newest=3,untagged=7").compact
        == #"{"repositories":"team/app","tags":"v*","keepNewest":3,"untaggedDays":7}"#)
    #expect(try ProjectSettings.rule("*,days=1").compact == #"{"repositories":"*","tags":"*","keepDays":1}"#)
  }

  @Test(arguments: ["*", "*,", "*,newest", "*,newest=-1", "*,newest=1,newest=2", "*,old=1", "*,days=x"])
  func `wrong rules of retention are refused`(text: String) {
    #expect(throws: ClientError.self) { try ProjectSettings.rule(text) }
  }

  @Test(arguments: [
    ("1700000000", "2023-11-14T22:13:20Z"), ("\"2026-01-31T12:00:00Z\"", "2026-01-31T12:00:00Z"), ("null", ""),
  ])
  func `points in time are shown alike`(json: String, text: String) throws {
    #expect(try JSONParser.parse(Array(json.utf8)).moment == text)
  }
}
