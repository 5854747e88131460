import FoundationEssentials
import HTTPServing
import KubeMachinery
import KubeResources
import Testing

@testable import KubernetesAPI

@Suite struct SubresourceTests {
  private static let root: HTTPHeaders = ["Authorization": "Bearer root/system:masters"]

  private static func object(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

  private static let objects: [JSONValue] = [
    [
      "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "web", "namespace": "default"],
      "spec": [
        "replicas": 3, "selector": ["matchLabels": ["app": "web"]],
        "template": [
          "metadata": ["labels": ["app": "web"]], "spec": ["containers": [["name": "c", "image": "i"]]],
        ],
      ],
    ],
    [
      "apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p", "namespace": "default"],
      "spec": ["serviceAccountName": "robot", "containers": [["name": "c", "image": "i"]]],
    ],
    ["apiVersion": "v1", "kind": "ServiceAccount", "metadata": ["name": "robot", "namespace": "default"]],
  ]

  private static func with(_ test: (APIFixture) async throws -> Void) async throws {
    try await APIFixture.with(
      stranger: .anonymous, catalog: KindCatalog.complete.served, objects: DefaultRoles.objects + objects, test)
  }

  private static func call(
    _ kube: APIFixture, _ method: HTTPMethod, _ address: String, _ body: String = "", type: String = "application/json",
    token: String = "root/system:masters"
  ) async throws -> (status: Int, object: JSONValue) {
    let answer = try await kube.call(
      method, address, body, ["Authorization": "Bearer \(token)", "Content-Type": type])
    return (answer.status, (try? object(answer.text)) ?? .string(answer.text))
  }

  @Test func aScaleIsReadPutAndPatched() async throws {
    try await Self.with { kube in
      let address = "/apis/apps/v1/namespaces/default/deployments/web/scale"
      let scale = try await Self.call(kube, .GET, address)
      #expect(scale.object.kind == "Scale" && scale.object.apiVersion == "autoscaling/v1")
      #expect(scale.object["spec"] == ["replicas": 3])
      #expect(scale.object["status"] == ["replicas": 0, "selector": "app=web"])
      let shown = try await kube.call(
        .GET, address, "",
        [
          "Authorization": "Bearer root/system:masters",
          "Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
        ])
      let cells = try Self.object(shown.text)["rows"]?.items.first?["cells"]?.items ?? []
      #expect(Array(cells.prefix(3)) == [.string("web"), .integer(3), .integer(0)], "\(shown)")
      var wanted = scale.object
      wanted["spec"] = ["replicas": 5]
      #expect(try await Self.call(kube, .PUT, address, wanted.encodedText).object["spec"] == ["replicas": 5])
      // The version that it was read at is no longer the one that is there.
      #expect(try await Self.call(kube, .PUT, address, wanted.encodedText).status == 409)
      let patched = try await Self.call(
        kube, .PATCH, address, #"{"spec":{"replicas":0}}"#, type: "application/merge-patch+json")
      #expect(patched.status == 200 && patched.object["spec"] == [:], "\(patched)")
      let web = try await Self.call(kube, .GET, "/apis/apps/v1/namespaces/default/deployments/web")
      #expect(web.object.at("spec", "replicas") == 0 && web.object.meta.generation == 3)
      let managers = web.object.meta.managedFields.compactMap { $0["subresource"]?.text }
      #expect(managers == ["scale"])
      for (body, status) in [
        (#"{"spec":{"replicas":-1}}"#, 422), (#"{"spec":{"replicas":"x"}}"#, 400), (#"{"kind":"Pod"}"#, 400),
        (#"{"spec":{"replicas":99999999999}}"#, 400),
      ] {
        let answer = try await Self.call(kube, .PATCH, address, body, type: "application/merge-patch+json")
        #expect(answer.status == status, "\(body): \(answer)")
      }
      let apply = try await Self.call(
        kube, .PATCH, address + "?fieldManager=x", #"{"spec":{"replicas":1}}"#, type: "application/apply-patch+yaml")
      #expect(apply.status == 501)
      #expect(try await Self.call(kube, .GET, "/api/v1/namespaces/default/pods/p/scale").status == 404)
    }
  }

  @Test func aPodIsBoundOnce() async throws {
    try await Self.with { kube in
      let address = "/api/v1/namespaces/default/pods/p/binding"
      for (body, status) in [
        (#"{"target":{"kind":"Node"}}"#, 422), (#"{"target":{"kind":"Pod","name":"n1"}}"#, 422),
        (#"{"metadata":{"name":"q"},"target":{"name":"n1"}}"#, 400),
        (#"{"metadata":{"uid":"other"},"target":{"name":"n1"}}"#, 409),
        (#"{"metadata":{"name":"p"},"target":{"kind":"Node","name":"n1"}}"#, 201),
        (#"{"metadata":{"name":"p"},"target":{"kind":"Node","name":"n2"}}"#, 409),
      ] {
        let answer = try await Self.call(kube, .POST, address, body)
        #expect(answer.status == status, "\(body): \(answer)")
      }
      let pod = try await Self.call(kube, .GET, "/api/v1/namespaces/default/pods/p").object
      #expect(pod.at("spec", "nodeName") == "n1")
      #expect(pod.at("status", "conditions")?.items.first?["type"] == "PodScheduled")
      let evicted = try await Self.call(
        kube, .POST, "/api/v1/namespaces/default/pods/p/eviction",
        #"{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p"},"deleteOptions":{"gracePeriodSeconds":7}}"#
      )
      #expect(evicted.status == 201 && evicted.object["status"] == "Success")
      let leaving = try await Self.call(kube, .GET, "/api/v1/namespaces/default/pods/p").object
      #expect(leaving.meta.deletionGracePeriodSeconds == 7)
    }
  }

  @Test func aNamespaceEndsWhenItIsFinalized() async throws {
    try await Self.with { kube in
      _ = try await Self.call(kube, .POST, "/api/v1/namespaces", #"{"metadata":{"name":"gone"}}"#)
      let deleted = try await Self.call(kube, .DELETE, "/api/v1/namespaces/gone")
      #expect(deleted.object.at("status", "phase") == "Terminating")
      let wrong = try await Self.call(kube, .PUT, "/api/v1/namespaces/gone/finalize", #"{"spec":{"finalizers":[1]}}"#)
      #expect(wrong.status == 400)
      let last = try await Self.call(
        kube, .PUT, "/api/v1/namespaces/gone/finalize", #"{"metadata":{"name":"gone"},"spec":{"finalizers":[]}}"#)
      #expect(last.status == 200, "\(last)")
      #expect(try await Self.call(kube, .GET, "/api/v1/namespaces/gone").status == 404)
    }
  }

  @Test("ATT: tokens of service accounts are good for whom and as long as they say") func tokens() async throws {
    try await Self.with { kube in
      let address = "/api/v1/namespaces/default/serviceaccounts/robot/token"
      func request(_ spec: String) async throws -> (status: Int, object: JSONValue) {
        try await Self.call(kube, .POST, address, #"{"spec":\#(spec)}"#)
      }
      for (spec, status) in [
        (#"{"expirationSeconds":60}"#, 422), (#"{"expirationSeconds":99999999999}"#, 422),
        (#"{"boundObjectRef":{"kind":"Node","name":"n"}}"#, 422),
        (#"{"boundObjectRef":{"kind":"Pod","name":"q"}}"#, 404),
        (#"{"boundObjectRef":{"kind":"Pod","apiVersion":"v1","name":"p","uid":"other"}}"#, 409),
      ] {
        let answer = try await request(spec)
        #expect(answer.status == status, "\(spec): \(answer)")
      }
      let made = try await request("{}")
      let token = try #require(made.object.at("status", "token")?.text)
      #expect(made.status == 201 && made.object.at("spec", "expirationSeconds") == 3_600)
      let reviews = "/apis/authentication.k8s.io/v1/tokenreviews"
      func review(_ token: String, _ audiences: String = "[]") async throws -> JSONValue {
        try await Self.call(kube, .POST, reviews, #"{"spec":{"token":"\#(token)","audiences":\#(audiences)}}"#).object[
          "status"]
          ?? .null
      }
      let good = try await review(token)
      #expect(good["authenticated"] == true && good.at("user", "username") == "system:serviceaccount:default:robot")
      #expect(
        good.at("user", "groups") == [
          "system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated",
        ])
      let me = try await Self.call(
        kube, .POST, "/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}", token: token)
      #expect(me.object.at("status", "userInfo", "username") == "system:serviceaccount:default:robot")
      #expect(try await review(token, #"["elsewhere"]"#)["authenticated"] == false)
      let other = try await request(#"{"audiences":["elsewhere"]}"#).object.at("status", "token")?.text ?? ""
      #expect(try await review(other)["authenticated"] == false)
      #expect(try await review(other, #"["elsewhere"]"#)["authenticated"] == true)
      #expect(try await Self.call(kube, .GET, "/version", token: other).status == 401)

      // Each part changed, the algorithm taken away, nothing left.
      let parts = token.split(separator: ".").map(String.init)
      let none = Base64URL.encode(Array(#"{"alg":"none"}"#.utf8))
      for forged in [
        "\(none).\(parts[1]).", "\(none).\(parts[1]).\(parts[2])", "\(parts[0]).\(parts[1]).", "..", "a.b.c",
        "\(parts[0]).\(Base64URL.encode(Array("{}".utf8))).\(parts[2])", token + ".x", token + "A",
        String(token.dropLast(4)) + "AAAA",
      ] { #expect(try await review(forged)["authenticated"] == false, "\(forged)") }

      let bound = try await request(#"{"boundObjectRef":{"kind":"Pod","apiVersion":"v1","name":"p"}}"#)
      let ofPod = try #require(bound.object.at("status", "token")?.text)
      #expect(try await review(ofPod).at("user", "extra", "authentication.kubernetes.io/pod-name") == ["p"])
      _ = try await Self.call(kube, .DELETE, "/api/v1/namespaces/default/pods/p")
      #expect(try await review(ofPod)["authenticated"] == false)
      #expect(try await review(token)["authenticated"] == true)
      // Made anew, the account is another one.
      _ = try await Self.call(kube, .DELETE, "/api/v1/namespaces/default/serviceaccounts/robot")
      #expect(try await review(token)["authenticated"] == false)
      _ = try await Self.call(
        kube, .POST, "/api/v1/namespaces/default/serviceaccounts", #"{"metadata":{"name":"robot"}}"#)
      #expect(try await review(token)["authenticated"] == false)
    }
  }
}
