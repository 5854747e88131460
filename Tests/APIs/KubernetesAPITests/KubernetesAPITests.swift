import HTTPServing
import KubeMachinery
import Testing

@testable import KubernetesAPI

@Suite struct KubernetesAPITests {
  private static let maps = "/api/v1/namespaces/default/configmaps"

  private func map(_ name: String, _ data: String = "{}") -> String {
    #"{"metadata":{"name":"\#(name)"},"data":\#(data)}"#
  }

  /// Method, address, body, content type, accept; status and what the answer says.
  private typealias Case = (
    method: HTTPMethod, address: String, body: String, type: String, accept: String, status: Int, text: String
  )

  private static let cases: [Case] = [
    (.GET, "/api/v1/nonsuch", "", "", "", 404, "404 page not found\n"),
    (.GET, "/apis/nonsuch/v1/things", "", "", "", 404, "404 page not found\n"),
    (.GET, "/api/v1/configmaps/x", "", "", "", 404, "404 page not found\n"),
    (.GET, "/api/v1/namespaces/default/namespaces", "", "", "", 404, "404 page not found\n"),
    (.GET, "/healthz", "", "", "", 200, "ok"), (.GET, "/readyz", "", "", "", 200, "ok"),
    (.GET, "/livez?verbose", "", "", "", 200, "[+]ping ok\nlivez check passed\n"),
    (.GET, "/livez/ping", "", "", "", 200, "ok"), (.GET, "/livez/nonsuch", "", "", "", 404, "404 page not found\n"),
    (
      .GET, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "", "", "", 200,
      #""kind":"CustomResourceDefinitionList""#
    ),
    (.POST, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "{}", "application/json", "", 404, "404 page"),
    (.POST, "/version", "", "", "", 405, "the server does not allow this method on the requested resource"),
    (.PUT, maps, "", "", "", 405, "the server does not allow this method on the requested resource"),
    (.POST, "/api/v1/configmaps", "{}", "application/json", "", 405, "MethodNotAllowed"),
    (.DELETE, "/api/v1/configmaps", "", "", "", 405, "MethodNotAllowed"),
    (.GET, maps + "/nope", "", "", "", 404, "configmaps \\\"nope\\\" not found"),
    (.GET, maps, "", "", "application/vnd.kubernetes.protobuf", 406, "406: Not Acceptable"),
    (.GET, maps, "", "", "application/vnd.kubernetes.protobuf,application/json", 200, #""kind":"ConfigMapList""#),
    (.GET, maps, "", "", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json", 200, #""kind":"Table""#),
    (
      .GET, maps, "", "", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", 200,
      #""kind":"PartialObjectMetadataList""#
    ),
    (
      .POST, maps, "x", "application/xml", "", 415,
      "the body of the request was in an unknown format"
    ),
    (
      .POST, maps, "x", "application/vnd.kubernetes.protobuf", "", 400,
      "it does not begin with the four bytes of its form"
    ),
    (.PATCH, maps + "/x", "{}", "application/json", "", 415, "application/strategic-merge-patch+json"),
    (.POST, maps, "{}", "application/json", "", 422, "metadata.name: Required value: name or generateName is required"),
    (.POST, maps, "{", "application/json", "", 400, "invalid JSON"),
    (.POST, maps, "", "application/json", "", 400, "the request's body is empty"),
    (
      .POST, maps + "?dryRun=x", #"{"metadata":{"name":"a"}}"#, "application/json", "", 422,
      "Unsupported value: \\\"x\\\""
    ),
    (.GET, maps + "?labelSelector=a%3D%3D%3Db", "", "", "", 400, "unable to parse requirement"),
    (.GET, maps + "?fieldSelector=spec.foo%3D1", "", "", "", 400, "spec.foo"),
    (
      .GET, maps + "?resourceVersion=99999999&resourceVersionMatch=Exact", "", "", "", 504, "Too large resource version"
    ),
    (.PATCH, maps + "/x?fieldManager=", "{}", "application/apply-patch+yaml", "", 422, "fieldManager: Required value"),
  ]

  @Test func answersAreThoseOfARealServer() async throws {
    try await APIFixture.with { kube in
      for test in Self.cases {
        var headers = HTTPHeaders()
        if !test.type.isEmpty { headers.add(name: "Content-Type", value: test.type) }
        if !test.accept.isEmpty { headers.add(name: "Accept", value: test.accept) }
        let answer = try await kube.call(test.method, test.address, test.body, headers)
        #expect(
          answer.status == test.status && answer.text.contains(test.text), "\(test.method) \(test.address): \(answer)")
        #expect(answer.headers["Cache-Control"] == ["no-cache, private"] && answer.headers["Audit-Id"].count == 1)
      }
    }
  }

  @Test func whatAClientShouldKnowStandsInWarnings() async throws {
    try await APIFixture.with { kube in
      let body = #"{"metadata":{"name":"a"},"foo":1}"#
      let warned = try await kube.call(.POST, Self.maps, body, ["Content-Type": "application/json"])
      #expect(warned.status == 201 && warned.headers["Warning"] == [#"299 - "unknown field \"foo\"""#])
      let strict = try await kube.call(.POST, Self.maps + "?fieldValidation=Strict", body)
      #expect(strict.status == 400 && strict.text.contains("strict decoding error: unknown field"))
    }
  }

  @Test func anObjectLivesAndDies() async throws {
    try await APIFixture.with { kube in
      let made = try await kube.call(.POST, Self.maps, map("a", #"{"k":"v"}"#))
      #expect(made.status == 201)
      let object = try JSONParser.parse(Array(made.text.utf8))
      #expect(object.kind == "ConfigMap" && object.meta.resourceVersion != "")
      #expect(try await kube.call(.GET, Self.maps + "/a").text == made.text)
      let put = try await kube.call(.PUT, Self.maps + "/a", made.text.replacing(#""v""#, with: #""w""#))
      #expect(put.status == 200)
      #expect(try await kube.call(.PUT, Self.maps + "/a", made.text).status == 409)
      let wrong = #"{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"uid":"abc"}}"#
      #expect(try await kube.call(.DELETE, Self.maps + "/a", wrong).status == 409)
      let gone = try await kube.call(.DELETE, Self.maps + "/a")
      let status = try JSONParser.parse(Array(gone.text.utf8))
      #expect(gone.status == 200 && status["status"]?.text == "Success")
      #expect(status["details"] == ["name": "a", "kind": "configmaps", "uid": .string(object.meta.uid)])
    }
  }

  @Test("ATT-059, ATT-060: names that lead elsewhere and documents that are bombs are refused") func attacks()
    async throws
  {
    try await APIFixture.with { kube in
      for name in ["../x", "a/b", "A", "a\u{0}b", "％2e", String(repeating: "a", count: 300), ".."] {
        let body = JSONValue.object([("metadata", ["name": .string(name)])]).encodedText
        let answer = try await kube.call(.POST, Self.maps, body)
        #expect(answer.status == 422 && answer.text.contains("metadata.name"), "\(name): \(answer)")
      }
      let deep = String(repeating: "[", count: 100_000)
      let twins = #"{"metadata":{"name":"a","name":"b"}}"#
      let big = #"{"metadata":{"name":"a"},"data":{"k":""# + String(repeating: "x", count: 4 << 20) + #""}}"#
      for (body, status) in [(deep, 400), (twins, 400), (#"{"a":1e999999}"#, 400), (#"{"a":NaN}"#, 400), (big, 413)] {
        let answer = try await kube.call(.POST, Self.maps, body)
        #expect(answer.status == status, "\(answer.text.prefix(200))")
      }
      #expect(try await kube.call(.GET, Self.maps).text.contains(#""items":[]"#))
    }
  }

  @Test func discoveryHasBothForms() async throws {
    try await APIFixture.with { kube in
      let legacy = try await kube.call(.GET, "/api/v1")
      let list = try JSONParser.parse(Array(legacy.text.utf8))
      #expect(list["groupVersion"]?.text == "v1")
      #expect(
        list["resources"]?.items.map { $0["name"]?.text ?? "" } == [
          "configmaps", "namespaces", "namespaces/status", "secrets",
        ])
      let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
      let new = try await kube.call(.GET, "/api", "", ["Accept": accept])
      #expect(new.headers["Content-Type"] == ["application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"])
      let groups = try JSONParser.parse(Array(new.text.utf8))
      #expect(groups["items"]?.items.first?["versions"]?.items.first?["resources"]?.items.count == 3)
      #expect(try await kube.call(.GET, "/api").text.contains(#""kind":"APIVersions","versions":["v1"]"#))
    }
  }
}
