import HTTPServing
import KubeMachinery
import Testing

@testable import KubeControllers

struct ReplicaSetTests {
  static func set(_ replicas: Int, _ more: String = "", status: String = #"{"replicas":0}"#, metadata: String = "")
    throws
    -> ClusterObject
  {
    try Sample.object(
      "replicaset", "rs",
      #"{"metadata":{"generation":2\#(metadata)},"spec":{"replicas":\#(replicas)\#(more),"selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"c","image":"i"}]}}},"status":\#(status)}"#
    )
  }

  private func plan(
    _ set: ClusterObject, _ pods: [ClusterObject] = [], refusal: Refusal? = nil, at now: Timestamp = Sample.start
  ) -> Plan {
    Sample.plan(ReplicaSetController.replicaSets, set, pods, refusal: refusal, at: now)
  }

  @Test("Missing pods are made, surplus ones are ended, others' and ended ones do not count")
  func number() throws {
    let two = [try Sample.pod("p1"), try Sample.pod("p2")]
    #expect(plan(try Self.set(2), two).deeds == [])
    #expect(plan(try Self.set(4), two).deeds == ["create pods/rs-*", "create pods/rs-*"])
    #expect(plan(try Self.set(1), two).deeds.count == 1)
    let uncounted = [
      try Sample.pod("ended") { $0.phase = "Failed" }, try Sample.pod("done") { $0.phase = "Succeeded" },
      try Sample.pod("going") { $0.isTerminating = true }, try Sample.pod("other") { $0.owner = "another" },
      try Sample.pod("stranger") {
        $0.labels = #"{"app":"b"}"#
        $0.owner = nil
      },
    ]
    #expect(plan(try Self.set(1), uncounted).deeds == ["create pods/rs-*"])
    #expect(plan(try Self.set(600)).deeds.count == 500, "one look makes a bounded number")
  }

  @Test("A new pod is the template's, with its owner")
  func template() throws {
    guard case .create(_, let pod)? = plan(try Self.set(1)).changes.first?.action else {
      Issue.record("no pod is made")
      return
    }
    #expect(pod.meta.generateName == "rs-")
    #expect(pod.meta.labels == ["app": "a"])
    #expect(pod.meta.ownerReferences == [try Self.set(1).owning()])
    #expect(pod.meta.ownerReferences[0].blocksOwnerDeletion)
    #expect(pod.at("spec", "containers")?.items.first?["image"] == "i")
  }

  @Test("Which pods are ended first")
  func order() throws {
    let pods: [(String, (inout Sample.Pod) -> Void)] = [
      ("no-node", { $0.node = "" }), ("pending", { ($0.phase, $0.isReady) = ("Pending", false) }),
      ("unready", { $0.isReady = false }), ("cheap", { $0.cost = -5 }), ("just-ready", { $0.readySeconds = 1 }),
      ("restarted", { ($0.readySeconds, $0.restarts) = (1_000, 3) }),
      ("young", { ($0.readySeconds, $0.ageSeconds) = (1_000, 1_001) }),
      ("old", { ($0.readySeconds, $0.ageSeconds) = (1_000, 90_000) }),
      ("dear", { ($0.readySeconds, $0.cost) = (1, 9) }),
    ]
    let all = try pods.map { try Sample.pod($0.0, $0.1) }
    for count in 0...pods.count {
      let ended = plan(try Self.set(pods.count - count), all.reversed()).deeds
      #expect(ended == pods.prefix(count).map { "delete pods/\($0.0)" })
    }
  }

  @Test("Orphans that match are adopted, own pods that do not match any more are let go")
  func claims() throws {
    let orphan = try Sample.pod("orphan") { $0.owner = nil }
    let renamed = try Sample.pod("renamed") { $0.labels = #"{"app":"b"}"# }
    let plan = plan(try Self.set(1), [orphan, renamed])
    #expect(
      plan.deeds == [
        #"patch pods/orphan {"metadata":{"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"rs","uid":"uid-rs","controller":true,"blockOwnerDeletion":true}]}}"#,
        #"patch pods/renamed {"metadata":{"ownerReferences":null}}"#,
      ])
    let going = try Self.set(1, metadata: #","deletionTimestamp":"2026-01-01T00:00:00Z""#)
    #expect(self.plan(going, [orphan]).deeds == [], "a set that goes neither adopts nor makes")
  }

  @Test("The status counts what is, and says why pods could not be made")
  func status() throws {
    let pods = [
      try Sample.pod("ready") { $0.readySeconds = 60 },
      try Sample.pod("fresh") { ($0.readySeconds, $0.labels) = (5, #"{"app":"a","more":"x"}"#) },
      try Sample.pod("unready") { $0.isReady = false },
    ]
    let plan = plan(try Self.set(3, #","minReadySeconds":30"#), pods)
    #expect(
      plan.status?.encodedText
        == #"{"replicas":3,"fullyLabeledReplicas":3,"readyReplicas":2,"availableReplicas":1,"observedGeneration":2}"#)
    #expect(plan.lookAgain == Sample.start.adding(seconds: 25), "when the next pod becomes available")
    let refused = self.plan(try Self.set(3), pods, refusal: Refusal(verb: .create, message: "pods is forbidden: no"))
    let condition = refused.status?.condition("ReplicaFailure")
    #expect(condition?.at("reason") == "FailedCreate")
    #expect(condition?.at("message") == "pods is forbidden: no")
    let same = try Self.set(
      3, #","minReadySeconds":30"#,
      status:
        #"{"replicas":3,"fullyLabeledReplicas":3,"readyReplicas":2,"availableReplicas":1,"observedGeneration":2}"#)
    #expect(self.plan(same, pods).isEmpty, "what is written already is not written again")
  }

  @Test("A replication controller does the same by its plain selector")
  func replicationController() throws {
    let controller = try Sample.object(
      "replicationcontroller", "rc",
      #"{"spec":{"replicas":2,"selector":{"app":"a"},"template":{"metadata":{"labels":{"app":"a"}},"spec":{}}},"status":{"replicas":1,"fullyLabeledReplicas":1,"readyReplicas":1,"availableReplicas":1}}"#
    )
    let pod = try Sample.pod("p") { ($0.owner, $0.ownerKind) = ("rc", "ReplicationController") }
    let plan = Sample.plan(ReplicaSetController.replicationControllers, controller, [pod])
    #expect(plan.deeds == ["create pods/rc-*"])
    #expect(plan.changes.first?.success?.reason == "SuccessfulCreate")
    let all = try Sample.object("replicationcontroller", "rc", #"{"spec":{"replicas":2,"selector":{}}}"#)
    let stranger = try Sample.pod("p") { $0.owner = nil }
    #expect(
      Sample.plan(ReplicaSetController.replicationControllers, all, [stranger]).deeds.filter { $0.hasPrefix("patch") }
        == [],
      "an empty selector takes nobody's pods")
  }
}
