import ContainerEngine
import HTTPServing
import Model
import Testing

@testable import DockerAPI

@Suite struct ServerTests {
  @Test(arguments: PlatformError.Code.allCases)
  func mapsEveryCode(_ code: PlatformError.Code) {
    let expected: [PlatformError.Code: UInt] = [
      .invalidArgument: 400, .notFound: 404, .conflict: 409, .notModified: 304, .forbidden: 403, .unauthenticated: 401,
      .resourceExhausted: 429, .notImplemented: 501, .unavailable: 503, .cancelled: 499, .internal: 500,
    ]
    let (status, message) = ErrorMap.classify(PlatformError(code, "why")) ?? (.ok, "")
    #expect(status.code == expected[code])
    #expect(message == "why")
  }

  @Test func wordsErrorsAsDockerDoes() {
    #expect(String(decoding: ErrorMap.body(.notFound, "no \"x\""), as: UTF8.self) == "{\"message\":\"no \\\"x\\\"\"}\n")
    #expect(ErrorMap.classify(CancellationError()) == nil)
    #expect(ErrorMap.classify(RouteError.notFound)?.status == .notFound)
    #expect(ErrorMap.classify(RouteError.methodNotAllowed(allowed: ["GET"]))?.status == .methodNotAllowed)
  }

  private static func body(_ response: HTTPResponse) -> String {
    if case .bytes(let bytes) = response.body { String(decoding: bytes, as: UTF8.self) } else { "" }
  }

  @Test func tellsWhatOfARequestIsToBlame() throws {
    let error = PlatformError(.forbidden, "no").about(.capabilitiesAdded, "SYS_MODULE").about(.image)
    let response = ErrorMap.response(error)
    #expect(response.status == .forbidden)
    #expect(
      Self.body(response) == #"{"message":"no","field":"HostConfig.CapAdd","element":"SYS_MODULE"}"# + "\n")
    let fields = try JSONFields(JSONParser.parse(Array(#"{"Memory":"x"}"#.utf8)), path: "HostConfig")
    let wrong = try #require(#expect(throws: PlatformError.self) { try fields.integer("Memory") })
    #expect(Self.body(ErrorMap.response(wrong)).contains(#""field":"HostConfig.Memory"}"#))
    #expect(ErrorMap.response(PlatformError(.notModified, "so").about(.name)).status == .notModified)
  }

  @Test func everySettingHasAMember() {
    #expect(Set(ContainerSetting.allCases.map(\.member)).count == ContainerSetting.allCases.count)
  }

  @Test(
    arguments: [
      ("v1.24", APIVersion.v1(24)), ("v1.50", .v1(50)), ("v2.0", APIVersion(major: 2, minor: 0)), ("v1", nil),
      ("1.40", nil),
      ("v1.x", nil), ("v1.40.1", nil), ("v-1.4", nil), ("version", nil), ("v1.99999999", nil),
    ] as [(String, APIVersion?)])
  func readsVersions(_ text: String, _ version: APIVersion?) {
    #expect(APIVersion(segment: text) == version)
  }

  @Test func refusesVersionsItDoesNotSpeak() throws {
    try APIVersion.v1(24).requireSupported()
    try APIVersion.v1(50).requireSupported()
    let old = #expect(throws: PlatformError.self) { try APIVersion.v1(23).requireSupported() }
    #expect(
      old?.message
        == "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"
    )
    let new = #expect(throws: PlatformError.self) { try APIVersion.v1(51).requireSupported() }
    #expect(new?.message == "client version 1.51 is too new. Maximum supported API version is 1.50")
  }

  private func request(_ query: String, version: APIVersion = .current, body: String = "") throws -> DockerRequest {
    let http = HTTPRequest(
      method: .GET, rawPath: "/", path: [], query: try QueryParameters(parsing: query, maxItems: 100), headers: [:],
      peer: nil, body: RequestBody(bytes: Array(body.utf8)), isUpgrade: false)
    var router = Router<Int>()
    router.on(.GET, "/", 0)
    return DockerRequest(http: http, parameters: try router.find(.GET, []).1, version: version)
  }

  @Test(arguments: [
    ("a=1", true), ("a=true", true), ("a=True", true), ("a=yes", true), ("a=0", false), ("a=false", false),
    ("a=no", false), ("a=none", false), ("a=", false), ("", false),
  ])
  func readsFlags(_ query: String, _ expected: Bool) throws {
    #expect(try request(query).flag("a") == expected)
  }

  @Test func readsNumbers() throws {
    #expect(try request("t=5").integer("t") == 5)
    #expect(try request("").integer("t") == nil)
    #expect(throws: PlatformError.self) { try request("t=x").integer("t") }
    #expect(throws: PlatformError.self) { try request("t=70000").integer("t", in: 0...65_535) }
    #expect(try request("since=0").moment("since", now: 1) == nil)
    #expect(throws: PlatformError.self) { try request("since=x").moment("since", now: 1) }
  }

  @Test func readsBodies() async throws {
    #expect(try await request("").optionalFields() == nil)
    #expect(try await request("", body: " null ").optionalFields() == nil)
    #expect(try await request("", body: #"{"a":1}"#).fields().integer("a") == 1)
    await #expect(throws: PlatformError.self) { try await request("").fields() }
    await #expect(throws: PlatformError.self) { try await request("", body: "[]").fields() }
    await #expect(throws: HTTPRefusal.self) { try await request("", body: "{").fields() }
  }

  @Test func readsLogQueries() throws {
    let query = try ContainerStreamRoutes.logQuery(
      try request("stdout=1&follow=1&tail=5&since=1.5&until=2h"), now: 7_200_000_000_000)
    #expect(query.stdout && !query.stderr && query.follow)
    #expect(query.tail == 5)
    #expect(query.since == 1_500_000_000)
    #expect(query.until == 0)
    #expect(try ContainerStreamRoutes.logQuery(try request("stderr=1&tail=all"), now: 0).tail == nil)
    #expect(throws: PlatformError.self) { try ContainerStreamRoutes.logQuery(try request("tail=1"), now: 0) }
  }

  @Test func framesOutput() {
    #expect(StreamFraming.frame(.stderr, [65, 66]) == [2, 0, 0, 0, 0, 0, 0, 2, 65, 66])
    #expect(
      StreamFraming.frame(.stdout, [UInt8](repeating: 7, count: 70_000)).prefix(8) == [1, 0, 0, 0, 0, 1, 17, 112])
    #expect(StreamFraming.contentType(terminal: false, version: .v1(42)) == "application/vnd.docker.multiplexed-stream")
    #expect(StreamFraming.contentType(terminal: false, version: .v1(41)) == "application/vnd.docker.raw-stream")
    #expect(StreamFraming.contentType(terminal: true, version: .v1(50)) == "application/vnd.docker.raw-stream")
  }

  @Test func formatsLogLines() {
    let entry = LogEntry(stream: .stdout, time: Samples.time, bytes: Array("hi\n".utf8))
    func text(_ format: LogFormat) -> String {
      var format = format
      var output: [UInt8] = []
      format.append(entry, to: &output)
      return String(decoding: output, as: UTF8.self)
    }
    #expect(text(LogFormat(timestamps: false, details: nil, terminal: true)) == "hi\n")
    #expect(
      text(LogFormat(timestamps: true, details: "a=b", terminal: true)) == "2026-01-02T03:04:05.123456789Z a=b hi\n")
    #expect(text(LogFormat(timestamps: false, details: nil, terminal: false)).utf8.count == 11)
    // A line in pieces has one time, and streams do not end each other's lines.
    var format = LogFormat(timestamps: true, details: nil, terminal: true)
    var output: [UInt8] = []
    for (stream, piece) in [
      (OutputStream.stdout, "a"), (.stdout, " b"), (.stderr, "x\n"), (.stdout, " c\n"), (.stdout, "d\n"),
    ] {
      format.append(LogEntry(stream: stream, time: 0, bytes: Array(piece.utf8)), to: &output)
    }
    let time = "1970-01-01T00:00:00.000000000Z "
    #expect(String(decoding: output, as: UTF8.self) == "\(time)a b\(time)x\n c\n\(time)d\n")
  }

  @Test(
    arguments: [
      (nil, [16, 17]), ("", [16, 17]), ("a", [97]), ("ctrl-a,b", [1, 98]),
      ("ctrl-@,ctrl-[,ctrl-_,DEL", [0, 27, 31, 127]),
    ] as [(String?, [UInt8])])
  func readsDetachKeys(_ text: String?, _ keys: [UInt8]) throws {
    #expect(try DetachKeysText.parse(text) == keys)
  }

  @Test(arguments: ["ctrl-", "ab", "ctrl-ab", "a,,b", "ctrl-1"])
  func refusesDetachKeys(_ text: String) {
    #expect(throws: PlatformError.self) { try DetachKeysText.parse(text) }
  }

  @Test(
    arguments: [
      ("80", [80]), ("80/tcp", [80]), ("8000-8002/udp", [8_000, 8_001, 8_002]), ("80/xyz", nil), ("0", nil),
      ("65536", nil),
      ("9-8", nil), ("", nil), ("a/tcp", nil), ("80/tcp/x", nil),
    ] as [(String, [UInt16]?)])
  func readsPorts(_ text: String, _ ports: [UInt16]?) {
    #expect(PortText.ports(text)?.map(\.number) == ports)
  }
}
