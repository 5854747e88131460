import HTTPServing
import KubeMachinery
import Testing

@testable import KubeControllers

struct DaemonSetTests {
  static func set(
    _ strategy: String = #"{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":1,"maxSurge":0}}"#,
    spec: String = ""
  )
    throws -> ClusterObject
  {
    try Sample.object(
      "daemonset", "ds",
      #"{"metadata":{"generation":1},"spec":{"selector":{"matchLabels":{"app":"a"}},"updateStrategy":\#(strategy),"template":{"metadata":{"labels":{"app":"a"}},"spec":{\#(spec)}}}}"#
    )
  }

  /// What is on record for the set's template.
  static func revision(_ set: ClusterObject) throws -> ClusterObject {
    let plan = Sample.plan(DaemonSetController(), set)
    guard case .create(_, var revision)? = plan.changes.first?.action else { throw Missing() }
    revision["metadata"]?["uid"] = "uid-revision"
    return try Sample.object("controllerrevision", revision.meta.name, revision.encodedText)
  }

  struct Missing: Error {}

  static func pod(_ name: String, on node: String, hash: String, _ change: (inout Sample.Pod) -> Void = { _ in }) throws
    -> ClusterObject
  {
    try Sample.pod(name) { pod in
      (pod.owner, pod.ownerKind, pod.node) = ("ds", "DaemonSet", node)
      pod.labels = #"{"app":"a","controller-revision-hash":"\#(hash)"}"#
      change(&pod)
    }
  }

  private func plan(_ set: ClusterObject, _ others: [ClusterObject]) throws -> Plan {
    Sample.plan(DaemonSetController(), set, others + [try Self.revision(set)])
  }

  @Test("The template is put on record before a pod is made of it")
  func revision() throws {
    let set = try Self.set()
    let plan = Sample.plan(DaemonSetController(), set, [try SchedulerTests.node("a")])
    #expect(plan.deeds.count == 1)
    let revision = try Self.revision(set)
    #expect(revision.document["revision"] == 1)
    #expect(revision.document.at("data", "spec", "template", "$patch") == "replace")
    #expect(revision.name == "ds-\(revision.labels?.textAt("controller-revision-hash") ?? "")")
  }

  @Test("Each node that allows it has one pod")
  func nodes() throws {
    let set = try Self.set()
    let hash = try Self.revision(set).labels?.textAt("controller-revision-hash") ?? ""
    let shortages = ["memory", "disk", "pid"]
      .map { #"{"key":"node.kubernetes.io/\#($0)-pressure","effect":"NoSchedule"}"# }.joined(separator: ",")
    let nodes = [
      try SchedulerTests.node("a"), try SchedulerTests.node("b", spec: #"{"taints":[\#(shortages)]}"#),
      try SchedulerTests.node(
        "c",
        spec: #"{"unschedulable":true,"taints":[{"key":"node.kubernetes.io/unschedulable","effect":"NoSchedule"}]}"#),
      try SchedulerTests.node("d", spec: #"{"taints":[{"key":"own","effect":"NoSchedule"}]}"#),
      try SchedulerTests.node("e", spec: #"{"taints":[{"key":"own","effect":"NoExecute"}]}"#),
    ]
    let pods = [
      try Self.pod("a1", on: "a", hash: hash) { $0.ageSeconds = 10 },
      try Self.pod("a2", on: "a", hash: hash) { $0.ageSeconds = 20 },
      try Self.pod("d1", on: "d", hash: hash), try Self.pod("e1", on: "e", hash: hash),
      try Self.pod("x1", on: "gone", hash: hash),
    ]
    let plan = try plan(set, nodes + pods)
    #expect(
      plan.deeds.sorted() == [
        "create pods/ds-*", "create pods/ds-*", "delete pods/a1", "delete pods/e1", "delete pods/x1",
      ])
    let status = plan.status ?? [:]
    #expect(status.numberAt("desiredNumberScheduled") == 3)
    #expect(status.numberAt("currentNumberScheduled") == 1)
    #expect(status.numberAt("numberMisscheduled") == 2)
    #expect(status.numberAt("numberReady") == 1)
    let made = plan.changes.compactMap { change -> JSONValue? in
      if case .create(.pods, let pod) = change.action { pod } else { nil }
    }
    let targets = made.map { pod in
      DaemonPlan.target(of: ClusterObject(pod, kind: set.kind, key: set.key, revision: 0))
    }
    #expect(targets == ["b", "c"])
    #expect(NodeSelection.allows(made[0]["spec"] ?? [:], nodes[1]))
    #expect(!NodeSelection.allows(made[0]["spec"] ?? [:], nodes[0]))
  }

  @Test("A selector of the template chooses nodes; what ends is awaited; what has ended is replaced")
  func states() throws {
    let set = try Self.set(spec: #""nodeSelector":{"disk":"ssd"}"#)
    let hash = try Self.revision(set).labels?.textAt("controller-revision-hash") ?? ""
    let node = try SchedulerTests.node("a", labels: #"{"disk":"ssd"}"#)
    let other = try SchedulerTests.node("b")
    #expect(try plan(set, [node, other]).deeds.count == 1)
    #expect(try plan(set, [node, try Self.pod("p", on: "a", hash: hash) { $0.isTerminating = true }]).deeds == [])
    let failed = try plan(set, [node, try Self.pod("p", on: "a", hash: hash) { $0.phase = "Failed" }])
    #expect(failed.deeds == ["delete pods/p"])
    #expect(failed.announcements.map(\.reason) == ["FailedDaemonPod"])
    let fresh = try plan(
      set, [node, try Self.pod("p", on: "a", hash: hash) { ($0.phase, $0.ageSeconds) = ("Failed", 2) }])
    #expect(fresh.deeds == [])
    #expect(fresh.lookAgain == Sample.start.adding(seconds: 8))
  }

  @Test("Old pods are replaced a few at a time, those that do not work at once")
  func updates() throws {
    let nodes = try ["a", "b", "c"].map { try SchedulerTests.node($0) }
    func old(_ change: (inout Sample.Pod) -> Void = { _ in }) throws -> [ClusterObject] {
      [
        try Self.pod("pa", on: "a", hash: "old", change), try Self.pod("pb", on: "b", hash: "old"),
        try Self.pod("pc", on: "c", hash: "old"),
      ]
    }
    #expect(try plan(try Self.set(), nodes + old()).deeds == ["delete pods/pa"])
    #expect(try plan(try Self.set(), nodes + old { $0.isReady = false }).deeds == ["delete pods/pa"])
    #expect(try plan(try Self.set(#"{"type":"OnDelete"}"#), nodes + old()).deeds == [])
    let surge = try Self.set(#"{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":0,"maxSurge":2}}"#)
    #expect(try plan(surge, nodes + old()).deeds == ["create pods/ds-*", "create pods/ds-*"])
    let hash = try Self.revision(surge).labels?.textAt("controller-revision-hash") ?? ""
    let fresh = try Self.pod("na", on: "a", hash: hash)
    #expect(
      try plan(surge, nodes + old() + [fresh]).deeds == ["delete pods/pa", "create pods/ds-*", "create pods/ds-*"])
  }
}
