import Testing

@testable import bulkhead

@Suite struct EngineTests {
  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\nTrailer: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\n{\"a\":1}",
  ])
  func readsEveryFraming(answer: String) throws {
    let fake = try FakeEngine(answer: answer)
    let value = try fake.engine.call(.get, "/x y", query: [("q", "a b&c/é"), ("none", nil)])
    #expect(value["a"].int == 1)
    let head = fake.finish()
    #expect(head.hasPrefix("GET /x y?q=a%20b%26c%2F%C3%A9 HTTP/1.1\r\nHost: bulkhead\r\n"))
  }

  @Test(
    arguments: [
      ("HTTP/1.1 409 Conflict\r\nContent-Length: 21\r\n\r\n{\"message\":\"in use!\"}", "in use!", 409),
      ("HTTP/1.1 500 X\r\nContent-Length: 3\r\n\r\nxxx", "the engine answered with status 500", 500),
      (
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{x}",
        "the engine's answer is not JSON: unexpectedByte(120, offset: 1)", nil
      ),
      ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", "the engine hung up in the middle of its answer", nil),
      (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "the engine's answer is not chunked as HTTP wants it", nil
      ),
      ("SSH-2.0-OpenSSH\r\n\r\n", "the answer is not HTTP/1.1: is this the engine's socket?", nil),
      ("", "the engine hung up without an answer: its log says why ('journalctl -u bulkhead-engine')", nil),
    ] as [(String, String, Int?)])
  func tellsWhatWentWrong(answer: String, message: String, status: Int?) throws {
    let fake = try FakeEngine(answer: answer)
    #expect(throws: ClientError(message, status: status)) { try fake.engine.call(.get, "/x") }
    _ = fake.finish()
  }

  @Test func boundsTheHead() throws {
    let fake = try FakeEngine(answer: "HTTP/1.1 200 OK\r\nX: " + String(repeating: "a", count: 200_000))
    #expect(throws: ClientError.self) { try fake.engine.call(.get, "/x") }
    _ = fake.finish()
  }

  @Test func readsStreamsOfDocuments() throws {
    let fake = try FakeEngine(
      answer:
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{\"a\":1}\r\n\r\n4\r\n{\"a\"\r\n3\r\n:2}\r\n0\r\n\r\n"
    )
    let engine = try fake.engine
    var seen: [Int64?] = []
    try engine.eachDocument(of: try engine.open(.get, "/events")) { seen.append($0["a"].int) }
    #expect(seen == [1, 2])
    _ = fake.finish()
  }

  @Test func saysWhatToDoWithoutAnEngine() throws {
    let address = try EngineAddress(parsing: "/tmp/bulkhead-nowhere/docker.sock")
    let failure = #expect(throws: ClientError.self) { try Engine(address: address).call(.get, "/version") }
    #expect(
      failure?.message
        == "the engine is not running at /tmp/bulkhead-nowhere/docker.sock: start it with 'systemctl start bulkhead-engine' "
        + "or 'bulkheadd run', or name another socket with --host")
  }

  @Test func prefersTheOptionThenTheVariables() throws {
    let variables = ["BULKHEAD_HOST": "unix:///b", "DOCKER_HOST": "unix:///d"]
    func resolve(_ option: String?, _ names: [String]) throws -> String {
      try EngineAddress.resolve(option: option) { names.contains($0) ? variables[$0] : nil }.path
    }
    #expect(try resolve("/o", ["BULKHEAD_HOST", "DOCKER_HOST"]) == "/o")
    #expect(try resolve(nil, ["BULKHEAD_HOST", "DOCKER_HOST"]) == "/b")
    #expect(try resolve(nil, ["DOCKER_HOST"]) == "/d")
    #expect(try resolve(nil, []) == "/run/bulkhead/docker.sock")
  }

  @Test(arguments: ["tcp://1.2.3.4:2375", "relative.sock", "unix://" + "/" + String(repeating: "a", count: 107)])
  func refusesOtherHosts(text: String) { #expect(throws: ClientError.self) { try EngineAddress(parsing: text) } }

  @Test(
    arguments: [
      ("name", "name", nil), ("name:1", "name", "1"), ("localhost:5000/name", "localhost:5000/name", nil),
      ("localhost:5000/name:x", "localhost:5000/name", "x"),
    ] as [(String, String, String?)])
  func splitsNames(name: String, repository: String, tag: String?) {
    #expect(Engine.repositoryAndTag(name) == (repository, tag))
  }
}
