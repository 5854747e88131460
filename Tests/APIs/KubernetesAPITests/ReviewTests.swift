import HTTPServing
import KubeMachinery
import KubeResources
import Testing

@testable import KubernetesAPI

@Suite struct ReviewTests {
  private static func with(_ test: (APIFixture) async throws -> Void) async throws {
    let binding: JSONValue = [
      "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
      "metadata": ["name": "view", "namespace": "default"],
      "roleRef": ["apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"],
      "subjects": [["apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "vera"]],
    ]
    try await APIFixture.with(
      stranger: .anonymous, catalog: KindCatalog.complete.served, objects: DefaultRoles.objects + [binding], test)
  }

  private static func ask(
    _ kube: APIFixture, _ user: String, _ address: String, _ spec: String
  ) async throws -> (status: Int, answer: JSONValue) {
    let answer = try await kube.call(.POST, address, spec, ["Authorization": "Bearer \(user)"])
    return (answer.status, try JSONParser.parse(Array(answer.text.utf8)))
  }

  private static let authorization = "/apis/authorization.k8s.io/v1"

  @Test func whetherOneMayIsAnsweredAsItWouldBeDecided() async throws {
    try await Self.with { kube in
      let cases: [(attributes: String, allowed: Bool)] = [
        (#"{"namespace":"default","verb":"get","resource":"pods"}"#, true),
        (#"{"namespace":"default","verb":"delete","resource":"pods"}"#, false),
        (#"{"namespace":"default","verb":"get","resource":"pods","subresource":"log"}"#, true),
        (#"{"namespace":"kube-system","verb":"get","resource":"pods"}"#, false),
        (#"{"verb":"list","group":"apps","resource":"deployments"}"#, false),
        (#"{"namespace":"default","verb":"list","group":"apps","resource":"deployments"}"#, true),
        (#"{"namespace":"default","verb":"*","resource":"*"}"#, false),
      ]
      for (attributes, allowed) in cases {
        let own = try await Self.ask(
          kube, "vera", Self.authorization + "/selfsubjectaccessreviews",
          #"{"spec":{"resourceAttributes":\#(attributes)}}"#
        )
        #expect(own.status == 201 && own.answer.at("status", "allowed")?.flag == allowed, "\(attributes): \(own)")
        let other = try await Self.ask(
          kube, "root/system:masters", Self.authorization + "/subjectaccessreviews",
          #"{"spec":{"user":"vera","resourceAttributes":\#(attributes)}}"#)
        #expect(other.status == 201 && other.answer.at("status", "allowed")?.flag == allowed, "\(attributes): \(other)")
      }
      let path = try await Self.ask(
        kube, "vera", Self.authorization + "/selfsubjectaccessreviews",
        #"{"spec":{"nonResourceAttributes":{"path":"/apis","verb":"get"}}}"#)
      #expect(path.answer.at("status", "allowed")?.flag == true)
      #expect(path.answer.at("status", "reason")?.text?.contains("ClusterRoleBinding") == true)
      let rules = try await Self.ask(
        kube, "vera", Self.authorization + "/selfsubjectrulesreviews", #"{"spec":{"namespace":"default"}}"#)
      #expect(rules.answer.at("status", "resourceRules")?.items.isEmpty == false, "\(rules)")
    }
  }

  @Test func whatIsAskedWronglyIsRefused() async throws {
    try await Self.with { kube in
      let local = Self.authorization + "/namespaces/default/localsubjectaccessreviews"
      let cases: [(user: String, address: String, body: String, status: Int)] = [
        ("vera", Self.authorization + "/selfsubjectaccessreviews", #"{"spec":{}}"#, 422),
        (
          "vera", Self.authorization + "/selfsubjectaccessreviews",
          #"{"spec":{"resourceAttributes":{"verb":"get"},"nonResourceAttributes":{"path":"/"}}}"#, 422
        ),
        ("vera", Self.authorization + "/subjectaccessreviews", #"{"spec":{"user":"x","resourceAttributes":{}}}"#, 403),
        (
          "root/system:masters", Self.authorization + "/subjectaccessreviews", #"{"spec":{"resourceAttributes":{}}}"#,
          422
        ),
        (
          "root/system:masters", local, #"{"spec":{"user":"x","resourceAttributes":{"namespace":"kube-system"}}}"#, 422
        ),
        (
          "root/system:masters", local, #"{"spec":{"user":"x","resourceAttributes":{"namespace":"default"}}}"#, 201
        ),
        ("vera", Self.authorization + "/selfsubjectrulesreviews", #"{"spec":{}}"#, 400),
        ("root/system:masters", "/apis/authentication.k8s.io/v1/tokenreviews", #"{"spec":{}}"#, 422),
        ("vera", "/apis/authentication.k8s.io/v1/tokenreviews", #"{"spec":{"token":"x"}}"#, 403),
      ]
      for test in cases {
        let answer = try await Self.ask(kube, test.user, test.address, test.body)
        #expect(answer.status == test.status, "\(test.address) \(test.body): \(answer)")
      }
      let read = try await kube.call(
        .GET, Self.authorization + "/selfsubjectaccessreviews", "", ["Authorization": "Bearer root/system:masters"])
      #expect(read.status == 405)
    }
  }

  @Test func whoAsksIsTold() async throws {
    try await Self.with { kube in
      for version in ["v1", "v1beta1"] {
        let me = try await Self.ask(
          kube, "ada/ops,dev", "/apis/authentication.k8s.io/\(version)/selfsubjectreviews", "{}")
        #expect(
          me.answer.at("status", "userInfo") == [
            "username": "ada", "groups": ["ops", "dev", "system:authenticated"],
          ], "\(me)")
      }
    }
  }
}
