import Accounts
import ContentStore
import Model
import OCITypes
import Persistence
import Registry
import Testing

@testable import RegistryAPI

/// What the audit tells of what was refused, and what happens while it cannot be written.
@Suite struct AuditRouteTests {
  private struct Entry: Decodable, Equatable {
    var caller: String
    var project: String
    var repository: String
    var reference: String
  }

  private func refused(_ fixture: ManagementFixture) async throws -> [Entry] {
    try await fixture.send("GET", "/api/v1/audit?action=refused").decode([Entry].self).reversed()
  }

  @Test func `what quotas and immutable tags refuse is told`() async throws {
    try await ManagementFixture.with { fixture in
      try await fixture.project("team")
      try fixture.push("one", "v1", in: "team/app")
      let settings = #"{"immutability":[{"tags":"v*"}]}"#
      #expect(try await fixture.send("PUT", "/api/v1/projects/team/settings", settings).status == 200)
      let other = try ImageDocuments.encode(ImageIndex(manifests: []))
      let put = try await fixture.send(
        "PUT", "/v2/team/app/manifests/v1", as: "developer", bytes: other,
        ["Content-Type": MediaType.ociIndex.rawValue])
      #expect(put.status == 409)
      #expect(try await fixture.send("DELETE", "/v2/team/app/manifests/v1", as: "maintainer").status == 409)
      let artifact = "/api/v1/projects/team/artifacts?repository=team/app&reference=v1"
      #expect(try await fixture.send("DELETE", artifact, as: "maintainer").status == 409)
      let quota = #"{"quotaBytes":1}"#
      #expect(try await fixture.send("PUT", "/api/v1/projects/team/settings", quota).status == 200)
      let start = try await fixture.send("POST", "/v2/team/app/blobs/uploads/", as: "developer")
      #expect(start.status == 403)
      let expected = [
        Entry(caller: "developer", project: "team", repository: "team/app", reference: "tagImmutable v1"),
        Entry(caller: "maintainer", project: "team", repository: "team/app", reference: "tagImmutable v1"),
        Entry(
          caller: "maintainer", project: "team", repository: "",
          reference: "DELETE /api/v1/projects/team/artifacts"),
        Entry(caller: "developer", project: "team", repository: "team/app", reference: "quotaExceeded"),
      ]
      #expect(try await refused(fixture) == expected)
    }
  }

  @Test func `nothing is changed while the audit cannot be written`() async throws {
    try await ManagementFixture.with { fixture in
      try await fixture.project("team")
      try fixture.push("one", "v1", in: "team/app")
      try fixture.push("two", "v2", in: "team/app")
      let known = ["1-audit", "2-audit"].map { Migration(name: $0, steps: []) }
      let database = try Database(
        path: fixture.path + "/audit.sqlite", migrations: known + [Migration(name: "3", steps: [.dropTable("changes")])]
      )
      try database.close()
      // Nobody could know before: it is done, and told.
      let first = try await fixture.send("DELETE", "/v2/team/app/manifests/v1", as: "maintainer")
      #expect(first.status == 503 && first.text.contains("it was done, but could not be written into the audit"))
      for (method, path, body) in [
        ("DELETE", "/v2/team/app/manifests/v2", ""), ("PATCH", "/api/v1/projects/team", #"{"isPublic":true}"#),
        ("DELETE", "/api/v1/projects/team", ""), ("POST", "/api/v1/registry/gc", ""),
      ] {
        let answer = try await fixture.send(method, path, body)
        #expect(answer.status == 503 && answer.text.contains("nothing is changed until it can"), "\(method) \(path)")
      }
      #expect(try fixture.registry.tags(in: RepositoryName(parsing: "team/app"), limit: 10).map(\.name) == ["v2"])
      #expect(try !fixture.accounts.project("team").isPublic)
      // What only reads goes on.
      #expect(try await fixture.send("GET", "/v2/team/app/manifests/v2", as: "guest").status == 200)
    }
  }
}
