import HTTPServing
import KubeMachinery
import KubeResources
import Testing

@testable import NodeAgent

struct PodStatusTests {
  private func status(_ view: PodView) -> JSONValue { PodStatus(view: view, plan: PodPlan(view)).document() }

  private func state(_ status: JSONValue, _ list: String = "containerStatuses") -> JSONValue {
    status.listAt(list).first?["state"] ?? .null
  }

  private func condition(_ status: JSONValue, _ type: String) -> String {
    status.listAt("conditions").first { $0.textAt("type") == type }.map {
      [$0.textAt("status"), $0.textAt("reason"), $0.textAt("message")].filter { !$0.isEmpty }.joined(separator: " ")
    } ?? "none"
  }

  @Test("A pod whose container is being made is pending")
  func creating() {
    let status = status(Sample.view(Sample.pod()))
    #expect(status.textAt("phase") == "Pending")
    #expect(state(status).means(["waiting": ["reason": "ContainerCreating"]]))
    #expect(status.textAt("podIP") == "10.244.0.5")
    #expect(status.textAt("hostIP") == "192.0.2.7")
    #expect(condition(status, "Initialized") == "True")
    #expect(condition(status, "Ready") == "False ContainersNotReady containers with unready status: [c]")
    #expect(condition(status, "PodScheduled") == "True")
  }

  @Test("A pod whose container runs is running, and ready where nothing says otherwise")
  func running() {
    let status = status(Sample.view(Sample.pod(), [Sample.record(.running)]))
    #expect(status.textAt("phase") == "Running")
    #expect(condition(status, "Ready") == "True")
    #expect(condition(status, "ContainersReady") == "True")
    let container = status.listAt("containerStatuses")[0]
    #expect(container.flagAt("ready") && container.flagAt("started"))
    #expect(container.textAt("containerID") == "bulkhead://c0")
    #expect(container.numberAt("restartCount") == 0)
  }

  @Test("A readiness probe decides about readiness, a startup probe about both")
  func probes() {
    let pod = Sample.pod(
      #"{"containers":[{"name":"c","image":"i:1","readinessProbe":{"tcpSocket":{"port":1}},"startupProbe":{"tcpSocket":{"port":1}}}]}"#
    )
    var memory = Sample.ready
    func ready(_ memory: PodMemory) -> [Bool] {
      let container = status(Sample.view(pod, [Sample.record(.running)], memory: memory)).listAt("containerStatuses")[0]
      return [container.flagAt("started"), container.flagAt("ready")]
    }
    #expect(ready(memory) == [false, false])
    memory["c"].probed = "c0"
    memory["c"].hasStarted = true
    #expect(ready(memory) == [true, false])
    memory["c"].isReady = true
    #expect(ready(memory) == [true, true])
    // What was known of the container before is not true of this one.
    memory["c"].probed = "c7"
    #expect(ready(memory) == [false, false])
  }

  @Test("Readiness gates hold a pod back until their condition holds", arguments: [nil, "False", "True"])
  func gates(value: String?) {
    let given = value.map { #"[{"type":"x/y","status":"\#($0)"}]"# } ?? "[]"
    let pod = Sample.pod(#"{"readinessGates":[{"conditionType":"x/y"}]}"#, status: #"{"conditions":\#(given)}"#)
    let status = status(Sample.view(pod, [Sample.record(.running)]))
    let expected =
      switch value {
      case "True": "True"
      case "False":
        #"False ReadinessGatesNotReady the status of pod readiness gate "x/y" is not "True", but False"#
      default:
        #"False ReadinessGatesNotReady corresponding condition of pod readiness gate "x/y" does not exist."#
      }
    #expect(condition(status, "Ready") == expected)
    #expect(condition(status, "ContainersReady") == "True")
    // What others write stays.
    #expect((condition(status, "x/y") != "none") == (value != nil))
  }

  @Test("A container that failed waits with its last state told")
  func crashLoop() {
    var memory = Sample.ready
    memory["c"].restarts.advance(at: Sample.start)
    let view = Sample.view(
      Sample.pod(), [Sample.record(.exited, attempt: 1, code: 3), Sample.record(.exited)], memory: memory, after: 2)
    let status = status(view)
    #expect(status.textAt("phase") == "Running")
    #expect(state(status).textAt("waiting", "reason") == "CrashLoopBackOff")
    #expect(
      state(status).textAt("waiting", "message") == "back-off 10s restarting failed container=c pod=p_ns(u1)")
    let container = status.listAt("containerStatuses")[0]
    #expect(container.at("lastState", "terminated", "exitCode")?.integer == 3)
    #expect(container.textAt("lastState", "terminated", "reason") == "Error")
    #expect(container.numberAt("restartCount") == 1)
  }

  @Test(
    "What keeps a container from starting is told",
    arguments: [
      ("ErrImagePull", .image, "ErrImagePull", 0), ("ErrImagePull", .image, "ImagePullBackOff", 3),
      ("CreateContainerConfigError", .making, "CreateContainerConfigError", 3),
      ("ErrImageNeverPull", .making, "ErrImageNeverPull", 3),
    ] as [(String, PodMemory.Failure.Step, String, Int64)])
  func obstacles(reason: String, step: PodMemory.Failure.Step, expected: String, seconds: Int64) {
    var memory = Sample.ready
    memory["c"].failure = PodMemory.Failure(reason: reason, message: "why", step: step)
    memory["c"].failedAt = Sample.start
    if seconds > 0, step == .image { memory["c"].pulls.advance(at: Sample.start) }
    let status = status(Sample.view(Sample.pod(), memory: memory, after: seconds))
    #expect(status.textAt("phase") == "Pending")
    #expect(state(status).textAt("waiting", "reason") == expected)
  }

  @Test(
    "How a pod ended",
    arguments: [
      ("Never", 0, "Succeeded", "Completed"), ("Never", 1, "Failed", "Error"),
      ("OnFailure", 0, "Succeeded", "Completed"),
    ] as [(String, Int64, String, String)])
  func ended(policy: String, code: Int64, phase: String, reason: String) {
    let pod = Sample.pod(#"{"restartPolicy":"\#(policy)"}"#)
    let status = status(Sample.view(pod, [Sample.record(.exited, code: code)]))
    #expect(status.textAt("phase") == phase)
    #expect(state(status).textAt("terminated", "reason") == reason)
    let expected = phase == "Succeeded" ? "PodCompleted" : "PodFailed"
    #expect(condition(status, "Ready") == "False \(expected)")
  }

  @Test("A pod with one container that still runs has not ended")
  func notAll() {
    let pod = Sample.pod(#"{"restartPolicy":"Never","containers":[{"name":"c"},{"name":"d"}]}"#)
    let status = status(Sample.view(pod, [Sample.record(.exited, code: 1), Sample.record("d", .running)]))
    #expect(status.textAt("phase") == "Running")
  }

  @Test("Main containers wait while init containers run; a failed one ends a pod that never restarts")
  func initial() {
    let spec = #"{"restartPolicy":"Never","initContainers":[{"name":"a"},{"name":"b"}]}"#
    let running = status(Sample.view(Sample.pod(spec), [Sample.record("a", .running, image: "")]))
    #expect(running.textAt("phase") == "Pending")
    #expect(state(running).textAt("waiting", "reason") == "PodInitializing")
    #expect(
      condition(running, "Initialized")
        == "False ContainersNotInitialized containers with incomplete status: [a b]")
    let failed = status(Sample.view(Sample.pod(spec), [Sample.record("a", .exited, code: 1, image: "")]))
    #expect(failed.textAt("phase") == "Failed")
  }

  @Test("OOMKilled is told by its name")
  func outOfMemory() {
    var record = Sample.record(.exited, code: 137)
    record.reason = "OOMKilled"
    let status = status(Sample.view(Sample.pod(#"{"restartPolicy":"Never"}"#), [record]))
    #expect(state(status).textAt("terminated", "reason") == "OOMKilled")
  }

  @Test("A pod that ran out of time says so")
  func deadline() {
    var memory = Sample.ready
    memory.ending = PodMemory.Ending(reason: "DeadlineExceeded", message: "too long", since: Sample.start)
    let view = Sample.view(Sample.pod(), [Sample.record(.exited, code: 137)], memory: memory)
    #expect(status(view).textAt("phase") == "Failed")
    #expect(status(view).textAt("reason") == "DeadlineExceeded")
  }

  @Test("Moments of conditions move only with their status, and nothing is sent where nothing changed")
  func stable() {
    let first = status(Sample.view(Sample.pod(), [Sample.record(.running)]))
    let pod = Sample.pod("{}", status: first.encodedText)
    let second = status(Sample.view(pod, [Sample.record(.running)], after: 60))
    #expect(second.means(first))
    #expect(StatusPatch.patch(from: pod, to: second).at("status")?.members.isEmpty == true)
    let third = status(Sample.view(pod, [Sample.record(.exited, code: 1)], after: 60))
    let patch = StatusPatch.patch(from: pod, to: third)
    #expect(Set(patch["status"]?.members.map(\.name) ?? []) == ["containerStatuses", "conditions"])
    // Only conditions that changed are sent: others are somebody else's.
    #expect(patch.listAt("status", "conditions").map { $0.textAt("type") } == ["Ready", "ContainersReady"])
    #expect(patch.textAt("metadata", "uid") == "u1")
  }

  static let deleted = #"{"deletionTimestamp":"2027-01-15T08:00:30Z","deletionGracePeriodSeconds":30}"#

  @Test(
    "A pod that was deleted has failed once nothing of it lives, or succeeded where all ended well",
    arguments: [
      ([(.exited, 0)], "", "Succeeded"), ([(.exited, 143)], "", "Failed"), ([(.running, 0)], "", "Running"),
      ([], "", "Failed"), ([], "start c", "Pending"), ([(.created, 0)], "", "Failed"),
    ] as [([(ContainerRecord.State, Int64)], String, String)])
  func deleted(records: [(ContainerRecord.State, Int64)], busy: String, phase: String) {
    let pod = Sample.pod(status: #"{"phase":"Running"}"#, meta: Self.deleted)
    var memory = Sample.ready
    if !busy.isEmpty { memory.busy = [busy] }
    let view = Sample.view(pod, records.map { Sample.record($0.0, code: $0.1) }, memory: memory)
    #expect(status(view).textAt("phase") == phase)
  }

  @Test("What a deleted pod was goes on to be told once its records are removed")
  func remains() {
    let pod = Sample.pod(status: #"{"phase":"Running"}"#, meta: Self.deleted)
    var memory = Sample.ready
    memory.remains = [Sample.record(.exited, attempt: 2, code: 7)]
    let status = status(Sample.view(pod, sandboxes: [], memory: memory))
    #expect(status.textAt("phase") == "Failed")
    #expect(state(status).at("terminated", "exitCode")?.integer == 7)
    #expect(status.listAt("containerStatuses")[0].numberAt("restartCount") == 2)
  }

  @Test(
    "What the runtime does not know any more stays as it was told; what should run was lost",
    arguments: [
      (#"{"terminated":{"exitCode":9,"reason":"Error"}}"#, 9, "Error"),
      (#"{"running":{"startedAt":"2027-01-15T08:00:00Z"}}"#, 137, "ContainerStatusUnknown"),
    ] as [(String, Int64, String)])
  func lost(known: String, code: Int64, reason: String) {
    let told =
      #"{"phase":"Running","containerStatuses":[{"name":"c","ready":true,"started":true,"restartCount":4,"image":"i:1","imageID":"sha256:1","containerID":"bulkhead://x","state":\#(known)}]}"#
    let status = status(Sample.view(Sample.pod(status: told, meta: Self.deleted), sandboxes: []))
    #expect(state(status).at("terminated", "exitCode")?.integer == code)
    #expect(state(status).textAt("terminated", "reason") == reason)
    let container = status.listAt("containerStatuses")[0]
    #expect(container.textAt("imageID") == "sha256:1" && container.numberAt("restartCount") == 4)
    #expect(!container.flagAt("ready") && !container.flagAt("started"))
  }

  @Test("A container is unready while the hook after its start runs, and no longer")
  func hook() {
    let pod = Sample.pod(#"{"containers":[{"name":"c","lifecycle":{"postStart":{"exec":{"command":["x"]}}}}]}"#)
    var memory = Sample.ready
    memory.busy = ["start c"]
    let during = status(Sample.view(pod, [Sample.record("c", .running, image: "")], memory: memory))
    #expect(state(during).textAt("waiting", "reason") == "ContainerCreating")
    #expect(condition(during, "Ready") == "False ContainersNotReady containers with unready status: [c]")
    // An agent that began during the hook knows of no start.
    let after = status(Sample.view(pod, [Sample.record("c", .running, image: "")]))
    #expect(condition(after, "Ready") == "True")
  }

  @Test(
    "What was made and never ran is no restart",
    arguments: [
      (#""restartCount":0,"containerID":"bulkhead://x","state":{"waiting":{"reason":"ContainerCreating"}}"#, 0),
      (
        #""restartCount":4,"containerID":"bulkhead://x","state":{"waiting":{}},"lastState":{"terminated":{"containerID":"bulkhead://w"}}"#,
        4
      ),
      (
        #""restartCount":4,"containerID":"bulkhead://x","state":{"waiting":{}},"lastState":{"terminated":{"containerID":"bulkhead://x"}}"#,
        5
      ), (#""restartCount":2,"containerID":"bulkhead://x","state":{"running":{}}"#, 3), (#""restartCount":2"#, 2),
    ])
  func neverRan(_ known: String, _ attempt: Int) {
    let pod = Sample.pod("{}", status: #"{"containerStatuses":[{"name":"c",\#(known)}]}"#)
    #expect(PodPlan(Sample.view(pod)).words == ["start c \(attempt)"])
  }

  @Test(
    "What the server makes of a status is what it was told: reasons go with what they were for, and nothing is left to tell"
  )
  func merged() throws {
    let schema = try #require(KindCatalog.all.kind(called: "pod")).schema
    var pod = Sample.pod(#"{"containers":[{"name":"c","image":"i:1","readinessProbe":{"exec":{"command":["x"]}}}]}"#)
    var memory = Sample.ready
    for isReady in [false, true, false, true] {
      memory["c"].probed = "c0"
      memory["c"].isReady = isReady
      let view = Sample.view(pod, [Sample.record(.running)], memory: memory)
      let told = status(view)
      pod = PodDocument(
        try StrategicMergePatch(schema).apply(StatusPatch.patch(from: pod, to: told), to: pod.document))
      let ready = pod.status.listAt("conditions").first { $0.textAt("type") == "Ready" }
      #expect(ready?.textAt("status") == (isReady ? "True" : "False"))
      #expect(ready?.textAt("reason") == (isReady ? "" : "ContainersNotReady"))
      #expect(pod.status.means(told))
      let again = status(Sample.view(pod, [Sample.record(.running)], memory: memory, after: 60))
      #expect(again.means(pod.status))
    }
  }

  @Test("A restart that the runtime has forgotten is counted on")
  func forgotten() {
    let known =
      #"{"containerStatuses":[{"name":"c","restartCount":4,"containerID":"bulkhead://x","state":{"terminated":{"exitCode":9}}}]}"#
    let view = Sample.view(Sample.pod("{}", status: known))
    #expect(PodPlan(view).words == ["start c 5"])
    #expect(status(view).listAt("containerStatuses")[0].at("lastState", "terminated", "exitCode")?.integer == 9)
  }
}
