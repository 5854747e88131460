import HTTPServing
import KubeMachinery
import Testing

@testable import KubeControllers

struct SchedulerTests {
  static func node(
    _ name: String, cpu: String = "2", memory: String = "4Gi", pods: Int = 110, labels: String = "{}",
    spec: String = "{}"
  ) throws -> ClusterObject {
    try Sample.object(
      "node", name,
      #"{"metadata":{"labels":\#(labels)},"spec":\#(spec),"status":{"allocatable":{"cpu":"\#(cpu)","memory":"\#(memory)","pods":"\#(pods)"}}}"#
    )
  }

  static func waiting(_ name: String, _ spec: String = "", ageSeconds: Int64 = 100, labels: String = #"{"app":"a"}"#)
    throws
    -> ClusterObject
  {
    try Sample.pod(name) {
      ($0.node, $0.phase, $0.spec, $0.ageSeconds, $0.labels) = ("", "Pending", spec, ageSeconds, labels)
    }
  }

  static func asking(cpu: String, memory: String = "1Mi", more: String = "") -> String {
    #""containers":[{"name":"c","resources":{"requests":{"cpu":"\#(cpu)","memory":"\#(memory)"}}\#(more)}]"#
  }

  private func plan(_ objects: [ClusterObject]) -> Plan {
    Scheduler().plan(for: ObjectKey(.pods, name: ""), Observation(Sample.index(objects), now: Sample.start))
  }

  private func reason(_ plan: Plan) -> String? { plan.announcements.first?.message }

  @Test("A pod that waits is bound; one that has a node, has ended, goes, or waits for another scheduler is not")
  func binds() throws {
    let plan = plan([
      try Self.node("node"), try Self.waiting("p"), try Sample.pod("running"),
      try Sample.pod("done") { ($0.node, $0.phase) = ("", "Failed") },
      try Sample.pod("going") { ($0.node, $0.isTerminating) = ("", true) },
      try Sample.object("pod", "other", #"{"spec":{"schedulerName":"mine"},"status":{"phase":"Pending"}}"#),
    ])
    #expect(plan.lines == ["bind p node"])
    #expect(plan.changes[0].success?.message == "Successfully assigned n/p to node")
  }

  @Test("Pods that wait are looked at again when others leave room, come to a node or change what they are chosen by")
  func looksAgain() throws {
    let waiting = try Self.waiting("p")
    let placed = try Sample.pod("p")
    let labelled = try Sample.pod("p") { $0.labels = #"{"app":"b"}"# }
    let ended = try Sample.pod("p") { $0.phase = "Succeeded" }
    let ready = try Sample.pod("p") { $0.isReady = false }
    func looks(_ old: ClusterObject?, _ new: ClusterObject?) throws -> Bool {
      let last = try #require(new ?? old)
      return !Scheduler().keys(for: ObservedChange(key: last.key, old: old, new: new, last: last), in: Sample.index([]))
        .isEmpty
    }
    #expect(try looks(nil, waiting) && looks(waiting, placed) && looks(placed, labelled) && looks(placed, ended))
    #expect(try looks(placed, nil) && !looks(nil, placed) && !looks(placed, ready))
  }

  @Test("The more important comes first, then the older; what is left of the node counts")
  func order() throws {
    let plan = plan([
      try Self.node("node", cpu: "1"), try Self.waiting("old", Self.asking(cpu: "600m"), ageSeconds: 900),
      try Self.waiting("young", Self.asking(cpu: "600m"), ageSeconds: 1),
      try Self.waiting("dear", #""priority":10,"# + Self.asking(cpu: "300m"), ageSeconds: 0),
    ])
    #expect(plan.deeds == ["bind dear node", "bind old node"])
    #expect(reason(plan) == "0/1 nodes are available: 1 Insufficient cpu.")
    guard case .patchStatus(_, let patch)? = plan.changes.last?.action else {
      Issue.record("the pod is not told why it waits")
      return
    }
    let condition = patch.at("status", "conditions")?.items.last
    #expect(condition?.at("type") == "PodScheduled")
    #expect(condition?.at("reason") == "Unschedulable")
  }

  struct Case: Sendable {
    let pod: String
    let node: String
    let reason: String?
  }

  static let cases: [Case] = [
    Case(pod: "", node: #"{"unschedulable":true}"#, reason: "node(s) were unschedulable"),
    Case(
      pod: #""tolerations":[{"key":"node.kubernetes.io/unschedulable","operator":"Exists"}]"#,
      node: #"{"unschedulable":true}"#, reason: nil),
    Case(
      pod: "", node: #"{"taints":[{"key":"k","value":"v","effect":"NoSchedule"}]}"#,
      reason: "node(s) had untolerated taint {k: v}"),
    Case(
      pod: #""tolerations":[{"key":"k","value":"w"}]"#,
      node: #"{"taints":[{"key":"k","value":"v","effect":"NoSchedule"}]}"#,
      reason: "node(s) had untolerated taint {k: v}"
    ),
    Case(
      pod: #""tolerations":[{"key":"k","operator":"Equal","value":"v","effect":"NoExecute"}]"#,
      node: #"{"taints":[{"key":"k","value":"v","effect":"NoSchedule"}]}"#,
      reason: "node(s) had untolerated taint {k: v}"
    ),
    Case(
      pod: #""tolerations":[{"operator":"Exists"}]"#, node: #"{"taints":[{"key":"k","effect":"NoExecute"}]}"#,
      reason: nil
    ),
    Case(pod: "", node: #"{"taints":[{"key":"k","effect":"PreferNoSchedule"}]}"#, reason: nil),
    Case(pod: #""nodeSelector":{"disk":"ssd"}"#, node: "{}", reason: nil),
    Case(
      pod: #""nodeSelector":{"disk":"hdd"}"#, node: "{}", reason: "node(s) didn't match Pod's node affinity/selector"),
    Case(
      pod: affinity(#"{"matchExpressions":[{"key":"disk","operator":"In","values":["ssd"]}]}"#), node: "{}", reason: nil
    ),
    Case(
      pod: affinity(#"{"matchFields":[{"key":"metadata.name","operator":"In","values":["other"]}]}"#), node: "{}",
      reason: "node(s) didn't match Pod's node affinity/selector"),
    Case(
      pod: affinity(#"{"matchFields":[{"key":"metadata.name","operator":"In","values":["node"]}]}"#), node: "{}",
      reason: nil),
    Case(pod: affinity("{}"), node: "{}", reason: "node(s) didn't match Pod's node affinity/selector"),
    Case(pod: asking(cpu: "1500m"), node: "{}", reason: nil),
    Case(pod: asking(cpu: "1600m"), node: "{}", reason: "Insufficient cpu"),
    Case(pod: asking(cpu: "1600m", memory: "9Gi"), node: "{}", reason: "Insufficient cpu, 1 Insufficient memory"),
    Case(
      pod: #""initContainers":[{"name":"i","resources":{"requests":{"cpu":"1600m"}}}],"# + asking(cpu: "1"), node: "{}",
      reason: "Insufficient cpu"),
    Case(
      pod: #""initContainers":[{"name":"i","restartPolicy":"Always","resources":{"requests":{"cpu":"600m"}}}],"#
        + asking(cpu: "1"), node: "{}", reason: "Insufficient cpu"),
    Case(
      pod: asking(cpu: "1", more: #","ports":[{"containerPort":80,"hostPort":8080}]"#), node: "{}",
      reason: "node(s) didn't have free ports for the requested pod ports"),
    Case(
      pod: asking(cpu: "1", more: #","ports":[{"containerPort":80,"hostPort":8080,"protocol":"UDP"}]"#), node: "{}",
      reason: nil),
    Case(
      pod:
        #""affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"labelSelector":{"matchLabels":{"app":"there"}},"topologyKey":"host"}]}}"#,
      node: "{}", reason: "node(s) didn't match pod anti-affinity rules"),
    Case(
      pod:
        #""affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"labelSelector":{"matchLabels":{"app":"none"}},"topologyKey":"host"}]}}"#,
      node: "{}", reason: "node(s) didn't match pod affinity rules"),
    Case(
      pod:
        #""affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"labelSelector":{"matchLabels":{"app":"a"}},"topologyKey":"host"}]}}"#,
      node: "{}", reason: nil),
  ]

  static func affinity(_ term: String) -> String {
    #""affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[\#(term)]}}}"#
  }

  @Test("What a node is not for", arguments: cases.indices)
  func filters(place: Int) throws {
    let item = Self.cases[place]
    let there = try Sample.pod("there") {
      ($0.labels, $0.spec) = (
        #"{"app":"there"}"#,
        Self.asking(cpu: "500m", more: #","ports":[{"containerPort":80,"hostPort":8080,"hostIP":"127.0.0.1"}]"#)
      )
    }
    let plan = plan([
      try Self.node("node", labels: #"{"disk":"ssd","host":"node"}"#, spec: item.node), try Self.waiting("p", item.pod),
      there,
    ])
    if let reason = item.reason {
      #expect(self.reason(plan) == "0/1 nodes are available: 1 \(reason).")
      #expect(plan.deeds == [])
    } else {
      #expect(plan.deeds == ["bind p node"])
    }
  }

  @Test("The number of pods, no nodes, gates, and a choice of nodes")
  func others() throws {
    #expect(
      reason(plan([try Self.node("node", pods: 1), try Sample.pod("there"), try Self.waiting("p")]))
        == "0/1 nodes are available: 1 Too many pods.")
    #expect(reason(plan([try Self.waiting("p")])) == "no nodes available to schedule pods")
    let gated = plan([try Self.node("node"), try Self.waiting("p", #""schedulingGates":[{"name":"g"}]"#)])
    #expect(gated.deeds == [])
    #expect(gated.lines[0].contains("SchedulingGated"))
    #expect(gated.announcements.isEmpty)
    let choice = plan([
      try Self.node("a", cpu: "2"), try Self.node("b", cpu: "8"), try Self.waiting("p", Self.asking(cpu: "1")),
    ])
    #expect(choice.deeds == ["bind p b"])
    let spread = plan([
      try Self.node("a"), try Self.node("b"), try Self.waiting("p1", ageSeconds: 200), try Self.waiting("p2"),
    ])
    #expect(spread.deeds == ["bind p1 a", "bind p2 b"])
  }

  @Test("What was said is not said again")
  func quiet() throws {
    let told = try Sample.object(
      "pod", "p",
      #"{"spec":{"schedulerName":"default-scheduler"},"status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"no nodes available to schedule pods"}]}}"#
    )
    let plan = plan([told])
    #expect(plan.isEmpty && plan.announcements.isEmpty)
  }
}
