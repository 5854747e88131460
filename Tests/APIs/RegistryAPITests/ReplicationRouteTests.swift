import Model
import Replication
import Testing

@testable import RegistryAPI

/// Peers and rules over HTTP.
@Suite struct ReplicationRouteTests {
  @Test func `a rule says only what is not the usual`() async throws {
    try await ManagementFixture.with { fixture in
      try await fixture.project("team")
      let peer = try await fixture.send("PUT", "/api/v1/replication/peers/there", #"{"host":"registry.test:5000"}"#)
      #expect(peer.status == 200)
      let body = #"{"direction":"push","peer":"there","project":"team"}"#
      let made = try await fixture.send("PUT", "/api/v1/replication/rules/copy", body)
      #expect(made.status == 200)
      let usual = ReplicationRule(name: "copy", direction: .push, peer: "there", project: "team", remotePath: "team")
      #expect(try made.decode(ReplicationRule.self) == usual)
      #expect(try fixture.replication.rules() == [usual])
      let other = try await fixture.send(
        "PUT", "/api/v1/replication/rules/copy", #"{"name":"other","# + body.dropFirst())
      #expect(other.status == 400 && other.text.contains("field 'name'"))
    }
  }

  @Test func `hosts that are none are refused`() async throws {
    let hosts = [
      "", "a b", "https://registry.test", "registry.test/v2", "ann@registry.test", "registry.test:0",
      "registry.test:65536",
      "registry.test:x", ".test", "a..b", "[::1", "[g::1]", "registry.test:1:2", "a\\u0000b",
    ]
    try await ManagementFixture.with { fixture in
      for host in hosts {
        let answer = try await fixture.send("PUT", "/api/v1/replication/peers/there", #"{"host":"\#(host)"}"#)
        #expect(answer.status == 400 && answer.text.contains("of host: expected HOST or HOST:PORT"), "\(answer.text)")
      }
      #expect(try fixture.replication.peers().isEmpty)
    }
  }
}
