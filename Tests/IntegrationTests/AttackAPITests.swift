import FoundationEssentials
import Glibc
import Testing

/// Attack cases against the HTTP side of the engine. They have an engine of their own: some try to exhaust it.
@Suite("attacks on the API", .enabled(if: Target.canStart), .serialized)
final class AttackAPITests {
  private let fixture: EngineFixture
  private static let answerSeconds = 1.0
  private static let memoryLimitKiB = 100 << 10

  init() throws { fixture = try EngineFixture(importsImage: false) }

  deinit {
    for problem in fixture.tearDown() { Issue.record("left behind: \(problem)") }
  }

  /// Sends bytes on a connection of their own and reads to the end; nil when the engine just hung up.
  private func send(_ bytes: [UInt8]) throws -> HTTPAnswer? {
    let connection = try RawConnection(fixture.socket, timeoutSeconds: 10)
    do { try connection.write(bytes) } catch RawConnection.Failure.write { /* refused before its end */  }
    return HTTPAnswer(connection.readToEnd(limit: 1 << 20))
  }

  private func send(_ text: String) throws -> HTTPAnswer? { try send(Array(text.utf8)) }

  private func post(_ target: String, _ body: [UInt8]) throws -> HTTPAnswer? {
    let head =
      "POST \(target) HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
      + "Content-Length: \(body.count)\r\n\r\n"
    return try send(Array(head.utf8) + body)
  }

  /// Most resident memory of the engine so far, in KiB.
  private func peakMemoryKiB() -> Int {
    guard let process = fixture.process else { return 0 }
    for line in Subprocess.text("/proc/\(process)/status").split(separator: "\n") where line.hasPrefix("VmHWM:") {
      return Int(line.split(whereSeparator: { !$0.isNumber }).first ?? "") ?? 0
    }
    return 0
  }

  private func expectServing() throws {
    // Other tests have the cores too: the quickest of a few tells what the engine itself takes.
    let clock = ContinuousClock()
    var quickest = Duration.seconds(60)
    for _ in 0..<3 {
      let begin = clock.now
      #expect(try fixture.request("GET", "/_ping").status == 200)
      quickest = min(quickest, clock.now - begin)
    }
    #expect(quickest < .seconds(Self.answerSeconds))
  }

  // MARK: - Names

  private static let names = [
    "../../../../tmp/evil", "%2e%2e%2f%2e%2e%2fevil", "..%2f..%2fevil", "..", "%2e%2e", "a%00b", "a%2fb", "a%0d%0ab",
    "%E2%88%95evil", "%EF%BC%8Fevil", String(repeating: "n", count: 300),
  ]

  @Test("ATT-059 path traversal in names of containers", arguments: names)
  func containerNames(_ name: String) throws {
    let body = #"{"Image":"busybox"}"#
    let answer = try post("/containers/create?name=\(name)", Array(body.utf8))
    #expect(answer?.status == 400, "\(answer?.text ?? "no answer")")
    expectNothingOutside()
  }

  @Test("ATT-059 path traversal in names of volumes", arguments: names)
  func volumeNames(_ name: String) throws {
    let plain = decode(name)
    let body = try JSONEncoder().encode(["Name": plain])
    let answer = try post("/volumes/create", Array(body))
    #expect(answer?.status == 400, "\(answer?.text ?? "no answer")")
    expectNothingOutside()
  }

  @Test("ATT-059 path traversal in names of images and networks", arguments: names)
  func otherNames(_ name: String) throws {
    let image = try send(
      "POST /images/create?fromSrc=-&repo=\(name) HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    // Images, unlike everything else, may have a slash in their names.
    let isImageName = decode(name) == "a/b"
    #expect(image?.status == (isImageName ? 200 : 400), "image: \(image?.text ?? "no answer")")
    let body = try JSONEncoder().encode(["Name": decode(name)])
    let network = try post("/networks/create", Array(body))
    #expect(network?.status == 400, "network: \(network?.text ?? "no answer")")
    expectNothingOutside()
  }

  @Test(
    "ATT-059 path traversal in the path of a request",
    arguments: [
      "/containers/../../etc/passwd/json", "/containers/%2e%2e%2f%2e%2e%2fetc%2fpasswd/json", "/volumes/..%2f..%2froot",
      "/volumes/%2e%2e", "/images/..%2f..%2fx/json", "/exec/..%2fx/json", "/networks/..%2fx",
    ])
  func paths(_ target: String) throws {
    let answer = try send("GET \(target) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    #expect([400, 404].contains(answer?.status), "\(answer?.text ?? "no answer")")
    #expect(answer?.text.contains("root:x:") == false)
  }

  private func decode(_ name: String) -> String {
    var bytes: [UInt8] = []
    var rest = Array(name.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func expectNothingOutside() {
    for path in ["/tmp/evil", "\(fixture.folder)/evil", "\(fixture.root)/evil", "\(fixture.run)/evil", "/evil"] {
      #expect(access(path, F_OK) != 0, "\(path) was made")
    }
  }

  // MARK: - JSON

  @Test("ATT-060 JSON bombs", arguments: ["nesting", "objects", "string", "number", "NaN", "infinity", "surrogate"])
  func bombs(_ kind: String) throws {
    let before = peakMemoryKiB()
    let bytes: [UInt8] =
      switch kind {
      case "nesting": Array(repeating: UInt8(ascii: "["), count: 100_000)
      case "objects": Array(String(repeating: #"{"Image":"#, count: 50_000).utf8)
      case "string":
        Array(#"{"Image":""#.utf8) + Array(repeating: UInt8(ascii: "x"), count: 50 << 20) + Array(#""}"#.utf8)
      case "number": Array(#"{"Image":"busybox","HostConfig":{"Memory":1e999999}}"#.utf8)
      case "NaN": Array(#"{"Image":"busybox","HostConfig":{"Memory":NaN}}"#.utf8)
      case "infinity": Array(#"{"Image":"busybox","HostConfig":{"Memory":99999999999999999999999}}"#.utf8)
      default: Array(#"{"Image":"busy\ud800box","Cmd":["\u0000"]}"#.utf8)
      }
    let clock = ContinuousClock()
    let begin = clock.now
    let answer = try post("/containers/create", bytes)
    let expected = kind == "string" ? [400, 413] : [400]
    #expect(expected.contains(answer?.status ?? 0), "\(answer?.text.prefix(300) ?? "no answer")")
    #expect(clock.now - begin < .seconds(Self.answerSeconds * (kind == "string" ? 3 : 1)))
    #expect(peakMemoryKiB() - before < Self.memoryLimitKiB)
    try expectServing()
  }

  @Test("ATT-060 duplicate keys")
  func duplicateKeys() throws {
    let answer = try post(
      "/containers/create", Array(#"{"Image":"busybox","Image":"nosuch","HostConfig":{},"HostConfig":7}"#.utf8))
    #expect(answer?.status == 400, "\(answer?.text ?? "no answer")")
  }

  // MARK: - HTTP

  private static let smuggling: [(name: String, request: String)] = [
    (
      "both lengths",
      "POST /_ping HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    ("two lengths", "POST /_ping HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    ("length list", "POST /_ping HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 6\r\n\r\nhello!"),
    ("negative length", "POST /_ping HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
    ("length with plus", "POST /_ping HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello"),
    ("length too large", "POST /_ping HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"),
    ("folded header", "GET /_ping HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n"),
    ("space before colon", "GET /_ping HTTP/1.1\r\nHost: x\r\nX-A : a\r\n\r\n"),
    ("NUL in a header", "GET /_ping HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n"),
    ("unknown coding", "POST /_ping HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, nonsense\r\n\r\n"),
    (
      "chunk size of no number",
      "POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n"
    ),
    (
      "chunk size too large",
      "POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n"
    ),
    ("version", "GET /_ping HTTP/9.9\r\nHost: x\r\n\r\n"),
    ("no HTTP", "\u{16}\u{03}\u{01}\u{02}\u{00}\u{01}\u{00}\r\n\r\n"),
  ]

  @Test("ATT-061 HTTP smuggling", arguments: smuggling.map(\.name))
  func smuggling(_ name: String) throws {
    let request = try #require(Self.smuggling.first { $0.name == name }).request
    let connection = try RawConnection(fixture.socket, timeoutSeconds: 10)
    // A second request behind it must not be answered as one of its own.
    try connection.write(request + "GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
    let bytes = connection.readToEnd(limit: 1 << 20)
    let answer = try #require(HTTPAnswer(bytes), "no answer")
    #expect(answer.status == 400 || answer.status == 501 || answer.status == 505, "\(answer.status) \(answer.text)")
    #expect(String(decoding: bytes, as: UTF8.self).contains("ApiVersion") == false, "the second request was answered")
    try expectServing()
  }

  @Test("ATT-061 chunk extension of a mebibyte")
  func chunkExtension() throws {
    let extra = String(repeating: "x", count: 1 << 20)
    let answer = try send(
      "POST /containers/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;\(extra)\r\n{}\r\n0\r\n\r\n")
    #expect(answer == nil || answer?.status == 400, "\(answer?.status ?? 0)")
    try expectServing()
  }

  @Test("ATT-061 upgrade with a body")
  func upgradeWithBody() throws {
    let answer = try send(
      "GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 30\r\n\r\n"
        + "GET /version HTTP/1.1\r\n\r\n123456")
    #expect(answer?.text.contains("ApiVersion") != true)
    try expectServing()
  }

  @Test(
    "ATT-062 large headers",
    arguments: ["one of a mebibyte", "ten thousand", "a request line of a mebibyte"])
  func largeHeaders(_ kind: String) throws {
    let request =
      switch kind {
      case "one of a mebibyte":
        "GET /_ping HTTP/1.1\r\nHost: x\r\nX-A: \(String(repeating: "a", count: 1 << 20))\r\n\r\n"
      case "ten thousand":
        "GET /_ping HTTP/1.1\r\nHost: x\r\n" + (0..<10_000).map { "X-\($0): a\r\n" }.joined() + "\r\n"
      default: "GET /\(String(repeating: "a", count: 1 << 20)) HTTP/1.1\r\nHost: x\r\n\r\n"
      }
    let before = peakMemoryKiB()
    let answer = try send(request)
    #expect(answer == nil || [400, 414, 431].contains(answer?.status), "\(answer?.status ?? 0)")
    #expect(peakMemoryKiB() - before < Self.memoryLimitKiB)
    try expectServing()
  }

  @Test("ATT-062 two thousand connections that say little")
  func slowConnections() throws {
    let before = peakMemoryKiB()
    var connections: [RawConnection] = []
    for index in 0..<2_000 {
      // The engine may refuse or drop what is too much; the others must be served.
      guard let connection = try? RawConnection(fixture.socket, timeoutSeconds: 5) else { continue }
      let start =
        index % 2 == 0 ? "GET /_pi" : "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
      try? connection.write(start)
      connections.append(connection)
    }
    try expectServing()
    #expect(peakMemoryKiB() - before < Self.memoryLimitKiB)
    connections.removeAll()
    try expectServing()
  }

  @Test("ATT-063 many watchers of events, and a flood")
  func watchers() throws {
    let before = peakMemoryKiB()
    var connections: [RawConnection] = []
    for _ in 0..<1_000 {
      guard let connection = try? RawConnection(fixture.socket, timeoutSeconds: 5) else { continue }
      try? connection.write("GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
      connections.append(connection)
    }
    // Nobody reads, while things happen.
    for index in 0..<500 {
      let body = #"{"Name":"flood-\#(index)"}"#
      #expect(try fixture.request("POST", "/volumes/create", body: body).status == 201)
    }
    try expectServing()
    #expect(peakMemoryKiB() - before < Self.memoryLimitKiB)
    connections.removeAll()
    for index in 0..<500 { _ = try fixture.request("DELETE", "/volumes/flood-\(index)") }
  }

  @Test("archives that are begun and never sent", arguments: ["/images/load", "/images/create?fromSrc=-"])
  func stalledUploads(_ target: String) throws {
    var connections: [RawConnection] = []
    for _ in 0..<100 {
      let connection = try RawConnection(fixture.socket, timeoutSeconds: 5)
      try connection.write("POST \(target) HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx")
      connections.append(connection)
    }
    for _ in 0..<5 { try expectServing() }
    #expect(try fixture.request("GET", "/containers/json").status == 200)
    connections.removeAll()
    try expectServing()
  }

  @Test(
    "times that fit no clock",
    arguments: [
      "/events?since=9999-01-01&until=1", "/events?since=-9223372036854775808&until=1",
      "/events?since=0001-01-01T00:00:00Z&until=-9223372036854775808.999999999",
    ])
  func times(_ target: String) throws {
    _ = try fixture.request("GET", target)
    try expectServing()
  }

  // MARK: - Log

  @Test("ATT-065 injection into the engine's log")
  func logInjection() throws {
    let forged = "FORGED level=critical"
    _ = try send(
      "GET /containers/x%0d%0a\(forged.replacing(" ", with: "%20"))%1b[2J/json HTTP/1.1\r\nHost: x\r\n"
        + "User-Agent: a\u{1b}[31m\r\nConnection: close\r\n\r\n")
    let body = try JSONEncoder().encode(["Image": "x\r\n\(forged)\u{1b}[2J", "Hostname": "h\n\(forged)"])
    _ = try post("/containers/create", Array(body))
    let log = Subprocess.text(fixture.log)
    #expect(!log.utf8.contains(0x1b), "an escape sequence is in the log")
    #expect(!log.split(separator: "\n").contains { $0.hasPrefix("FORGED") }, "a forged record is in the log")
  }
}
