import Model
import Registry
import Testing

@testable import RegistryAPI

/// Settings, usage, retention and content of projects over HTTP.
@Suite struct ProjectRouteTests {
  private struct Settings: Decodable, Equatable {
    struct Immutability: Decodable, Equatable {
      var repositories: String
      var tags: String
    }
    struct Retention: Decodable, Equatable {
      var repositories: String
      var tags: String
      var keepNewest: Int?
      var keepDays: Int?
      var untaggedDays: Int?
    }
    var quotaBytes: Int64?
    var immutability: [Immutability]
    var retention: [Retention]
  }
  private struct Usage: Decodable, Equatable {
    var usedBytes: Int64
    var quotaBytes: Int64?
  }
  private struct Decision: Decodable, Equatable {
    var repository: String
    var tag: String?
    var isKept: Bool
    var reason: String
  }
  private struct Named: Decodable {
    var name: String
    var manifests: Int
  }
  private struct Artifact: Decodable {
    var digest: String
    var mediaType: String
    var size: Int64
    var pushedAt: Int64
    var tags: [String]
  }

  private static let settings = "/api/v1/projects/team/settings"

  @Test(
    arguments: [
      ("projects/none", "project 'none'"), ("projects/none/robots", "project 'none'"),
      ("projects/none/repositories", "project 'none'"), ("projects/none/usage", "project 'none'"),
      ("projects/none/settings", "project 'none'"),
      ("projects/none/artifacts?repository=none/app", "project 'none'"),
      ("projects/team/artifacts?repository=team/none", "'team/none' is not known"),
      ("tokens?user=none", "user 'none'"), ("replication/rules/none/executions", "replication rule: none"),
    ])
  func listsOfWhatIsNotThereAreErrors(target: String, told: String) async throws {
    try await ManagementFixture.with { fixture in
      try await fixture.project("team")
      let answer = try await fixture.send("GET", "/api/v1/\(target)")
      #expect(answer.status == 404 && answer.text.contains(told), "\(answer.text)")
    }
  }

  @Test func settingsComeBackAndQuotasAreThePlatforms() async throws {
    try await ManagementFixture.with { fixture in
      try await fixture.project("team")
      let wish =
        #"{"quotaBytes":1000,"immutability":[{"tags":"v*"}],"retention":[{"repositories":"team/*","keepNewest":2}]}"#
      let expected = Settings(
        quotaBytes: 1_000, immutability: [.init(repositories: "*", tags: "v*")],
        retention: [.init(repositories: "team/*", tags: "*", keepNewest: 2)])
      let set = try await fixture.send("PUT", Self.settings, wish)
      #expect(set.status == 200)
      #expect(try set.decode(Settings.self) == expected)
      #expect(try await fixture.send("GET", Self.settings, as: "admin").decode(Settings.self) == expected)
      // Who leaves the quota out, or sends the one that is set, changes the rest only.
      for quota in ["", #""quotaBytes":1000,"#] {
        let own = try await fixture.send(
          "PUT", Self.settings, as: "admin", "{\(quota)\"immutability\":[],\"retention\":[]}")
        #expect(own.status == 200)
        #expect(try own.decode(Settings.self) == Settings(quotaBytes: 1_000, immutability: [], retention: []))
      }
      let more = try await fixture.send("PUT", Self.settings, as: "admin", #"{"quotaBytes":2000}"#)
      #expect(more.status == 403 && more.text.contains("quotaBytes"))
      for role in ["guest", "developer", "maintainer"] {
        for method in ["GET", "PUT"] {
          #expect(try await fixture.send(method, Self.settings, as: role, method == "PUT" ? "{}" : "").status == 403)
        }
      }
      #expect(try await fixture.send("PUT", Self.settings, "{}").status == 200)
      #expect(try fixture.registry.project("team").settings == ProjectSettings())
      #expect(try await fixture.send("GET", "/api/v1/projects/none/settings").status == 404)
    }
  }

  @Test(
    "settings that cannot be meant are refused with the field",
    arguments: [
      (#"{"quotaBytes":-1}"#, "quotaBytes"), (#"{"retention":[{}]}"#, "retention"),
      (#"{"retention":[{"keepDays":99999}]}"#, "retention.keepDays"),
      (#"{"immutability":[{"tags":""}]}"#, "immutability.tags"),
      (#"{"immutability":[{"repositories":"a b"}]}"#, "immutability.repositories"),
      (#"{"quotaBytes":"much"}"#, "quotaBytes"),
      (#"{"immutability":5}"#, "immutability"),
    ])
  func badSettings(body: String, field: String) async throws {
    try await ManagementFixture.with { fixture in
      try await fixture.project("team")
      let answer = try await fixture.send("PUT", Self.settings, body)
      #expect(answer.status == 400 && answer.text.contains(field), "\(answer.text)")
      #expect(answer["Content-Type"] == "application/problem+json")
      #expect(try fixture.registry.project("team").settings == ProjectSettings())
    }
  }

  @Test func usageCountsEachBlobOnceAndQuotasHold() async throws {
    try await ManagementFixture.with { fixture in
      try await fixture.project("team")
      let text = String(repeating: "x", count: 10_000)
      try fixture.push(text, "v1", in: "team/app")
      let once = try fixture.registry.project("team").usedBytes
      try fixture.push(text, "v1", in: "team/other")
      let answer = try await fixture.send("GET", "/api/v1/projects/team/usage", as: "guest")
      #expect(try answer.decode(Usage.self) == Usage(usedBytes: once))
      #expect(once < 11_000)
      try await fixture.send("PUT", Self.settings, "{\"quotaBytes\":\(once + 5)}")
      let start = try await fixture.send("POST", "/v2/team/app/blobs/uploads/", as: "developer")
      #expect(start.status == 202)
      let bytes = Array("more than five".utf8)
      let end = try await fixture.send(
        "PUT", "\(try #require(start["Location"]))?digest=sha256:\(String(repeating: "0", count: 64))",
        as: "developer", bytes: bytes)
      #expect(end.status == 413)
      #expect(try fixture.registry.project("team").usedBytes == once)
      #expect(try await fixture.send("GET", "/api/v1/projects/none/usage", as: "guest").status == 403)
    }
  }

  @Test func retentionIsTriedAndApplied() async throws {
    try await ManagementFixture.with { fixture in
      try await fixture.project("team")
      for (number, tag) in ["a", "b", "v1"].enumerated() { try fixture.push("\(number)", tag, in: "team/app") }
      try await fixture.send(
        "PUT", Self.settings, #"{"immutability":[{"tags":"v*"}],"retention":[{"keepNewest":0}]}"#)
      let path = "/api/v1/projects/team/retention"
      let expected = [
        Decision(repository: "team/app", tag: "a", isKept: false, reason: "no rule keeps it"),
        Decision(repository: "team/app", tag: "b", isKept: false, reason: "no rule keeps it"),
        Decision(repository: "team/app", tag: "v1", isKept: true, reason: "immutable"),
      ]
      #expect(try await fixture.send("POST", path, as: "maintainer").status == 403)
      #expect(try await fixture.send("POST", path + "?dryRun=maybe").status == 400)
      let trial = try await fixture.send("POST", path + "?dryRun=true", as: "admin")
      #expect(try trial.decode([Decision].self) == expected)
      let name = try RepositoryName(parsing: "team/app")
      #expect(try fixture.registry.tags(in: name, limit: 10).map(\.name) == ["a", "b", "v1"])
      #expect(try await fixture.send("POST", path, as: "admin").decode([Decision].self) == expected)
      #expect(try fixture.registry.tags(in: name, limit: 10).map(\.name) == ["v1"])
    }
  }

  @Test func repositoriesAndArtifactsComeInPages() async throws {
    try await ManagementFixture.with { fixture in
      try await fixture.project("team")
      try await fixture.project("other")
      for name in ["team/a", "team/b", "team/c", "other/x"] { try fixture.push(name, "v1", in: name) }
      let digests = try (0..<3).map { try fixture.push("image \($0)", "t\($0)", in: "team/a") }
      let first = try await fixture.send("GET", "/api/v1/projects/team/repositories?limit=2", as: "guest")
      #expect(try first.decode([Named].self).map(\.name) == ["team/a", "team/b"])
      #expect(
        first["Link"] == #"</api/v1/projects/team/repositories?limit=2&after=team%2Fb>; rel="next""#)
      let rest = try await fixture.send(
        "GET", "/api/v1/projects/team/repositories?limit=1&after=team%2Fb", as: "guest")
      #expect(try rest.decode([Named].self).map(\.manifests) == [1])
      #expect(rest["Link"] == nil)
      #expect(try await fixture.send("GET", "/api/v1/projects/team/repositories?limit=1001").status == 400)

      let path = "/api/v1/projects/team/artifacts?repository=team/a"
      let all = try await fixture.send("GET", path, as: "guest").decode([Artifact].self)
      #expect(all.count == 4)
      #expect(Set(digests.map(\.description)).isSubset(of: Set(all.map(\.digest))))
      #expect(all.allSatisfy { $0.size > 10 && $0.pushedAt > 0 && $0.tags.count == 1 })
      let page = try await fixture.send("GET", path + "&limit=3", as: "guest")
      #expect(try page.decode([Artifact].self).map(\.digest) == all.prefix(3).map(\.digest))
      #expect(
        page["Link"]?.contains("after=sha256%3A") == true && page["Link"]?.contains("repository=team%2Fa") == true)
      let last = try await fixture.send("GET", path + "&after=\(all[2].digest)", as: "guest")
      #expect(try last.decode([Artifact].self).map(\.digest) == [all[3].digest])
      for query in ["", "?repository=other/x", "?repository=team/..", "?repository=team/a&after=x"] {
        #expect(try await fixture.send("GET", "/api/v1/projects/team/artifacts\(query)").status == 400)
      }
      #expect(try await fixture.send("GET", "/api/v1/projects/team/artifacts?repository=team/none").status == 404)
    }
  }

  @Test func artifactsAndRepositoriesAreDeleted() async throws {
    try await ManagementFixture.with { fixture in
      try await fixture.project("team")
      let digest = try fixture.push("one", "v1", in: "team/a")
      try fixture.push("one", "latest", in: "team/a")
      let path = "/api/v1/projects/team/artifacts?repository=team/a"
      for role in ["guest", "developer"] {
        #expect(try await fixture.send("DELETE", path + "&reference=latest", as: role).status == 403)
      }
      #expect(try await fixture.send("DELETE", path, as: "maintainer").status == 400)
      #expect(try await fixture.send("DELETE", path + "&reference=latest", as: "maintainer").status == 204)
      #expect(try await fixture.send("DELETE", path + "&reference=latest", as: "maintainer").status == 404)
      let name = try RepositoryName(parsing: "team/a")
      #expect(try fixture.registry.tags(in: name, limit: 10).map(\.name) == ["v1"])
      try await fixture.send("PUT", Self.settings, #"{"immutability":[{"tags":"v1"}]}"#)
      #expect(try await fixture.send("DELETE", path + "&reference=\(digest)", as: "maintainer").status == 409)
      let repository = "/api/v1/projects/team/repositories?repository=team/a"
      #expect(try await fixture.send("DELETE", repository, as: "maintainer").status == 409)
      try await fixture.send("PUT", Self.settings, "{}")
      #expect(try await fixture.send("DELETE", path + "&reference=\(digest)", as: "maintainer").status == 204)
      #expect(try await fixture.send("DELETE", repository, as: "developer").status == 403)
      #expect(try await fixture.send("DELETE", repository, as: "maintainer").status == 204)
      #expect(try await fixture.send("DELETE", repository, as: "maintainer").status == 404)
      #expect(try await fixture.send("DELETE", "/api/v1/projects/team").status == 204)
    }
  }
}
