import HTTPServing
import KubeMachinery
import KubeResources

/// How many pods of a job have ended well and badly, in the steps that `JobPlan` tells of.
struct JobCount {
  /// With those that are noted and not in the numbers yet.
  private(set) var succeeded: Int64 = 0
  private(set) var failed: Int64 = 0
  private(set) var completed: CompletionIndexes
  /// Pods that are on record: their finalizer may go.
  private(set) var released: [ClusterObject] = []

  private var numberOfSucceeded: Int64
  private var numberOfFailed: Int64
  private var noted: (succeeded: [String], failed: [String]) = ([], [])
  private let isIndexed: Bool

  init(_ plan: JobPlan) {
    let status = plan.job.status
    isIndexed = plan.isIndexed
    numberOfSucceeded = status.numberAt("succeeded")
    numberOfFailed = status.numberAt("failed")
    completed = CompletionIndexes(
      parsing: status.textAt("completedIndexes"), completions: isIndexed ? plan.completions ?? 0 : 0)
    let tracked = Dictionary(plan.pods.filter(\.isTracked).map { ($0.uid, $0) }, uniquingKeysWith: { $1 })
    let before = (
      succeeded: status.listAt("uncountedTerminatedPods", "succeeded").compactMap(\.text),
      failed: status.listAt("uncountedTerminatedPods", "failed").compactMap(\.text)
    )
    for uid in before.succeeded {
      if let pod = tracked[uid] {
        noted.succeeded.append(uid)
        released.append(pod)
      } else {
        numberOfSucceeded += 1
      }
    }
    for uid in before.failed {
      if let pod = tracked[uid] {
        noted.failed.append(uid)
        released.append(pod)
      } else {
        numberOfFailed += 1
      }
    }
    let known = Set(before.succeeded + before.failed)
    for pod in plan.pods where pod.isTracked && !known.contains(pod.uid) {
      guard noted.succeeded.count + noted.failed.count < JobPlan.maxUncounted else { break }
      if plan.hasSucceeded(pod) {
        take(success: pod)
      } else if plan.hasFailed(pod), !JobPolicy.ignores(pod, plan.spec) {
        noted.failed.append(pod.uid)
      } else if plan.hasFailed(pod), pod.hasEnded {
        released.append(pod)
      }
    }
    if isIndexed { numberOfSucceeded = Int64(completed.count) }
    succeeded = isIndexed ? Int64(completed.count) : numberOfSucceeded + Int64(noted.succeeded.count)
    failed = numberOfFailed + Int64(noted.failed.count)
  }

  /// An indexed job knows successes by their indexes, each once, so that the pod need not be noted.
  private mutating func take(success pod: ClusterObject) {
    guard isIndexed else {
      noted.succeeded.append(pod.uid)
      return
    }
    guard let index = pod.completionIndex else { return }
    if completed.contains(index) { released.append(pod) } else { completed.insert(index) }
  }

  func isReleased(_ pod: ClusterObject) -> Bool { released.contains { $0.uid == pod.uid } }

  /// Whether every ended pod is in the numbers.
  var isSettled: Bool { noted.succeeded.isEmpty && noted.failed.isEmpty }

  func write(to status: inout JSONValue) {
    status.setCount("succeeded", numberOfSucceeded)
    status.setCount("failed", numberOfFailed)
    if isIndexed { status["completedIndexes"] = completed.count == 0 ? nil : .string(completed.text) }
    var uncounted: JSONValue = [:]
    if !noted.succeeded.isEmpty { uncounted["succeeded"] = .array(noted.succeeded.sorted().map { .string($0) }) }
    if !noted.failed.isEmpty { uncounted["failed"] = .array(noted.failed.sorted().map { .string($0) }) }
    status["uncountedTerminatedPods"] = uncounted
  }
}

/// What the failure of a pod means by the job's own rules. Source: Kubernetes *Jobs*, pod failure policy.
enum JobPolicy {
  /// Whether a failure does not count.
  static func ignores(_ pod: ClusterObject, _ spec: JSONValue) -> Bool { action(pod, spec)?.action == "Ignore" }

  /// The message where a failure ends the whole job.
  static func failure(_ pod: ClusterObject, _ spec: JSONValue) -> String? {
    guard let (action, message) = action(pod, spec), action == "FailJob" else { return nil }
    return message
  }

  private static func action(_ pod: ClusterObject, _ spec: JSONValue) -> (action: String, message: String)? {
    guard pod.phase == "Failed" else { return nil }
    for (place, rule) in spec.listAt("podFailurePolicy", "rules").enumerated() {
      let action = rule.textAt("action")
      if let codes = rule["onExitCodes"], let (container, code) = match(pod, codes) {
        return (
          action,
          "Container \(container) for pod \(pod.namespace)/\(pod.name) failed with exit code \(code) matching \(action) rule at index \(place)"
        )
      }
      for pattern in rule.listAt("onPodConditions") {
        let type = pattern.textAt("type")
        let status = pattern.textAt("status").isEmpty ? "True" : pattern.textAt("status")
        if pod.status.condition(type)?.textAt("status") == status {
          return (
            action, "Pod \(pod.namespace)/\(pod.name) has condition \(type) matching \(action) rule at index \(place)"
          )
        }
      }
    }
    return nil
  }

  private static func match(_ pod: ClusterObject, _ codes: JSONValue) -> (String, Int64)? {
    let values = codes.listAt("values").compactMap(\.integer)
    let statuses =
      pod.document.listAt("status", "initContainerStatuses") + pod.document.listAt("status", "containerStatuses")
    for status in statuses {
      let name = status.textAt("name")
      guard codes.textAt("containerName").isEmpty || codes.textAt("containerName") == name,
        let code = status.at("state", "terminated", "exitCode")?.integer, code != 0
      else { continue }
      if values.contains(code) == (codes.textAt("operator") == "In") { return (name, code) }
    }
    return nil
  }
}

/// Whether a job has come to its end.
struct JobVerdict {
  struct End: Equatable {
    /// `Complete`, `Failed`: once no pod runs any more.
    let condition: String
    /// What is said until then.
    let target: String
    let reason: String
    let message: String

    static func failed(_ reason: String, _ message: String) -> End {
      End(condition: "Failed", target: "FailureTarget", reason: reason, message: message)
    }
    static let complete = End(
      condition: "Complete", target: "SuccessCriteriaMet", reason: "CompletionsReached",
      message: "Reached expected number of succeeded pods")
  }

  /// Nil: it goes on.
  let end: End?
  /// When it has run too long.
  let deadline: Timestamp?

  init(_ plan: JobPlan, _ count: JobCount, _ status: JSONValue) {
    let seconds = plan.spec["activeDeadlineSeconds"]?.integer
    let start = Timestamp(status.textAt("startTime"))
    deadline = seconds.flatMap { seconds in start?.adding(seconds: seconds) }
    end = Self.end(plan, count, status, deadline)
  }

  private static func end(
    _ plan: JobPlan, _ count: JobCount, _ status: JSONValue, _ deadline: Timestamp?
  ) -> End? {
    // What was decided stays decided.
    if let target = status.condition("FailureTarget"), target.textAt("status") == "True" {
      return .failed(target.textAt("reason"), target.textAt("message"))
    }
    if status.conditionHolds("SuccessCriteriaMet") { return .complete }
    if let message = plan.pods.lazy.compactMap({ JobPolicy.failure($0, plan.spec) }).first {
      return .failed("PodFailurePolicy", message)
    }
    let limit = plan.spec["backoffLimit"]?.integer ?? 6
    let restarts =
      plan.spec.textAt("template", "spec", "restartPolicy") == "OnFailure"
      ? plan.active.filter { $0.phase == "Running" || $0.phase == "Pending" }.reduce(0) { $0 + $1.allRestarts } : 0
    if count.failed > limit || (limit == 0 ? restarts > 0 : restarts >= limit) {
      return .failed("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    }
    if let deadline, deadline <= plan.now, !plan.isSuspended {
      return .failed("DeadlineExceeded", "Job was active longer than specified deadline")
    }
    if let completions = plan.completions { return count.succeeded >= completions ? .complete : nil }
    return count.succeeded > 0 && plan.active.isEmpty && plan.terminating.isEmpty ? .complete : nil
  }
}

extension ClusterObject {
  fileprivate var allRestarts: Int64 {
    (document.listAt("status", "initContainerStatuses") + document.listAt("status", "containerStatuses"))
      .reduce(0) { $0 + $1.numberAt("restartCount") }
  }
}
