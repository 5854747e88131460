import Testing

@testable import RegistryAPI

@Suite struct StatusRouteTests {
  private struct Status: Decodable, Equatable {
    var version: String
    var addresses: [String]
    var certificateEndsAt: Int64
    var projects: Int
    var usedBytes: Int64
    var freeBytes: Int64
  }

  @Test func `the server is told on a page, to administrators`() async throws {
    try await ManagementFixture.with { fixture in
      try await fixture.project("team")
      try fixture.push("hello", "v1", in: "team/app")
      let used = try fixture.registry.project("team").usedBytes
      #expect(used > 0)
      let status = try await fixture.send("GET", "/api/v1/status")
      #expect(
        try status.decode(Status.self)
          == Status(
            version: "1.2.3", addresses: ["https://127.0.0.1:5443"], certificateEndsAt: 2_000_000, projects: 1,
            usedBytes: used, freeBytes: 1_000))
      for path in ["/api/v1/status", "/api/v1/status/cluster"] {
        #expect(try await fixture.send("GET", path, as: "maintainer").status == 403)
      }
    }
  }

  @Test(arguments: [false, true])
  func `the cluster is told where there is one`(hasCluster: Bool) async throws {
    try await ManagementFixture.with(facts: FixedFacts(hasCluster: hasCluster)) { fixture in
      let answer = try await fixture.send("GET", "/api/v1/status/cluster")
      #expect(answer.status == (hasCluster ? 200 : 404))
      #expect(answer.text.contains(hasCluster ? #"{"nodes":1}"# : "this server serves no cluster"))
    }
  }
}
