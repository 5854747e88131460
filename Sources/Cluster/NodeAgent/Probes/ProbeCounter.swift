import HTTPServing
import KubeMachinery
import KubeResources

/// How often and for how long a probe asks. Times in seconds.
struct ProbeSchedule: Equatable, Sendable {
  let kind: ContainerDocument.ProbeKind
  let initialDelay: Int64
  let timeout: Int64
  let period: Int64
  let successThreshold: Int64
  let failureThreshold: Int64

  /// The longest that a probe is waited for.
  static let maxTimeout: Int64 = 600

  init(_ kind: ContainerDocument.ProbeKind, _ probe: JSONValue) {
    func number(_ name: String, _ standard: Int64) -> Int64 {
      let value = PodDocument.bounded(probe.numberAt(name))
      return value > 0 ? value : standard
    }
    self.kind = kind
    initialDelay = PodDocument.bounded(probe.numberAt("initialDelaySeconds"))
    timeout = min(number("timeoutSeconds", 1), Self.maxTimeout)
    period = number("periodSeconds", 10)
    successThreshold = number("successThreshold", 1)
    failureThreshold = number("failureThreshold", 3)
  }
}

enum ProbeAnswer: Equatable, Sendable {
  case success
  case failure(String)
  /// Nothing is known: the runtime did not answer.
  case unknown(String)
}

/// Turns a probe's answers into what they mean. A pure state. Source: Kubernetes *Configure Liveness, Readiness and Startup Probes*.
struct ProbeCounter: Equatable, Sendable {
  static let quickMilliseconds: Int64 = 100

  let schedule: ProbeSchedule
  private(set) var verdict: Bool?
  private var row: Int64 = 0
  private var isRowOfSuccesses = false
  private var tries: Int64 = 0

  /// - Parameter verdict: what is known from before; nil: nothing.
  init(_ schedule: ProbeSchedule, verdict: Bool? = nil) {
    self.schedule = schedule
    self.verdict = verdict
  }

  /// - Returns: the verdict where it is a new one, or a failure of life once more.
  mutating func take(_ answer: ProbeAnswer) -> Bool? {
    tries += 1
    let isSuccess: Bool
    switch answer {
    case .success: isSuccess = true
    case .failure: isSuccess = false
    case .unknown: return nil
    }
    row = isSuccess == isRowOfSuccesses ? row + 1 : 1
    isRowOfSuccesses = isSuccess
    guard row >= (isSuccess ? schedule.successThreshold : schedule.failureThreshold) else { return nil }
    // A container that stays dead is told again: it may have been out of reach for the order to end.
    guard verdict != isSuccess || !isSuccess && schedule.kind != .readiness else { return nil }
    verdict = isSuccess
    return isSuccess
  }

  /// Until the next try. What has never been ready is asked more often at first, so that it serves as soon as it can.
  var waitMilliseconds: Int64 {
    let period = schedule.period * 1_000
    guard schedule.kind == .readiness, verdict != true, tries < 16, schedule.successThreshold == 1 else {
      return period
    }
    return min(period, Self.quickMilliseconds << min(tries, 16))
  }
}
