import HTTPServing
import KubeMachinery
import Testing

@testable import KubeControllers

struct JobTests {
  static func job(_ spec: String, status: String = "{}", metadata: String = "") throws -> ClusterObject {
    try Sample.object(
      "job", "j",
      #"{"metadata":{"uid":"uid-j"\#(metadata)},"spec":{\#(spec),"template":{"metadata":{"labels":{"job":"j"}},"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}},"status":\#(status)}"#
    )
  }

  static func pod(
    _ name: String, _ phase: String, tracked: Bool = true, index: Int? = nil, endedSecondsAgo: Int64 = 500
  )
    throws -> ClusterObject
  {
    let finalizers = tracked ? #""finalizers":["batch.kubernetes.io/job-tracking"],"# : ""
    let annotations = index.map { #""annotations":{"batch.kubernetes.io/job-completion-index":"\#($0)"},"# } ?? ""
    let ended = Sample.start.adding(seconds: -endedSecondsAgo).text
    return try Sample.object(
      "pod", name,
      #"{"metadata":{\#(finalizers)\#(annotations)\#(Sample.owned(by: "j", kind: "Job"))},"spec":{"nodeName":"node"},"status":{"phase":"\#(phase)","containerStatuses":[{"name":"c","state":{"terminated":{"exitCode":\#(phase == "Failed" ? 3 : 0),"finishedAt":"\#(ended)"}}}]}}"#
    )
  }

  private func plan(_ job: ClusterObject, _ pods: [ClusterObject] = [], at now: Timestamp = Sample.start) -> Plan {
    Sample.plan(JobController(), job, pods, at: now)
  }

  private static let started = #"{"startTime":"2027-01-15T07:00:00Z"}"#

  @Test("As many pods as may run together, and no more than are still needed")
  func parallelism() throws {
    let spec = #""parallelism":3,"completions":5"#
    #expect(plan(try Self.job(spec)).deeds == Array(repeating: "create pods/j-*", count: 3))
    let done = #"{"succeeded":4}"#
    #expect(plan(try Self.job(spec, status: done)).deeds == ["create pods/j-*"])
    let running = try (1...3).map { try Self.pod("p\($0)", "Running") }
    #expect(plan(try Self.job(spec), running).deeds == [])
    #expect(plan(try Self.job(spec, status: done), running).deeds.count == 2, "what is not needed any more is ended")
    #expect(plan(try Self.job(#""parallelism":0,"completions":5"#), running).deeds.count == 3)
    let queue = #""parallelism":3"#
    #expect(plan(try Self.job(queue)).deeds.count == 3)
    #expect(plan(try Self.job(queue, status: #"{"succeeded":1}"#), [running[0]]).deeds == [], "a queue is not refilled")
  }

  @Test("A deadline may be any number, and a pod may call itself any index")
  func numbersOfAnySize() throws {
    let spec = #""parallelism":1,"completions":2,"activeDeadlineSeconds":9223372036854775807"#
    let now = plan(try Self.job(spec, status: Self.started))
    #expect(now.deeds == ["create pods/j-*"])
    #expect(now.lookAgain?.text == "9999-12-31T23:59:59Z")
    let finished = plan(
      try Self.job(
        #""completions":1,"ttlSecondsAfterFinished":9223372036854775807"#,
        status:
          #"{"conditions":[{"type":"Complete","status":"True","lastTransitionTime":"2027-01-15T07:00:00Z"}]}"#))
    #expect(finished.deeds == [])
    let indexed = #""parallelism":1,"completions":2,"completionMode":"Indexed""#
    let pods = try [Int.max, -1, 2, 1].map { (index: Int) in try Self.pod("p\(index)", "Succeeded", index: index) }
    #expect(plan(try Self.job(indexed), pods).status?["completedIndexes"] == "1")
  }

  @Test("An ended pod is noted, then let go, then counted, each once")
  func counts() throws {
    let spec = #""parallelism":1,"completions":2"#
    let pod = try Self.pod("p", "Succeeded")
    let noted = plan(try Self.job(spec), [pod])
    #expect(noted.status?.at("uncountedTerminatedPods")?.encodedText == #"{"succeeded":["uid-p"]}"#)
    #expect(noted.status?["succeeded"] == nil)
    #expect(noted.deeds == ["create pods/j-*"], "the next one need not wait for that")
    let status = #"{"uncountedTerminatedPods":{"succeeded":["uid-p"]}}"#
    let released = plan(try Self.job(spec, status: status), [pod])
    #expect(released.deeds.first == #"patch pods/p {"metadata":{"finalizers":[]}}"#)
    let counted = plan(try Self.job(spec, status: status), [try Self.pod("p", "Succeeded", tracked: false)])
    #expect(counted.status?.at("succeeded") == 1)
    #expect(counted.status?.at("uncountedTerminatedPods")?.encodedText == "{}")
    let gone = plan(try Self.job(spec, status: status))
    #expect(gone.status?.at("succeeded") == 1)
  }

  @Test("Complete and failed, once no pod runs any more and all are counted")
  func ends() throws {
    let spec = #""parallelism":2,"completions":2,"backoffLimit":1"#
    let criteria = plan(try Self.job(spec, status: #"{"succeeded":2}"#), [try Self.pod("p", "Running")])
    #expect(criteria.status?.conditionHolds("SuccessCriteriaMet") == true)
    #expect(criteria.status?.conditionHolds("Complete") == false)
    #expect(criteria.deeds == ["delete pods/p"])
    let complete = plan(try Self.job(spec, status: #"{"succeeded":2}"#))
    #expect(complete.status?.conditionHolds("Complete") == true)
    #expect(complete.status?["completionTime"]?.text == Sample.start.text)
    #expect(complete.announcements.map(\.reason) == ["Completed"])
    let failed = plan(try Self.job(spec, status: #"{"failed":2}"#))
    #expect(failed.status?.condition("Failed")?.at("reason") == "BackoffLimitExceeded")
    #expect(plan(try Self.job(spec, status: #"{"failed":1}"#)).deeds.count == 2)
    let late = plan(
      try Self.job(spec + #","activeDeadlineSeconds":60"#, status: Self.started), at: Timestamp(seconds: 1_900_000_000))
    #expect(late.status?.condition("Failed")?.at("reason") == "DeadlineExceeded")
  }

  @Test("After failures pods are made later and later")
  func backOff() throws {
    let spec = #""parallelism":1,"completions":1,"backoffLimit":6"#
    for (count, waits) in [(1, 10), (2, 20), (3, 40), (9, 360)] as [(Int, Int64)] {
      let pods = try (1...count).map { try Self.pod("p\($0)", "Failed", tracked: false, endedSecondsAgo: 0) }
      let plan = plan(try Self.job(spec), pods)
      #expect(plan.deeds == [])
      #expect(plan.lookAgain == Sample.start.adding(seconds: waits))
    }
    let success = try Self.pod("ok", "Succeeded", tracked: false, endedSecondsAgo: 0)
    let plan = plan(try Self.job(spec), [try Self.pod("p", "Failed", tracked: false, endedSecondsAgo: 5), success])
    #expect(plan.deeds.count == 1, "a success ends the row")
  }

  @Test("An indexed job runs each index once, and knows by them what is done")
  func indexed() throws {
    let spec = #""parallelism":4,"completions":4,"completionMode":"Indexed""#
    let pods = [try Self.pod("p0", "Succeeded", index: 0), try Self.pod("p2", "Running", index: 2)]
    let plan = plan(try Self.job(spec, status: #"{"completedIndexes":"3"}"#), pods)
    #expect(plan.status?.textAt("completedIndexes") == "0,3")
    #expect(plan.deeds == ["create pods/j-1-*"])
    guard case .create(_, let pod)? = plan.changes.last?.action else {
      Issue.record("no pod is made")
      return
    }
    #expect(pod.at("spec", "hostname") == "j-1")
    #expect(pod.meta.annotations["batch.kubernetes.io/job-completion-index"] == "1")
    #expect(pod.listAt("spec", "containers")[0].listAt("env")[0].at("name") == "JOB_COMPLETION_INDEX")
    #expect(pod.meta.finalizers == ["batch.kubernetes.io/job-tracking"])
  }

  @Test(
    "Lists of indexes",
    arguments: [
      ("", "", 0), ("0-3,5", "0-3,5", 5), ("1,2", "1,2", 2), ("0,1,2", "0-2", 3), ("7", "7", 1),
      ("8-99999999999", "8,9", 2),
      ("3-1", "", 0), ("x,-1", "", 0), ("12", "", 0),
    ])
  func lists(text: String, canonical: String, count: Int) {
    let indexes = CompletionIndexes(parsing: text, completions: 10)
    #expect(indexes.text == canonical)
    #expect(indexes.count == count)
  }

  @Test("Indexes that are billions, and those that are missing")
  func ranges() {
    var many = CompletionIndexes(parsing: "0-2147483640,2147483643,1-5", completions: 2_147_483_647)
    #expect(many.text == "0-2147483640,2147483643" && many.count == 2_147_483_642)
    #expect(many.missing(3, except: [2_147_483_642]) == [2_147_483_641, 2_147_483_644, 2_147_483_645])
    for index: Int64 in [2_147_483_642, 2_147_483_641, 2_147_483_642, 2_147_483_646, -1, 2_147_483_647] {
      many.insert(index)
    }
    #expect(many.text == "0-2147483643,2147483646")
    #expect(many.contains(0) && many.contains(2_147_483_646) && !many.contains(2_147_483_644))
    var few = CompletionIndexes(parsing: "", completions: 4)
    #expect(few.missing(9, except: []) == [0, 1, 2, 3])
    for index: Int64 in [2, 0, 3] { few.insert(index) }
    #expect(few.text == "0,2,3" && few.missing(9, except: []) == [1] && few.missing(9, except: [1]) == [])
  }

  @Test("Pods that a deleted job has left behind are counted by nobody")
  func orphans() throws {
    let pod = try Sample.object(
      "pod", "p", #"{"metadata":{"finalizers":["batch.kubernetes.io/job-tracking"]},"status":{"phase":"Running"}}"#)
    let key = ObjectKey(.jobs, namespace: pod.namespace, name: "")
    let controller = JobController()
    let index = Sample.index([pod])
    #expect(controller.keys(for: ObservedChange(key: pod.key, old: nil, new: pod, last: pod), in: index) == [key])
    // A job that is there has one pod less.
    let owned = try Self.pod("p", "Running")
    let job = ObjectKey(.jobs, namespace: pod.namespace, name: "j")
    let released = ObservedChange(key: pod.key, old: owned, new: pod, last: pod)
    #expect(controller.keys(for: released, in: index) == [key, job])
    let plan = controller.plan(for: key, Observation(index, now: Sample.start))
    #expect(plan.deeds == [#"patch pods/p {"metadata":{"finalizers":[]}}"#])
  }

  @Test("Suspended jobs end their pods, resumed ones start anew")
  func suspend() throws {
    let spec = #""parallelism":1,"completions":1,"suspend":"#
    let suspended = plan(try Self.job(spec + "true", status: Self.started), [try Self.pod("p", "Running")])
    #expect(suspended.deeds == ["delete pods/p"])
    #expect(suspended.status?.condition("Suspended")?.at("status") == "True")
    #expect(suspended.status?["startTime"] == nil)
    let status = #"{"conditions":[{"type":"Suspended","status":"True","reason":"JobSuspended"}]}"#
    let resumed = plan(try Self.job(spec + "false", status: status))
    #expect(resumed.status?.condition("Suspended")?.at("reason") == "JobResumed")
    #expect(resumed.status?["startTime"]?.text == Sample.start.text)
  }

  @Test("Rules on failures: which end the job, which do not count")
  func policy() throws {
    let spec =
      #""parallelism":1,"completions":1,"podFailurePolicy":{"rules":[{"action":"Ignore","onPodConditions":[{"type":"DisruptionTarget"}]},{"action":"FailJob","onExitCodes":{"operator":"In","values":[3]}}]}"#
    let failed = plan(try Self.job(spec), [try Self.pod("p", "Failed")])
    #expect(
      failed.status?.condition("FailureTarget")?.at("message")
        == "Container c for pod n/p failed with exit code 3 matching FailJob rule at index 1")
    var evicted = try Self.pod("p", "Failed").document
    evicted["status"]?["conditions"] = [["type": "DisruptionTarget", "status": "True"]]
    let ignored = plan(try Self.job(spec), [try Sample.object("pod", "p", evicted.encodedText)])
    #expect(ignored.status?.at("uncountedTerminatedPods")?.encodedText == "{}")
    #expect(ignored.deeds.first == #"patch pods/p {"metadata":{"finalizers":[]}}"#)
  }

  @Test("An ended job goes after its time; pods of jobs that are gone are let go")
  func leftovers() throws {
    let status =
      #"{"conditions":[{"type":"Complete","status":"True","lastTransitionTime":"\#(Sample.start.text)"}]}"#
    let job = try Self.job(#""ttlSecondsAfterFinished":30"#, status: status)
    #expect(plan(job).lookAgain == Sample.start.adding(seconds: 30))
    #expect(plan(job, at: Sample.start.adding(seconds: 30)).lines == ["delete jobs/j Foreground"])
    let orphan = try Self.pod("p", "Failed")
    let key = ObjectKey(.jobs, namespace: "n", name: "j")
    let left = JobController().plan(for: key, Observation(Sample.index([orphan]), now: Sample.start))
    #expect(left.lines == [#"patch pods/p {"metadata":{"finalizers":[]}}"#])
  }
}
