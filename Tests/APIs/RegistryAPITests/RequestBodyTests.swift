import HTTPServing
import Model
import Registry
import Testing

@testable import RegistryAPI

/// What the management API takes in bodies, over all routes that take one: a member that is not known is refused by its name, and
/// nothing is changed.
@Suite struct RequestBodyTests {
  /// A body that each of them takes.
  private static let bodies = [
    "createUser": #"{"name":"new","password":"password of new","isAdministrator":false}"#,
    "updateUser": #"{"isAdministrator":true}"#,
    "setPassword": #"{"password":"password of developer"}"#,
    "createToken": #"{"name":"ci","scope":"read","expiresInDays":5}"#,
    "updateToken": #"{"isDisabled":true}"#,
    "createProject": #"{"name":"two","isPublic":true,"quotaBytes":5000}"#,
    "updateProject": #"{"isPublic":true}"#,
    "setMember": #"{"role":"guest"}"#,
    "setSettings": #"{"quotaBytes":5000,"immutability":[{"tags":"v*"}],"retention":[{"keepNewest":2}]}"#,
    "createRobot": #"{"name":"two","actions":["pull"],"repositories":"team/*","expiresInDays":5}"#,
    "updateRobot": #"{"isDisabled":true}"#,
    "setPeer": #"{"name":"there","host":"registry.test","user":"ann","password":"s3cret","isInsecure":false}"#,
    "setRule": #"""
    {"name":"copy","direction":"push","peer":"there","project":"team","remotePath":"x","repositories":["*"],"tags":["*"],
    "trigger":{"every":{"seconds":60}},"replacesTags":true,"isEnabled":true}
    """#,
  ]

  /// A server with something behind each of the paths, and the path of an operation.
  private func with(
    _ body: (ManagementFixture, (APIOperation) -> String) async throws -> Void
  ) async throws {
    struct Made: Decodable { var id: String }
    try await ManagementFixture.with { fixture in
      try await fixture.project("team")
      let token = try await fixture.send("POST", "/api/v1/tokens?user=guest", #"{"name":"first"}"#)
      let id = try token.decode(Made.self).id
      for (method, path, text) in [
        ("POST", "projects/team/robots", #"{"name":"first","actions":["pull"]}"#),
        ("PUT", "replication/peers/there", #"{"name":"there","host":"registry.test"}"#),
      ] {
        #expect(try await fixture.send(method, "/api/v1/\(path)", text).status < 300)
      }
      try await body(fixture) { operation in
        let name =
          switch operation.group {
          case .accounts: "developer"
          case .replication: operation.path.contains("peers") ? "there" : "copy"
          default: "team"
          }
        var path = operation.path
        for (part, value) in [("name", name), ("user", "developer"), ("robot", "first"), ("id", id)] {
          path = path.split(separator: "{\(part)}", omittingEmptySubsequences: false).joined(separator: value)
        }
        return APIDocument.prefix + path + (operation.id == "createToken" ? "?user=guest" : "")
      }
    }
  }

  @Test func `every route refuses what it does not know, by name, and takes the rest`() async throws {
    try await with { fixture, path in
      for operation in APIDocument.operations where operation.body != nil {
        let body = try #require(Self.bodies[operation.id], "operation '\(operation.id)' has no body in this test")
        let target = path(operation)
        let more = try await fixture.send(operation.method.rawValue, target, #"{"surprise":1,"# + body.dropFirst())
        #expect(more.status == 400, "\(operation.id): \(more.text)")
        #expect(more.text.contains("field 'surprise': it is not known; known: "), "\(operation.id): \(more.text)")
        let cut = try await fixture.send(operation.method.rawValue, target, String(body.dropLast()))
        #expect(
          cut.status == 400 && cut.text.contains("at byte \(body.utf8.count - 1)"), "\(operation.id): \(cut.text)")
        let list = try await fixture.send(operation.method.rawValue, target, "[]")
        #expect(list.status == 400 && list.text.contains("expected an object, found a list"), "\(operation.id)")
        let none = try await fixture.send(operation.method.rawValue, target, "")
        #expect(none.status == 400 && none.text.contains("expected a value at byte 0"), "\(operation.id)")
        let plain = try await fixture.send(operation.method.rawValue, target, body)
        #expect(plain.status < 300, "\(operation.id): \(plain.text)")
      }
    }
  }

  @Test func `every member of every body has its kind`() async throws {
    try await with { fixture, path in
      for operation in APIDocument.operations {
        guard let name = operation.body?.referenced, let schema = APIDocument.schemas[name] else { continue }
        let body = try #require(Self.bodies[operation.id])
        guard case .object(let members) = try JSONParser.parse(Array(body.utf8)) else { continue }
        for member in members {
          let isObject = member.name == "trigger" || schema.properties[member.name]?.referenced != nil
          // What stands for the member comes first; the member itself cannot come again.
          let rest = members.filter { $0.name != member.name }.map { "\"\($0.name)\":\(Self.text($0.value))" }
          let wrong = isObject ? "5" : "{}"
          let text = "{" + (["\"\(member.name)\":\(wrong)"] + rest).joined(separator: ",") + "}"
          let answer = try await fixture.send(operation.method.rawValue, path(operation), text)
          #expect(answer.status == 400, "\(operation.id): \(text)")
          #expect(answer.text.contains("field '\(member.name)': expected"), "\(operation.id): \(answer.text)")
        }
      }
    }
  }

  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .null: "null"
    case .bool(let flag): "\(flag)"
    case .integer(let number): "\(number)"
    case .double(let number): "\(number)"
    case .string(let text): "\"\(text)\""
    case .array(let items): "[" + items.map(text).joined(separator: ",") + "]"
    case .object(let members):
      "{" + members.map { "\"\($0.name)\":\(text($0.value))" }.joined(separator: ",") + "}"
    }
  }

  @Test func `a route that takes no body refuses one`() async throws {
    try await with { fixture, path in
      let old = try fixture.push("old", "v1", in: "team/app")
      #expect(
        try await fixture.send("PUT", "/api/v1/projects/team/settings", #"{"retention":[{"keepNewest":0}]}"#).status
          == 200)
      let open = APIDocument.operations.filter {
        $0.body == nil && [.POST, .PUT, .PATCH].contains($0.method) && $0.id != "postBearerToken"
      }
      #expect(
        open.map(\.id).sorted() == ["applyRetention", "checkRegistry", "collectGarbage", "renewRobot", "runRule"])
      for operation in open {
        // The parameter of the query that somebody thinks is a member: what is only to be tried would be done.
        let answer = try await fixture.send(operation.method.rawValue, path(operation), #"{"dryRun":true}"#)
        #expect(answer.status == 400, "\(operation.id)")
        #expect(answer.text.contains("field 'dryRun': it is not known; nothing is taken there"), "\(operation.id)")
      }
      #expect(try fixture.registry.resolve(.digest(old), in: RepositoryName(parsing: "team/app")).digest == old)
      for body in ["", "{}"] {
        #expect(try await fixture.send("POST", "/api/v1/registry/gc?dryRun=true", body).status == 200)
      }
    }
  }

  private static let deep: [(operation: String, body: String, reason: String)] = [
    (
      "setSettings", #"{"immutabillity":[{"tags":"*"}]}"#,
      "field 'immutabillity': it is not known; known: immutability, quotaBytes, retention"
    ),
    (
      "setSettings", #"{"immutability":[{"patern":"v*"}]}"#,
      "field 'immutability[0].patern': it is not known; known: repositories, tags"
    ),
    ("setSettings", #"{"retention":[{"keepNewest":1},{"keepNewst":1}]}"#, "field 'retention[1].keepNewst'"),
    (
      "setSettings", #"{"retention":[{"keepNewest":1.5}]}"#,
      "field 'retention[0].keepNewest': expected a whole number"
    ),
    ("setSettings", #"{"retention":{"keepNewest":1}}"#, "field 'retention': expected a list, found an object"),
    ("setSettings", #"{"quotaBytes":1,"quotaBytes":2}"#, "'quotaBytes' twice"),
    (
      "createRobot", #"{"name":"x","actions":["pull"],"expiresDays":1}"#,
      "field 'expiresDays': it is not known; known: actions, expiresInDays"
    ),
    ("createRobot", #"{"name":"x"}"#, "field 'actions': it is missing"),
    ("createRobot", #"{"name":"x","actions":["pull",5]}"#, "field 'actions[1]': expected a string, found a number"),
    ("createRobot", #"{"name":null,"actions":["pull"]}"#, "field 'name': expected a string, found null"),
    (
      "createProject", #"{"name":"x","cache":{"peer":"there","fresh":1}}"#,
      "field 'cache.fresh': it is not known; known: freshSeconds, peer, remotePath"
    ),
    (
      "createProject", #"{"name":"x","public":true}"#,
      "field 'public': it is not known; known: cache, isPublic, name, quotaBytes"
    ),
    (
      "setRule", #"{"name":"copy","trigger":{"hourly":{}}}"#,
      "field 'trigger.hourly': it is not known; known: manual, onPush, every, cron"
    ),
    ("setRule", #"{"name":"copy","trigger":{"every":{"minutes":5}}}"#, "field 'trigger.every.minutes'"),
    ("setRule", #"{"name":"copy","trigger":{"manual":{"x":5}}}"#, "field 'trigger.manual.x'"),
    (
      "setRule", #"{"name":"copy","trigger":{"manual":{},"onPush":{}}}"#,
      "field 'trigger': exactly one of manual, onPush, every, cron"
    ),
    ("setRule", #"{"name":"copy","trigger":{}}"#, "field 'trigger': exactly one"),
    ("updateUser", #"{"isAdministrator":"true"}"#, "field 'isAdministrator': expected a boolean, found a string"),
  ]

  @Test func `what stands deeper is told with its path`() async throws {
    try await with { fixture, path in
      try fixture.registry.setProject("team", ProjectSettings(immutability: [ImmutabilityRule(tags: "v*")]))
      for (id, body, reason) in Self.deep {
        let operation = try #require(APIDocument.operations.first { $0.id == id })
        let answer = try await fixture.send(operation.method.rawValue, path(operation), body)
        #expect(answer.status == 400 && answer.text.contains(reason), "\(answer.text)")
      }
      #expect(try fixture.registry.project("team").settings.immutability.count == 1)
    }
  }

  @Test func `null stands for what is left out`() async throws {
    try await with { fixture, _ in
      let body = #"{"quotaBytes":null,"immutability":null,"retention":[{"keepNewest":1,"keepDays":null}]}"#
      let answer = try await fixture.send("PUT", "/api/v1/projects/team/settings", body)
      #expect(answer.status == 200)
      #expect(
        try fixture.registry.project("team").settings == ProjectSettings(retention: [RetentionRule(keepNewest: 1)]))
    }
  }

  @Test func `the description closes what is taken and leaves open what is only given`() throws {
    let schemas = APIDocument.published
    for operation in APIDocument.operations {
      if let name = operation.body?.referenced { #expect(schemas[name]?["additionalProperties"] == false, "\(name)") }
    }
    #expect(schemas["Cache"]?["additionalProperties"] == false)
    #expect(schemas["Settings"]?.properties["retention"]?["items"]?["additionalProperties"] == false)
    for name in ["User", "Project", "Token", "AuditEntry"] { #expect(schemas[name]?["additionalProperties"] == nil) }
  }
}
