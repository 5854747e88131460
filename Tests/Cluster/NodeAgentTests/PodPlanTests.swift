import HTTPServing
import KubeMachinery
import Testing

@testable import NodeAgent

struct PodPlanTests {
  private func words(_ view: PodView) -> [String] { PodPlan(view).words }

  @Test("A new pod gets its volumes, its sandbox, its container, one after the other")
  func beginning() {
    let pod = Sample.pod()
    #expect(words(Sample.view(pod, sandboxes: [], memory: PodMemory())) == ["volumes"])
    #expect(words(Sample.view(pod, sandboxes: [])) == ["sandbox 0"])
    #expect(words(Sample.view(pod)) == ["start c 0"])
    #expect(words(Sample.view(pod, [Sample.record(.running)])) == [])
  }

  @Test("What is under way is not asked for again")
  func busy() {
    var memory = Sample.ready
    memory.busy = ["start c"]
    #expect(words(Sample.view(Sample.pod(), memory: memory)) == [])
  }

  @Test("Init containers run one after the other, sidecars stay, then come the others")
  func order() {
    let pod = Sample.pod(
      #"{"initContainers":[{"name":"a"},{"name":"s","restartPolicy":"Always"},{"name":"b"}],"containers":[{"name":"c"},{"name":"d"}]}"#
    )
    #expect(words(Sample.view(pod)) == ["start a 0"])
    #expect(words(Sample.view(pod, [Sample.record("a", .running, image: "")])) == [])
    let first = Sample.record("a", .exited, image: "")
    #expect(words(Sample.view(pod, [first])) == ["start s 0"])
    let sidecar = Sample.record("s", .running, image: "")
    #expect(words(Sample.view(pod, [first, sidecar])) == ["start b 0"])
    let last = Sample.record("b", .exited, image: "")
    #expect(words(Sample.view(pod, [first, sidecar, last])) == ["start c 0", "start d 0"])
    let all = [first, last, Sample.record("c", .running, image: ""), Sample.record("d", .running, image: "")]
    // A sidecar that ended is started again, whatever its code.
    #expect(words(Sample.view(pod, all + [Sample.record("s", .exited, image: "")])) == ["start s 1"])
  }

  @Test("A sidecar with a startup probe holds the others until it has started")
  func sidecarProbe() {
    let pod = Sample.pod(
      #"{"initContainers":[{"name":"s","restartPolicy":"Always","startupProbe":{"exec":{"command":["x"]}}}],"containers":[{"name":"c"}]}"#
    )
    let running = [Sample.record("s", .running, image: "")]
    #expect(words(Sample.view(pod, running)) == [])
    var memory = Sample.ready
    memory["s"].probed = "s0"
    memory["s"].hasStarted = true
    #expect(words(Sample.view(pod, running, memory: memory)) == ["start c 0"])
  }

  @Test(
    "Ended containers are started again as the policy says",
    arguments: [
      ("Always", 0, ["start c 1"]), ("Always", 1, ["start c 1"]), ("OnFailure", 0, []), ("OnFailure", 1, ["start c 1"]),
      ("Never", 0, []), ("Never", 1, []),
    ] as [(String, Int64, [String])])
  func policies(policy: String, code: Int64, expected: [String]) {
    let pod = Sample.pod(#"{"restartPolicy":"\#(policy)"}"#)
    let plan = words(Sample.view(pod, [Sample.record(.exited, code: code)], sandboxes: [Sample.sandbox()]))
    // A pod that has ended gives its sandbox up.
    #expect(plan == (expected.isEmpty ? ["stop sandbox s0"] : expected))
  }

  @Test("Restarts wait 10 s, 20 s … 300 s from the end of the one before")
  func backOff() {
    let pod = Sample.pod()
    var memory = Sample.ready
    var waits: [Int64] = []
    var now: Int64 = 0
    for attempt in 0..<8 {
      // The first restart comes at once, then each waits longer.
      let record = Sample.record(.exited, attempt: Int64(attempt), code: 1, finished: now)
      let plan = PodPlan(Sample.view(pod, [record], memory: memory, after: now))
      if let moment = plan.lookAgain {
        waits.append(moment.seconds - Sample.start.seconds - now)
        #expect(plan.words == [])
        guard case .restart = plan.waits["c"] else { Issue.record("the container does not wait"); return }
        now = moment.seconds - Sample.start.seconds
        #expect(words(Sample.view(pod, [record], memory: memory, after: now)) == ["start c \(attempt + 1)"])
      } else {
        waits.append(0)
      }
      memory["c"].restarts.advance(at: Timestamp(seconds: Sample.start.seconds + now))
    }
    #expect(waits == [0, 10, 20, 40, 80, 160, 300, 300])
  }

  @Test("A container that ran well for long begins with short waits; time that it waited does not count")
  func backOffForgets() {
    func moment(_ seconds: Int64) -> Timestamp { Timestamp(seconds: Sample.start.seconds + seconds) }
    var backOff = BackOff()
    for _ in 0..<6 { backOff.advance(at: Sample.start) }
    #expect(backOff.seconds == 300)
    #expect(backOff.text == "5m0s")
    // It ran for 400 s and waited for 300 s.
    #expect(backOff.end(since: moment(400), at: moment(650)) == moment(700))
    var again = backOff
    again.advance(at: moment(700), after: moment(400))
    #expect(again.seconds == 300)
    #expect(backOff.end(since: moment(601), at: moment(601)) == nil)
    backOff.advance(at: moment(602), after: moment(601))
    #expect(backOff.seconds == 10)
    #expect(backOff.text == "10s")
  }

  @Test(
    "What cannot be made is tried again every ten seconds; what was made and ended waits as after a crash",
    arguments: [(.making, 4, [], 10), (.making, 10, ["start c 1"], nil), (.running, 10, [], 20), (.hook, 10, [], 20)]
      as [(PodMemory.Failure.Step, Int64, [String], Int64?)])
  func retries(step: PodMemory.Failure.Step, after seconds: Int64, expected: [String], until end: Int64?) {
    var memory = Sample.ready
    for _ in 0..<2 { memory["c"].restarts.advance(at: Sample.start) }
    memory["c"].failure = PodMemory.Failure(reason: "Why", message: "", step: step)
    memory["c"].failedAt = Sample.start
    let plan = PodPlan(Sample.view(Sample.pod(), [Sample.record(.exited, code: 1)], memory: memory, after: seconds))
    #expect(plan.words == expected)
    #expect(plan.lookAgain == end.map { Timestamp(seconds: Sample.start.seconds + $0) })
  }

  @Test("A container whose hook failed and that could not be stopped is stopped later")
  func failedHook() {
    var memory = Sample.ready
    memory["c"].failure = PodMemory.Failure(reason: "PostStartHookError", message: "", step: .hook)
    #expect(words(Sample.view(Sample.pod(), [Sample.record(.running)], memory: memory)) == ["stop c0 30"])
    memory.busy = ["start c"]
    #expect(words(Sample.view(Sample.pod(), [Sample.record(.running)], memory: memory)) == [])
  }

  @Test("An image that cannot be pulled is tried again later")
  func pulls() {
    var memory = Sample.ready
    memory["c"].failure = PodMemory.Failure(reason: "ErrImagePull", message: "no such image", step: .image)
    memory["c"].failedAt = Sample.start
    memory["c"].pulls.advance(at: Sample.start)
    let plan = PodPlan(Sample.view(Sample.pod(), memory: memory, after: 3))
    #expect(plan.words == [])
    #expect(plan.lookAgain == Timestamp(seconds: Sample.start.seconds + 10))
    #expect(words(Sample.view(Sample.pod(), memory: memory, after: 10)) == ["start c 0"])
  }

  @Test("A sandbox that is gone is made anew, with everything in it")
  func lostSandbox() {
    let pod = Sample.pod(#"{"initContainers":[{"name":"a"}]}"#)
    let old = [Sample.record("a", .exited, image: ""), Sample.record(.running)]
    let gone = [Sample.sandbox(ready: false)]
    #expect(words(Sample.view(pod, old, sandboxes: gone)) == ["stop c0 30"])
    let ended = [Sample.record("a", .exited, image: ""), Sample.record(.exited, code: 137)]
    #expect(words(Sample.view(pod, ended, sandboxes: gone)) == ["sandbox 1"])
    let fresh = [Sample.sandbox("s1", attempt: 1), Sample.sandbox(ready: false)]
    #expect(words(Sample.view(pod, ended, sandboxes: fresh)) == ["start a 1"])
    let again = ended + [Sample.record("a", .exited, attempt: 1, sandbox: "s1", image: "")]
    #expect(words(Sample.view(pod, again, sandboxes: fresh)) == ["start c 1"])
  }

  @Test("Another image asks for another container")
  func image() {
    let pod = Sample.pod(#"{"containers":[{"name":"c","image":"i:2"}]}"#)
    #expect(words(Sample.view(pod, [Sample.record(.running)])) == ["stop c0 30"])
  }

  @Test("What a probe has condemned is stopped with the probe's own grace")
  func condemned() {
    var memory = Sample.ready
    memory.condemned["c0"] = PodMemory.Sentence(message: "failed", graceSeconds: 3)
    #expect(words(Sample.view(Sample.pod(), [Sample.record(.running)], memory: memory)) == ["stop c0 3"])
    memory.kills["c0"] = Self.kill(3)
    #expect(words(Sample.view(Sample.pod(), [Sample.record(.running)], memory: memory)) == [])
  }

  @Test("Ephemeral containers are started once")
  func ephemeral() {
    let pod = Sample.pod(#"{"ephemeralContainers":[{"name":"e"}]}"#)
    #expect(words(Sample.view(pod, [Sample.record(.running)])) == ["start e 0"])
    #expect(words(Sample.view(pod, [Sample.record(.running), Sample.record("e", .exited)])) == [])
  }

  // MARK: the end

  static let deleted = #"{"deletionTimestamp":"2027-01-15T08:00:30Z","deletionGracePeriodSeconds":30}"#

  @Test("A pod that is deleted ends step by step, and the server is told at last")
  func deletion() {
    let pod = Sample.pod(meta: Self.deleted)
    #expect(words(Sample.view(pod, [Sample.record(.running)])) == ["stop c0 30"])
    #expect(words(Sample.view(pod, [Sample.record(.running)], after: 12)) == ["stop c0 18"])
    let ended = [Sample.record(.exited, code: 143)]
    #expect(words(Sample.view(pod, ended)) == ["stop sandbox s0"])
    let told = Sample.pod(status: #"{"phase":"Failed"}"#, meta: Self.deleted)
    let stopped = [Sample.sandbox(ready: false)]
    #expect(words(Sample.view(told, ended, sandboxes: stopped)) == ["remove sandbox s0"])
    #expect(words(Sample.view(told, [Sample.record(.exited, sandbox: "s9")], sandboxes: [])) == ["remove c0"])
    #expect(words(Sample.view(told, sandboxes: [])) == ["files"])
    var memory = Sample.ready
    memory.isCleanedUp = true
    #expect(words(Sample.view(told, sandboxes: [], memory: memory)) == ["delete"])
    #expect(words(Sample.view(told, sandboxes: [], memory: memory, isOrphaned: true)) == [])
  }

  @Test("What says how a pod ended is kept until the server knows, but not for long where it does not answer")
  func untold() {
    let pod = Sample.pod(meta: Self.deleted)
    let stopped = [Sample.sandbox(ready: false)]
    let ended = [Sample.record(.exited, code: 7, finished: 5)]
    let plan = PodPlan(Sample.view(pod, ended, sandboxes: stopped, after: 6))
    #expect(plan.words == [])
    #expect(plan.lookAgain == Timestamp(seconds: Sample.start.seconds + 5 + PodPlan.tellSeconds))
    #expect(words(Sample.view(pod, ended, sandboxes: stopped, after: 36)) == ["remove sandbox s0"])
    #expect(words(Sample.view(pod, ended, sandboxes: stopped, isOrphaned: true, after: 6)) == ["remove sandbox s0"])
    var memory = Sample.ready
    memory.isCleanedUp = true
    // The object stays for as long as it takes.
    #expect(words(Sample.view(pod, sandboxes: [], memory: memory, after: 400)) == [])
    memory.isRefused = true
    #expect(words(Sample.view(pod, sandboxes: [], memory: memory, after: 400)) == ["delete"])
    #expect(words(Sample.view(pod, ended, sandboxes: stopped, memory: memory, after: 6)) == ["remove sandbox s0"])
  }

  private static func kill(_ seconds: Int64, period: Int64 = 30) -> PodMemory.Kill {
    PodMemory.Kill(deadline: Sample.start.seconds + seconds, periodSeconds: period)
  }

  @Test("An order to end stands while time goes by, whatever else of the pod changes")
  func steady() {
    var memory = Sample.ready
    memory.kills["c0"] = Self.kill(30)
    for seconds in [0, 1, 2, 10, 29, 30, 45] as [Int64] {
      #expect(
        words(Sample.view(Sample.pod(meta: Self.deleted), [Sample.record(.running)], memory: memory, after: seconds))
          == [])
    }
  }

  @Test("An order that failed is given again, without the hook")
  func failedStop() {
    var memory = Sample.ready
    memory.kills["c0"] = PodMemory.Kill(deadline: .max, periodSeconds: 30)
    let plan = PodPlan(
      Sample.view(Sample.pod(meta: Self.deleted), [Sample.record(.running)], memory: memory, after: 10))
    guard case .stop(let stop) = plan.actions.first else { Issue.record("nothing is stopped"); return }
    #expect(stop.graceSeconds == 20 && !stop.runsHook)
  }

  @Test("A second deletion makes it sooner, never later")
  func sooner() {
    var memory = Sample.ready
    memory.kills["c0"] = Self.kill(30)
    let same = Sample.view(Sample.pod(meta: Self.deleted), [Sample.record(.running)], memory: memory)
    #expect(words(same) == [])
    let pod = Sample.pod(
      meta: #"{"deletionTimestamp":"2027-01-15T08:00:02Z","deletionGracePeriodSeconds":2}"#)
    let sooner = PodPlan(Sample.view(pod, [Sample.record(.running)], memory: memory))
    #expect(sooner.words == ["stop c0 2"])
    // The hook before the end runs once.
    guard case .stop(let stop) = sooner.actions.first else { Issue.record("nothing is stopped"); return }
    #expect(!stop.runsHook)
    // One second is enough where somebody has asked for less.
    memory.kills["c0"] = Self.kill(3, period: 3)
    #expect(PodPlan(Sample.view(pod, [Sample.record(.running)], memory: memory)).words == ["stop c0 2"])
    memory.kills["c0"] = Self.kill(3, period: 2)
    #expect(PodPlan(Sample.view(pod, [Sample.record(.running)], memory: memory)).words == [])
  }

  @Test("Sidecars end after those that they serve, the last one first")
  func sidecarsLast() {
    let pod = Sample.pod(
      #"{"initContainers":[{"name":"s","restartPolicy":"Always"},{"name":"t","restartPolicy":"Always"}]}"#,
      meta: Self.deleted)
    let all = [Sample.record("s", .running), Sample.record("t", .running), Sample.record(.running)]
    #expect(words(Sample.view(pod, all)) == ["stop c0 30"])
    let without = [Sample.record("s", .running), Sample.record("t", .running), Sample.record(.exited)]
    #expect(words(Sample.view(pod, without)) == ["stop t0 30"])
    let one = [Sample.record("s", .running), Sample.record("t", .exited), Sample.record(.exited)]
    #expect(words(Sample.view(pod, one)) == ["stop s0 30"])
  }

  @Test("A pod whose start is under way waits for that before its sandbox goes")
  func startingEnds() {
    var memory = Sample.ready
    memory.busy = ["start c"]
    #expect(words(Sample.view(Sample.pod(meta: Self.deleted), memory: memory)) == [])
  }

  @Test("A pod that ran out of time ends and stays to be looked at")
  func deadline() {
    let pod = Sample.pod(#"{"activeDeadlineSeconds":5}"#, status: #"{"startTime":"2027-01-15T08:00:00Z"}"#)
    #expect(
      PodPlan(Sample.view(pod, [Sample.record(.running)])).lookAgain == Timestamp(seconds: Sample.start.seconds + 5))
    var memory = Sample.ready
    memory.ending = PodMemory.Ending(reason: "DeadlineExceeded", message: "", since: Sample.start)
    #expect(words(Sample.view(pod, [Sample.record(.running)], memory: memory, after: 5)) == ["stop c0 30"])
    let ended = Sample.view(pod, [Sample.record(.exited, code: 143)], sandboxes: [], memory: memory, after: 6)
    #expect(words(ended) == [])
  }

  @Test("Of each container two records stay, of sandboxes the last one")
  func collection() {
    let records = [
      Sample.record(.running, attempt: 3), Sample.record(.exited, attempt: 2), Sample.record(.exited, attempt: 1),
      Sample.record(.exited, attempt: 0, sandbox: "s9"),
    ]
    let sandboxes = [
      Sample.sandbox("s0", attempt: 1), Sample.sandbox("s8", ready: false), Sample.sandbox("s9", ready: false),
    ]
    #expect(
      words(Sample.view(Sample.pod(), records, sandboxes: sandboxes)) == [
        "remove c1", "remove c0", "remove sandbox s8",
      ])
  }
}
