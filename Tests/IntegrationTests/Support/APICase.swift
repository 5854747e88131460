import Testing

/// One line of a table of API requests: what is sent, which status comes back, and what its message says.
///
/// In `target` and `body`, `{created}` and `{running}` stand for two containers that the table may use but not change.
struct APICase: Sendable, CustomTestStringConvertible {
  let method: String
  let target: String
  let body: String?
  let status: Int
  let message: String
  /// Why docker 20.10 answers otherwise, nil when it does not.
  let lacking: String?

  init(
    _ method: String, _ target: String, _ body: String?, _ status: Int, _ message: String = "",
    notOnDocker lacking: String? = nil
  ) {
    self.method = method
    self.target = target
    self.body = body
    self.status = status
    self.message = message
    self.lacking = lacking
  }

  /// A request without a body.
  init(
    _ method: String, _ target: String, _ status: Int, _ message: String = "", notOnDocker lacking: String? = nil
  ) {
    self.init(method, target, nil, status, message, notOnDocker: lacking)
  }

  var testDescription: String {
    "\(method) \(target.prefix(100))\(body.map { " " + $0.prefix(100) } ?? "")"
  }

  static func here(_ cases: [APICase]) -> [APICase] { cases.filter { !Target.isForeign || $0.lacking == nil } }

  /// Names of the containers that stand for `{created}` and `{running}`.
  private static let names = (created: "api-case-created", running: "api-case-running")

  private static let prepared: Result<Void, any Error> = Result {
    let fixture = try EngineFixture.shared
    for name in [names.created, names.running] {
      _ = try fixture.request("DELETE", "/containers/\(name)?force=1")
      let body = #"{"Image":"busybox","Cmd":["sleep","10000"],"HostConfig":{}}"#
      let answer = try fixture.request("POST", "/containers/create?name=\(name)", body: body)
      try #require(answer.status == 201, "\(answer.text)")
    }
    let answer = try fixture.request("POST", "/containers/\(names.running)/start")
    try #require(answer.status == 204, "\(answer.text)")
  }

  func check() throws {
    try Self.prepared.get()
    let filled = { (text: String) in
      text.replacing("{created}", with: Self.names.created).replacing("{running}", with: Self.names.running)
    }
    let answer = try EngineFixture.shared.request(method, filled(target), body: body.map(filled), version: "/v1.41")
    #expect(answer.status == status, "\(answer.text.prefix(500))")
    if !message.isEmpty { #expect(answer.message.contains(filled(message)), "\(answer.text.prefix(500))") }
  }
}
