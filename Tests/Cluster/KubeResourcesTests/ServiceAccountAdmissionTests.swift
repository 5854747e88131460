import HTTPServing
import KubeMachinery
import Testing

@testable import KubeResources

@Suite struct ServiceAccountAdmissionTests {
  /// What a pod of these words becomes for an account.
  ///
  /// - Parameter containers: instead of the two that it has else.
  private static func completed(
    _ spec: String, _ account: String = "{}",
    containers: String = #""containers":[{"name":"c","image":"i"}],"initContainers":[{"name":"f","image":"i"}]"#
  ) throws -> JSONValue {
    var pod = try Objects.read("pod", Objects.named(#""spec":{\#(containers)\#(spec)}"#))
    var document = try Objects.json(account)
    document.meta.name = "robot"
    pod.change("spec") { ServiceAccountAdmission.complete(&$0, for: document, volume: "kube-api-access-abcde") }
    #expect(try Objects.kind("pod").createErrors(pod).map(\.text) == [])
    return pod["spec"] ?? [:]
  }

  private static func mounts(_ spec: JSONValue, _ list: String = "containers") -> [JSONValue] {
    spec[list]?.items.first?.listAt("volumeMounts") ?? []
  }

  @Test func everyContainerFindsTokenCertificateAndNamespace() throws {
    let spec = try Self.completed("")
    #expect(spec.textAt("serviceAccountName") == "robot" && spec.textAt("serviceAccount") == "robot")
    let mount =
      #"[{"name":"kube-api-access-abcde","readOnly":true,"mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}]"#
    for list in ["containers", "initContainers"] {
      #expect(JSONValue.array(Self.mounts(spec, list)).encodedText == mount)
    }
    let volume = try Objects.json(
      #"""
      {"name":"kube-api-access-abcde","projected":{"defaultMode":420,"sources":[
        {"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}},
        {"configMap":{"items":[{"key":"ca.crt","path":"ca.crt"}],"name":"kube-root-ca.crt"}},
        {"downwardAPI":{"items":[{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.namespace"},"path":"namespace"}]}}]}}
      """#)
    #expect(spec.listAt("volumes").count == 1 && spec.listAt("volumes")[0].means(volume))
    // It is in its stored form: nothing is added by reading it once more.
    var again: JSONValue = ["metadata": ["name": "x", "namespace": "n"], "spec": spec]
    try Objects.kind("pod").applyDefaults(to: &again)
    #expect(again["spec"]?.means(spec) == true)
  }

  @Test(arguments: [
    (#","automountServiceAccountToken":false"#, "{}", false),
    (#","automountServiceAccountToken":true"#, #"{"automountServiceAccountToken":false}"#, true),
    ("", #"{"automountServiceAccountToken":false}"#, false),
    ("", #"{"automountServiceAccountToken":true}"#, true),
  ])
  func podAndAccountMayDoWithout(_ spec: String, _ account: String, _ isMounted: Bool) throws {
    let spec = try Self.completed(spec, account)
    #expect(!Self.mounts(spec).isEmpty == isMounted)
    #expect(!spec.listAt("volumes").isEmpty == isMounted)
    #expect(spec.textAt("serviceAccountName") == "robot")
  }

  @Test func whatAPodBringsAlongStays() throws {
    let own = #"{"name":"mine","emptyDir":{}}"#
    let taken =
      #"[{"name":"c","image":"i","volumeMounts":[{"name":"mine","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}]}]"#
    let half = try Self.completed(
      #","volumes":[\#(own)]"#, containers: #""containers":\#(taken),"initContainers":[{"name":"f","image":"i"}]"#)
    #expect(Self.mounts(half).map { $0.textAt("name") } == ["mine"])
    #expect(Self.mounts(half, "initContainers").map { $0.textAt("name") } == ["kube-api-access-abcde"])
    #expect(half.listAt("volumes").map { $0.textAt("name") } == ["mine", "kube-api-access-abcde"])
    let whole = try Self.completed(#","volumes":[\#(own)]"#, containers: #""containers":\#(taken)"#)
    #expect(whole.listAt("volumes").map { $0.textAt("name") } == ["mine"])
    let earlier = try Self.completed(#","volumes":[{"name":"kube-api-access-old","emptyDir":{}}]"#)
    #expect(earlier.listAt("volumes").map { $0.textAt("name") } == ["kube-api-access-old"])
    #expect(Self.mounts(earlier).map { $0.textAt("name") } == ["kube-api-access-old"])
  }

  @Test(arguments: [
    ("", #"{"imagePullSecrets":[{"name":"a"},{"name":"b"}]}"#, ["a", "b"]),
    (#","imagePullSecrets":[{"name":"own"}]"#, #"{"imagePullSecrets":[{"name":"a"}]}"#, ["own"]),
    ("", "{}", []),
  ])
  func credentialsOfTheAccountAreForPodsWithoutTheirOwn(_ spec: String, _ account: String, _ names: [String]) throws {
    let spec = try Self.completed(spec, account)
    #expect(spec.listAt("imagePullSecrets").map { $0.textAt("name") } == names)
  }
}
