import HTTPServing
import KubeMachinery
import KubeResources
import Testing

@testable import KubernetesAPI

/// Who may do what, through the API as clients meet it.
@Suite struct AccessTests {
  private static func with(_ objects: [JSONValue] = [], _ test: (APIFixture) async throws -> Void) async throws {
    try await APIFixture.with(
      stranger: .anonymous, catalog: KindCatalog.all.served, objects: DefaultRoles.objects + objects, test)
  }

  private static let roles: [JSONValue] = [
    APIFixture.binding("view", to: "vera", in: "default"), APIFixture.binding("edit", to: "ed", in: "default"),
    APIFixture.binding("admin", to: "ann", in: "default"), APIFixture.binding("cluster-admin", to: "root"),
  ]

  private static func status(
    _ kube: APIFixture, _ user: String, _ method: HTTPMethod, _ address: String, _ body: String = "",
    _ headers: [(String, String)] = []
  ) async throws -> (status: Int, text: String) {
    var all = HTTPHeaders(headers)
    if !user.isEmpty { all.add(name: "Authorization", value: "Bearer \(user)") }
    let answer = try await kube.call(method, address, body, all)
    return (answer.status, answer.text)
  }

  @Test func whoShowsNothingSeesHealthAndVersionAlone() async throws {
    try await Self.with { kube in
      for (address, expected) in [
        ("/healthz", 200), ("/livez", 200), ("/readyz", 200), ("/version", 200), ("/api", 403), ("/apis", 403),
        ("/openapi/v2", 403), ("/metrics", 403), ("/api/v1/pods", 403), ("/", 403), ("/nonsuch", 403),
      ] {
        let answer = try await Self.status(kube, "", .GET, address)
        #expect(answer.status == expected, "\(address): \(answer)")
      }
      let metrics = try await Self.status(kube, "", .GET, "/metrics")
      #expect(metrics.text.contains(#"forbidden: User \"system:anonymous\" cannot get path \"/metrics\""#))
      let pods = try await Self.status(kube, "", .GET, "/api/v1/namespaces/beh/pods")
      #expect(
        pods.text.contains(
          #"pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API group \"\" in the namespace \"beh\""#
        ))
      let bad = try await Self.status(kube, "bad", .GET, "/version")
      #expect(bad.status == 401 && bad.text.contains(#""message":"Unauthorized","reason":"Unauthorized""#))
      for address in ["/api", "/apis", "/openapi/v2", "/version"] {
        #expect(try await Self.status(kube, "nobody", .GET, address).status == 200, "\(address)")
      }
    }
  }

  @Test func requestsAreJudgedByWhatTheyDo() async throws {
    try await Self.with(Self.roles) { kube in
      let maps = "/api/v1/namespaces/default/configmaps"
      let map = #"{"metadata":{"name":"a"}}"#
      let cases: [(user: String, method: HTTPMethod, address: String, body: String, status: Int)] = [
        ("vera", .POST, maps, map, 403), ("ed", .POST, maps, map, 201), ("vera", .GET, maps + "/a", "", 200),
        ("vera", .PUT, maps + "/a", map, 403), ("vera", .PATCH, maps + "/a", "{}", 403),
        ("vera", .DELETE, maps + "/a", "", 403), ("vera", .DELETE, maps, "", 403),
        ("vera", .GET, "/api/v1/configmaps", "", 403),
        ("vera", .GET, "/api/v1/namespaces/kube-system/configmaps", "", 403),
        ("vera", .GET, "/api/v1/namespaces/default", "", 200),
        ("vera", .GET, "/api/v1/namespaces/kube-system", "", 403),
        ("vera", .GET, "/api/v1/namespaces", "", 403), ("vera", .GET, "/api/v1/namespaces/default/secrets", "", 403),
        ("root", .GET, "/api/v1/secrets", "", 200), ("root", .DELETE, "/api/v1/namespaces/default", "", 403),
        ("root", .DELETE, "/api/v1/namespaces/kube-system", "", 403), ("nobody", .GET, "/apis/nonsuch/v1/x", "", 403),
        ("root", .GET, "/apis/nonsuch/v1/x", "", 404),
      ]
      for test in cases {
        let answer = try await Self.status(kube, test.user, test.method, test.address, test.body)
        #expect(answer.status == test.status, "\(test.user) \(test.method) \(test.address): \(answer)")
      }
      let kept = try await Self.status(kube, "root", .DELETE, "/api/v1/namespaces/default")
      #expect(kept.text.contains(#"namespaces \"default\" is forbidden: this namespace may not be deleted"#))
    }
  }

  @Test("ATT: nobody gives himself or others what he does not have") func escalation() async throws {
    try await Self.with(Self.roles) { kube in
      let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
      let role = #"{"metadata":{"name":"r"},"rules":[{"apiGroups":[""],"resources":["RES"],"verbs":["VERB"]}]}"#
      func text(_ resource: String, _ verb: String) -> String {
        role.replacing("RES", with: resource).replacing("VERB", with: verb)
      }
      let nodes = try await Self.status(kube, "ann", .POST, rbac + "/roles", text("nodes", "get"))
      #expect(nodes.status == 403 && nodes.text.contains("is attempting to grant RBAC permissions not currently held"))
      #expect(try await Self.status(kube, "ann", .POST, rbac + "/roles", text("pods", "get")).status == 201)
      let put = try await Self.status(
        kube, "ann", .PATCH, rbac + "/roles/r", #"{"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}"#,
        [("Content-Type", "application/merge-patch+json")])
      #expect(put.status == 403, "\(put)")
      let bind = try await Self.status(
        kube, "ann", .POST, rbac + "/rolebindings",
        APIFixture.binding("cluster-admin", to: "ann", in: "default").encodedText)
      #expect(bind.status == 403, "\(bind)")
      let view = try await Self.status(
        kube, "ann", .POST, rbac + "/rolebindings", APIFixture.binding("view", to: "new", in: "default").encodedText)
      #expect(view.status == 201, "\(view)")
      // At once.
      #expect(try await Self.status(kube, "new", .GET, "/api/v1/namespaces/default/pods").status == 200)
      let gone = try await Self.status(kube, "ann", .DELETE, rbac + "/rolebindings/view-new")
      #expect(gone.status == 200, "\(gone)")
      #expect(try await Self.status(kube, "new", .GET, "/api/v1/namespaces/default/pods").status == 403)
    }
  }

  @Test func impersonationHasToBeAllowed() async throws {
    try await Self.with(Self.roles) { kube in
      let pods = "/api/v1/namespaces/default/pods"
      let asVera = [("Impersonate-User", "vera")]
      #expect(try await Self.status(kube, "root", .GET, pods, "", asVera).status == 200)
      #expect(try await Self.status(kube, "root", .GET, "/api/v1/secrets", "", asVera).status == 403)
      let refused = try await Self.status(kube, "ed", .GET, pods, "", [("Impersonate-User", "root")])
      #expect(refused.status == 403)
      #expect(refused.text.contains(#"users \"root\" is forbidden: User \"ed\" cannot impersonate resource \"users\""#))
      let masters = try await Self.status(
        kube, "ed", .GET, "/api/v1/secrets", "", asVera + [("Impersonate-Group", "system:masters")])
      #expect(masters.status == 403)
      let nobody = try await Self.status(kube, "root", .GET, pods, "", [("Impersonate-Group", "x")])
      #expect(nobody.status == 400 && nobody.text.contains("without impersonating a user"))
      let many = (0..<70).map { ("Impersonate-Group", "g\($0)") }
      #expect(try await Self.status(kube, "root", .GET, pods, "", asVera + many).status == 400)
    }
  }
}
