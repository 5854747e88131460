import HTTPServing
import KubeMachinery
import Testing

@testable import KubeControllers

struct NamespaceTests {
  static func namespace(_ finalizers: String = #"["kubernetes"]"#, terminating: Bool = true) throws -> ClusterObject {
    let deletion = terminating ? #","deletionTimestamp":"2026-01-01T00:00:00Z""# : ""
    return try Sample.object(
      "namespace", "n",
      #"{"metadata":{"uid":"u"\#(deletion)},"spec":{"finalizers":\#(finalizers)},"status":{"phase":"Terminating"}}"#)
  }

  private func plan(
    _ namespace: ClusterObject, _ contents: [ClusterObject], refusal: Refusal? = nil
  ) -> Plan {
    Sample.plan(
      NamespaceController(), namespace, answers: [.contents(namespace: "n"): contents], refusal: refusal)
  }

  @Test("What is in it is deleted, then it may go; what others hold keeps it")
  func empties() throws {
    let map = try Sample.object("configmap", "m")
    let held = try Sample.object(
      "pod", "p", #"{"metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z","finalizers":["x/y"]}}"#)
    let first = plan(try Self.namespace(), [map, held])
    #expect(first.deeds == ["delete configmaps/m"])
    #expect(
      first.status?.condition("NamespaceContentRemaining")?.at("message")
        == "Some resources are remaining: pods. has 1 resource instances")
    #expect(
      first.status?.condition("NamespaceFinalizersRemaining")?.at("message")
        == "Some content in the namespace has finalizers remaining: x/y in 1 resource instances")
    #expect(first.lookAgain != nil)
    #expect(plan(try Self.namespace(), []).lines == ["finalize n []"])
    #expect(plan(try Self.namespace(#"["kubernetes","mine/x"]"#), []).lines == ["finalize n [mine/x]"])
    #expect(plan(try Self.namespace(#"["mine/x"]"#), []).lines == [])
    let refused = plan(try Self.namespace(), [map], refusal: Refusal(verb: .delete, message: "no"))
    #expect(refused.status?.condition("NamespaceDeletionContentFailure")?.at("message") == "no")
  }

  @Test("A namespace that stays is left alone; what was made in one that is gone goes")
  func others() throws {
    let controller = NamespaceController()
    let stays = try Self.namespace(terminating: false)
    #expect(controller.questions(for: stays.key, in: Sample.index([stays]), at: Sample.start) == [])
    let map = try Sample.object("configmap", "m")
    let plan = controller.plan(
      for: stays.key,
      Observation(Sample.index([]), answers: [.contents(namespace: "n"): [map]], now: Sample.start))
    #expect(plan.lines == ["delete configmaps/m"])
  }

  @Test("Every namespace has its account and the certificate, unless it is on its way out")
  func accounts() throws {
    let controller = ServiceAccountController(rootCertificate: "PEM")
    let question = Question.object(ObjectKey(.configMaps, namespace: "n", name: "kube-root-ca.crt"))
    let namespace = try Self.namespace(terminating: false)
    #expect(
      Sample.plan(controller, namespace, answers: [question: []]).lines == [
        "create configmaps/kube-root-ca.crt", "create serviceaccounts/default",
      ])
    let account = try Sample.object("serviceaccount", "default")
    let map = try Sample.object("configmap", "kube-root-ca.crt", #"{"data":{"ca.crt":"PEM"}}"#)
    #expect(Sample.plan(controller, namespace, [account], answers: [question: [map]]).isEmpty)
    let old = try Sample.object("configmap", "kube-root-ca.crt", #"{"data":{"ca.crt":"OLD"}}"#)
    #expect(
      Sample.plan(controller, namespace, [account], answers: [question: [old]]).lines == [
        #"patch configmaps/kube-root-ca.crt {"data":{"ca.crt":"PEM"}}"#
      ])
    #expect(Sample.plan(controller, try Self.namespace(), answers: [question: []]).isEmpty)
    #expect(
      Sample.plan(ServiceAccountController(rootCertificate: nil), namespace).lines == ["create serviceaccounts/default"]
    )
  }
}
