import HTTPServing
import KubeMachinery
import Testing

@testable import KubeControllers

struct NodeTests {
  static func node(
    _ ready: String?, beatSecondsAgo: Int64, taints: String = "[]", isCordoned: Bool = false,
    more: [(type: String, status: String)] = []
  ) throws -> ClusterObject {
    let beat = Sample.start.adding(seconds: -beatSecondsAgo).text
    let all = (ready.map { [(type: "Ready", status: $0)] } ?? []) + more
    let conditions = all.map { #"{"type":"\#($0.type)","status":"\#($0.status)","lastHeartbeatTime":"\#(beat)"}"# }
      .joined(separator: ",")
    return try Sample.object(
      "node", "node",
      #"{"metadata":{"creationTimestamp":"\#(beat)"},"spec":{"taints":\#(taints),"unschedulable":\#(isCordoned)},"status":{"conditions":[\#(conditions)]}}"#
    )
  }

  static func lease(secondsAgo: Int64) throws -> ClusterObject {
    try Sample.object(
      "lease", "node",
      #"{"metadata":{"namespace":"kube-node-lease"},"spec":{"renewTime":"\#(Sample.start.adding(seconds: -secondsAgo).microText)"}}"#
    )
  }

  private func plan(_ node: ClusterObject, _ others: [ClusterObject] = []) -> Plan {
    Sample.plan(NodeHealthController(), node, others)
  }

  @Test("A node whose agent renews its lease is well")
  func well() throws {
    let plan = plan(try Self.node("True", beatSecondsAgo: 300), [try Self.lease(secondsAgo: 10)])
    #expect(plan.isEmpty)
    #expect(plan.lookAgain == Sample.start.adding(seconds: 40))
  }

  @Test("One whose agent is silent is marked, its pods get nothing, and no new ones come")
  func silent() throws {
    let node = try Self.node("True", beatSecondsAgo: 300)
    let silent = plan(
      node, [try Self.lease(secondsAgo: 51), try Sample.pod("p"), try Sample.pod("q") { $0.node = "x" }])
    #expect(silent.lines.count == 2)
    #expect(silent.lines[0].contains(#""status":"Unknown""#))
    #expect(silent.lines[0].contains("Kubelet stopped posting node status."))
    #expect(silent.lines[1].hasPrefix("status pods/p") && silent.lines[1].contains("NodeNotReady"))
    let marked = plan(try Self.node("Unknown", beatSecondsAgo: 300))
    #expect(
      marked.lines == [
        #"patch nodes/node {"spec":{"taints":[{"key":"node.kubernetes.io/unreachable","effect":"NoSchedule"}]}}"#
      ])
  }

  @Test("A cordoned node has a taint that says so, until it is open again")
  func cordoned() throws {
    let taint = #"{"key":"node.kubernetes.io/unschedulable","effect":"NoSchedule"}"#
    let closed = plan(try Self.node("True", beatSecondsAgo: 1, isCordoned: true))
    #expect(closed.lines == [#"patch nodes/node {"spec":{"taints":[\#(taint)]}}"#])
    #expect(plan(try Self.node("True", beatSecondsAgo: 1, taints: "[\(taint)]", isCordoned: true)).isEmpty)
    let open = plan(try Self.node("True", beatSecondsAgo: 1, taints: "[\(taint)]"))
    #expect(open.lines == [#"patch nodes/node {"spec":{"taints":null}}"#])
  }

  @Test(
    "What a node runs short of is a taint as long as that is so",
    arguments: [
      ("MemoryPressure", "memory-pressure"), ("DiskPressure", "disk-pressure"), ("PIDPressure", "pid-pressure"),
      ("NetworkUnavailable", "network-unavailable"),
    ])
  func shortage(_ condition: String, _ name: String) throws {
    let taint = #"{"key":"node.kubernetes.io/\#(name)","effect":"NoSchedule"}"#
    func planned(_ status: String, taints: String = "[]") throws -> Plan {
      plan(try Self.node("True", beatSecondsAgo: 1, taints: taints, more: [(condition, status)]))
    }
    #expect(try planned("True").lines == [#"patch nodes/node {"spec":{"taints":[\#(taint)]}}"#])
    #expect(try planned("True", taints: "[\(taint)]").isEmpty)
    for status in ["False", "Unknown"] {
      #expect(try planned(status).isEmpty)
      #expect(try planned(status, taints: "[\(taint)]").lines == [#"patch nodes/node {"spec":{"taints":null}}"#])
    }
  }

  @Test("Each reason has its own taint")
  func reasons() throws {
    let node = try Self.node(
      "False", beatSecondsAgo: 1, isCordoned: true, more: [("DiskPressure", "True"), ("PIDPressure", "True")])
    let names = ["disk-pressure", "pid-pressure", "not-ready", "unschedulable"]
    let taints = names.map { #"{"key":"node.kubernetes.io/\#($0)","effect":"NoSchedule"}"# }.joined(separator: ",")
    #expect(plan(node).lines == [#"patch nodes/node {"spec":{"taints":[\#(taints)]}}"#])
  }

  @Test("A node that is well again loses the taint, others' taints stay")
  func again() throws {
    let taints =
      #"[{"key":"mine","effect":"NoSchedule"},{"key":"node.kubernetes.io/unreachable","effect":"NoSchedule"}]"#
    let plan = plan(try Self.node("True", beatSecondsAgo: 1, taints: taints))
    #expect(plan.lines == [#"patch nodes/node {"spec":{"taints":[{"key":"mine","effect":"NoSchedule"}]}}"#])
    let notReady = self.plan(try Self.node("False", beatSecondsAgo: 1))
    #expect(notReady.lines.first?.contains("node.kubernetes.io/not-ready") == true)
  }

  @Test("Pods of nodes that are gone, pods that go without a node, and too many that have ended")
  func garbage() throws {
    let node = try SchedulerTests.node("node")
    func plan(_ pods: [ClusterObject], threshold: Int = 10) -> [String] {
      PodGarbageController(threshold: threshold).plan(
        for: ObjectKey(.pods, name: ""), Observation(Sample.index(pods + [node]), now: Sample.start)
      ).deeds.sorted()
    }
    let ended = try (1...4).map { number in
      try Sample.pod("e\(number)") { ($0.phase, $0.ageSeconds) = ("Succeeded", Int64(number)) }
    }
    #expect(plan(ended) == [])
    #expect(plan(ended, threshold: 2) == ["delete pods/e3", "delete pods/e4"])
    #expect(
      plan([
        try Sample.pod("stray") { $0.node = "gone" },
        try Sample.pod("new") { ($0.node, $0.ageSeconds) = ("gone", 3) },
        try Sample.pod("nowhere") { ($0.node, $0.isTerminating) = ("", true) }, try Sample.pod("well"),
      ]) == ["delete pods/nowhere", "delete pods/stray"])
  }

  @Test("Events that are older than an hour go")
  func events() throws {
    let controller = EventExpiryController(catalog: .all)
    let key = controller.standingKeys[0]
    let questions = controller.questions(for: key, in: Sample.index([]), at: Sample.start)
    let hourAgo = Sample.start.adding(seconds: -3_600)
    #expect(questions.contains(.objects(.events, before: hourAgo)))
    let old = try Sample.object("event", "old")
    let plan = controller.plan(
      for: key, Observation(Sample.index([]), answers: [questions[0]: [old]], now: Sample.start))
    #expect(plan.lines == ["delete events/old"])
    #expect(plan.lookAgain == Sample.start.adding(seconds: 60))
  }
}
