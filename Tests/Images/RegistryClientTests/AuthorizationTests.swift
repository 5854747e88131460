import Foundation
import Model
import NIOHTTP1
import RegistryDouble
import Testing

@testable import RegistryClient

@Suite struct ChallengeTests {
  @Test(arguments: [
    (
      "Bearer realm=\"https://a.test/token\",service=\"r.test\",scope=\"repository:a/b:pull,push\"",
      [
        Challenge(
          scheme: "bearer",
          parameters: ["realm": "https://a.test/token", "service": "r.test", "scope": "repository:a/b:pull,push"])
      ]
    ),
    ("Basic realm=\"x \\\"y\\\"\"", [Challenge(scheme: "basic", parameters: ["realm": "x \"y\""])]),
    (
      "Basic realm=a, Bearer realm=b",
      [
        Challenge(scheme: "basic", parameters: ["realm": "a"]), Challenge(scheme: "bearer", parameters: ["realm": "b"]),
      ]
    ),
    ("Negotiate", [Challenge(scheme: "negotiate", parameters: [:])]), ("", []), ("=", []),
    ("Bearer realm=\"open", [Challenge(scheme: "bearer", parameters: [:])]),
  ])
  func `a header gives its challenges`(header: String, expected: [Challenge]) {
    #expect(Challenge.parse(header) == expected)
  }

  @Test func `a header that is too long gives none`() {
    #expect(Challenge.parse("Bearer realm=" + String(repeating: "a", count: 10_000)).isEmpty)
  }
}

@Suite struct TokenRulesTests {
  @Test(arguments: [
    ("https://auth.docker.io/token", "https://registry-1.docker.io/v2/", true),
    ("https://gitlab.com/jwt/auth", "https://registry.gitlab.com/v2/", true),
    ("https://r.test:8443/auth", "https://r.test/v2/", true), ("http://r.test/auth", "http://r.test/v2/", true),
    ("http://r.test/auth", "https://r.test/v2/", false),
    ("http://auth.docker.io/", "https://registry-1.docker.io/", false),
    ("https://evil.test/token", "https://registry-1.docker.io/v2/", false),
    ("https://docker.io.evil.test/", "https://registry-1.docker.io/", false),
    ("https://evil.co.uk/", "https://good.co.uk/", false), ("https://a.good.co.uk/", "https://b.good.co.uk/", true),
    ("https://x.azurecr.io/", "https://y.azurecr.io/", false), ("https://10.0.0.2/", "https://10.0.0.1/", false),
    ("https://auth.r.test/", "http://r.test/", false), ("https://com/", "https://r.com/", false),
    ("https://localhost/", "https://registry/", false),
  ])
  func `ATT-023 credentials go to token servers of the same owner only`(realm: String, registry: String, allowed: Bool)
    throws
  {
    let realm = try #require(WireURL(absolute: realm))
    let registry = try #require(WireURL(absolute: registry))
    #expect(TokenRules.mayTakeCredentials(realm: realm, registry: registry, extra: []) == allowed)
  }

  @Test func `a token server that the settings name is trusted by HTTPS alone`() throws {
    let registry = try #require(WireURL(absolute: "https://r.test/"))
    let good = try #require(WireURL(absolute: "https://id.other.test/"))
    let plain = try #require(WireURL(absolute: "http://id.other.test/"))
    #expect(TokenRules.mayTakeCredentials(realm: good, registry: registry, extra: ["id.other.test"]))
    #expect(!TokenRules.mayTakeCredentials(realm: plain, registry: registry, extra: ["id.other.test"]))
  }
}

@Suite struct AuthorizationFlowTests {
  private static let secret = "s3cret"

  /// A registry with a token server of its own at `/token`.
  private func server(realm: @escaping @Sendable () -> String, token: String = "t0ken") throws -> ScriptedServer {
    try ScriptedServer { request, _ in
      if request.target.hasPrefix("/token") {
        return .full(200, [:], Array("{\"token\":\"\(token)\",\"refresh_token\":\"keep\",\"expires_in\":300}".utf8))
      }
      guard request.headers.first(name: "Authorization") == "Bearer \(token)" else {
        return .full(401, ["WWW-Authenticate": "Bearer realm=\"\(realm())\",service=\"svc\""])
      }
      return .full(200, [:], Array("{\"name\":\"team/app\",\"tags\":[\"v1\"]}".utf8))
    }
  }

  @Test func `a token is fetched with the password and used for further requests`() async throws {
    let port = PortBox()
    let server = try server(realm: { "http://127.0.0.1:\(port.value)/token" })
    port.set(server.port)
    let repository = try Fixture.repository(server, credentials: .password(user: "ann", password: Self.secret))
    #expect(try await repository.tags() == ["v1"])
    #expect(try await repository.tags() == ["v1"])
    let tokens = server.requests.filter { $0.target.hasPrefix("/token") }
    #expect(tokens.count == 1)
    #expect(tokens[0].target == "/token?service=svc&scope=repository%3Ateam/app%3Apull&account=ann")
    #expect(tokens[0].headers.first(name: "Authorization") == basicAuthorization("ann", Self.secret))
  }

  @Test func `an identity token is exchanged by POST`() async throws {
    let port = PortBox()
    let server = try server(realm: { "http://127.0.0.1:\(port.value)/token" })
    port.set(server.port)
    #expect(try await Fixture.repository(server, credentials: .identityToken("keep")).tags() == ["v1"])
    let request = try #require(server.requests.first { $0.target.hasPrefix("/token") })
    #expect(request.method == .POST)
    #expect(
      String(decoding: request.body, as: UTF8.self)
        == "grant_type=refresh_token&refresh_token=keep&service=svc&client_id=bulkhead&scope=repository%3Ateam/app%3Apull"
    )
  }

  @Test func `a login gives the refresh token`() async throws {
    let port = PortBox()
    let server = try server(realm: { "http://127.0.0.1:\(port.value)/token" })
    port.set(server.port)
    let registry = try Fixture.client(server)
      .registry(RegistryHost(server.address), credentials: .password(user: "ann", password: Self.secret))
    #expect(try await registry.logIn() == "keep")
  }

  @Test func `ATT-023 a token server on another host gets no credentials and no request`() async throws {
    let other = try ScriptedServer { _, _ in .full(200, [:], Array("{\"token\":\"x\"}".utf8)) }
    // localhost is the same machine, but another host: what counts is the name.
    let server = try server(realm: { "http://localhost:\(other.port)/token" })
    let repository = try Fixture.repository(server, credentials: .password(user: "ann", password: Self.secret))
    await #expect { try await repository.tags() } throws: { ($0 as? RegistryFailure)?.kind == .unsafe }
    #expect(other.requests.isEmpty)
  }

  @Test func `ATT-023 the token does not follow a redirect to another host`() async throws {
    let blob = Array("blob".utf8)
    let other = try ScriptedServer { _, _ in .full(200, [:], blob) }
    let server = try ScriptedServer { request, _ in
      if request.headers.first(name: "Authorization") == nil {
        return .full(401, ["WWW-Authenticate": "Basic realm=\"r\""])
      }
      return .full(307, ["Location": "http://localhost:\(other.port)/blob"])
    }
    let repository = try Fixture.repository(server, credentials: .password(user: "ann", password: Self.secret)) {
      $0.insecure.append("localhost:\(other.port)")
    }
    #expect(try await repository.blob(Fixture.digest(blob), sizeBytes: 4, limit: 10) == blob)
    #expect(other.requests.count == 1)
    #expect(other.requests.allSatisfy { !$0.headers.contains(name: "Authorization") })
  }

  @Test func `ATT-023 a challenge of the host that a redirect led to is not answered`() async throws {
    let other = try ScriptedServer { _, _ in .full(401, ["WWW-Authenticate": "Basic realm=\"r\""]) }
    let server = try ScriptedServer { _, _ in .full(307, ["Location": "http://localhost:\(other.port)/blob"]) }
    let repository = try Fixture.repository(server, credentials: .password(user: "ann", password: Self.secret)) {
      $0.insecure.append("localhost:\(other.port)")
    }
    await #expect(throws: RegistryFailure.self) {
      try await repository.blob(Fixture.digest([1]), sizeBytes: 1, limit: 10)
    }
    #expect(other.requests.allSatisfy { !$0.headers.contains(name: "Authorization") })
  }

  @Test func `wrong credentials end after one try`() async throws {
    let server = try ScriptedServer { _, _ in
      .full(401, ["WWW-Authenticate": "Basic realm=\"r\""], Array("{\"errors\":[{\"code\":\"UNAUTHORIZED\"}]}".utf8))
    }
    let repository = try Fixture.repository(server, credentials: .password(user: "ann", password: "wrong"))
    await #expect { try await repository.tags() } throws: { error in
      (error as? RegistryFailure)?.kind == .unauthorized && (error as? RegistryFailure)?.codes == ["UNAUTHORIZED"]
    }
    // The search for TLS, without and with the password.
    #expect(server.requests.filter { $0.target.contains("tags") }.count == 2)
  }

  @Test func `a registry that is not named insecure is spoken to by TLS alone`() async throws {
    let server = try ScriptedServer { _, _ in .full(200) }
    let client = try Fixture.client(server, insecure: false, attempts: 1)
    let registry = client.registry(try RegistryHost(server.address), credentials: .password(user: "a", password: "b"))
    await #expect { try await registry.check() } throws: { ($0 as? RegistryFailure)?.kind == .unreachable }
    #expect(server.requests.isEmpty)
  }
}

/// A number that a server's closure learns after it was made.
final class PortBox: @unchecked Sendable {
  private let lock = NSLock()
  private var number = 0
  var value: Int { lock.withLock { number } }
  func set(_ value: Int) { lock.withLock { number = value } }
}
