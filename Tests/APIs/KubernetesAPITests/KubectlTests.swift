import HTTPServing
import KubeMachinery
import Testing

@testable import KubernetesAPI

/// The real client against the API on loopback.
@Suite(.serialized) struct KubectlTests {
  @Test(arguments: APIFixture.versions) func theMainVerbs(_ version: String) async throws {
    try await APIFixture.with(kubectl: version) { kube in
      let resources = try await kube.succeed("api-resources", "--no-headers")
      for name in ["configmaps", "secrets", "namespaces"] { #expect(resources.contains(name)) }
      #expect(try await kube.succeed("api-versions").split(separator: "\n") == ["v1"])
      #expect(try await kube.succeed("version").contains("v1.33.0"))
      #expect(try await kube.succeed("get", "ns", "-o", "name") == "namespace/default\nnamespace/kube-system\n")

      let create = ["create", "-f", "-"]
      let map = #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1"}}"#
      #expect(try await kube.succeed(create, input: map) == "configmap/a created\n")
      let again = try await kube.run(create, input: map)
      #expect(
        again.errors
          == "Error from server (AlreadyExists): error when creating \"STDIN\": configmaps \"a\" already exists\n")
      #expect(again.code == 1)
      let table = try await kube.succeed("get", "cm")
      #expect(table.hasPrefix("NAME   DATA   AGE\na      1      "))
      #expect(try await kube.succeed("get", "cm", "a", "-o", "jsonpath={.data.x}") == "1")
      let missing = try await kube.run("get", "cm", "nope")
      #expect(missing.errors == "Error from server (NotFound): configmaps \"nope\" not found\n")
      #expect(try await kube.run("get", "cm", "-n", "nonsuch").errors == "No resources found in nonsuch namespace.\n")
      let elsewhere = try await kube.run(create + ["-n", "nonsuch"], input: map)
      #expect(
        elsewhere.errors
          == "Error from server (NotFound): error when creating \"STDIN\": namespaces \"nonsuch\" not found\n")

      let secret = #"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"p":"aGlkZGVu"}}"#
      #expect(try await kube.succeed(create, input: secret) == "secret/s created\n")
      #expect(try await kube.succeed("get", "secret", "s", "-o", "jsonpath={.data.p}") == "aGlkZGVu")

      #expect(try await kube.succeed("label", "cm", "a", "tier=front") == "configmap/a labeled\n")
      #expect(try await kube.succeed("get", "cm", "-l", "tier=front", "-o", "name") == "configmap/a\n")
      #expect(try await kube.run("get", "cm", "-l", "tier=back").errors == "No resources found in default namespace.\n")
      #expect(try await kube.succeed("annotate", "cm", "a", "note=hello").hasPrefix("configmap/a annotate"))
      #expect(try await kube.succeed("patch", "cm", "a", "-p", #"{"data":{"y":"2"}}"#) == "configmap/a patched\n")
      #expect(
        try await kube.succeed("patch", "cm", "a", "--type=merge", "-p", #"{"data":{"x":null}}"#)
          == "configmap/a patched\n")
      #expect(
        try await kube.succeed(
          "patch", "cm", "a", "--type=json", "-p", #"[{"op":"add","path":"/data/z","value":"3"}]"#)
          == "configmap/a patched\n")
      #expect(try await kube.succeed("get", "cm", "a", "-o", "jsonpath={.data}") == #"{"y":"2","z":"3"}"#)

      #expect(try await kube.succeed("delete", "cm", "a").hasPrefix("configmap \"a\" deleted"))
      #expect(try await kube.succeed("delete", "secrets", "--all").contains("secret \"s\" deleted"))
      #expect(try await kube.run("get", "secrets").errors == "No resources found in default namespace.\n")
    }
  }

  private static let manifest = """
    {"apiVersion":"v1","kind":"List","items":[
      {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}},
      {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"shop"},"data":{"k":"VALUE"}}]}
    """

  private func manifest(_ value: String) -> String { Self.manifest.replacing("VALUE", with: value) }

  @Test(arguments: APIFixture.versions) func applyByTheClient(_ version: String) async throws {
    try await APIFixture.with(kubectl: version) { kube in
      let first = try await kube.succeed("apply", "-f", "-", input: manifest("1"))
      #expect(first == "namespace/shop created\nconfigmap/c created\n")
      let second = try await kube.succeed("apply", "-f", "-", input: manifest("1"))
      #expect(second == "namespace/shop unchanged\nconfigmap/c unchanged\n")
      let third = try await kube.succeed("apply", "-f", "-", input: manifest("2"))
      #expect(third == "namespace/shop unchanged\nconfigmap/c configured\n")
      #expect(try await kube.succeed("get", "cm", "c", "-n", "shop", "-o", "jsonpath={.data.k}") == "2")
      let diff = try await kube.run("diff", "-f", "-", input: manifest("3"))
      #expect(diff.code == 1 && diff.output.contains("-  k: \"2\"\n+  k: \"3\""), "\(diff)")
      #expect(try await kube.succeed("delete", "-f", "-", input: manifest("2")).contains("configmap \"c\" deleted"))
    }
  }

  @Test func applyByTheServer() async throws {
    try await APIFixture.with { kube in
      #expect(
        try await kube.succeed("apply", "--server-side", "-f", "-", input: manifest("1"))
          == "namespace/shop serverside-applied\nconfigmap/c serverside-applied\n")
      let other = try await kube.run(
        "apply", "--server-side", "--field-manager=other", "-f", "-", input: manifest("2"))
      #expect(other.code == 1 && other.errors.contains("conflict with \"kubectl\": .data.k"), "\(other)")
      _ = try await kube.succeed(
        "apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", "-",
        input: manifest("2"))
      #expect(try await kube.succeed("get", "cm", "c", "-n", "shop", "-o", "jsonpath={.data.k}") == "2")
    }
  }

  @Test func aWatchEndsWithItsCondition() async throws {
    try await APIFixture.with { kube in
      async let waiting = kube.succeed("wait", "--for=create", "cm/late", "--timeout=30s")
      // The object comes while the other looks, or before: either way it has to see it.
      _ = try await kube.succeed(
        ["create", "-f", "-"],
        input: #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"late"}}"#)
      #expect(try await waiting.contains("configmap/late condition met"))
      _ = try await kube.succeed("patch", "cm", "late", "-p", #"{"data":{"ready":"yes"}}"#)
      #expect(
        try await kube.succeed("wait", "--for=jsonpath={.data.ready}=yes", "cm/late", "--timeout=30s")
          .contains("condition met"))
      async let gone = kube.succeed("wait", "--for=delete", "cm/late", "--timeout=30s")
      _ = try await kube.succeed("delete", "cm", "late")
      _ = try await gone
    }
  }

  @Test(arguments: APIFixture.versions)
  func kindsAreExplainedAndChecked(_ version: String) async throws {
    try await APIFixture.with(kubectl: version) { kube in
      #expect(try await kube.succeed("explain", "configmap.data").contains("Texts."))
      #expect(try await kube.succeed("explain", "namespaces").contains("A scope for names."))
      let wrong = try await kube.run(
        "create", "-f", "-", input: #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"foo":1}"#)
      #expect(wrong.code == 1 && wrong.errors.contains("strict decoding error: unknown field \"foo\""), "\(wrong)")
    }
  }

  @Test func pagesAreAskedForAndPutTogether() async throws {
    try await APIFixture.with { kube in
      for index in 0..<25 {
        _ = try await kube.api.service.create(
          TestKinds.configMap, in: "default", ["metadata": ["name": .string("m\(index)")]], WriteOptions(),
          at: kube.api.now())
      }
      let names = try await kube.succeed("get", "cm", "-o", "name", "--chunk-size=10").split(separator: "\n")
      #expect(names.count == 25 && Set(names).count == 25)
    }
  }
}
