import HTTPServing
import KubeMachinery
import KubeResources

/// Deletes events that are older than an hour, as a Kubernetes server does.
public struct EventExpiryController: Controller {
  public let name = "event-expiry-controller"
  public let follows: Set<ResourceName> = []

  static let lifetimeSeconds: Int64 = 3_600
  static let intervalSeconds: Int64 = 60

  private static let resources = [ResourceName.events, .newEvents]
  private static let everything = ObjectKey(.events, name: "")

  /// Those that the server serves.
  private let resources: [ResourceName]

  public init(catalog: KindCatalog) {
    resources = Self.resources.filter { catalog.kind($0) != nil }
  }

  public var standingKeys: [ObjectKey] { [Self.everything] }

  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] { [] }

  public func questions(for key: ObjectKey, in index: ObjectIndex, at now: Timestamp) -> [Question] {
    resources.map { .objects($0, before: now.adding(seconds: -Self.lifetimeSeconds)) }
  }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    let old = observed.answers.values.flatMap { $0 }
    var plan = Plan(old.map { .delete($0, nil) })
    // Where there were as many as an answer holds there may be more.
    let isBounded = old.count >= ChangeWriter.maxAnswers
    plan.look(at: isBounded ? observed.now : observed.now.adding(seconds: Self.intervalSeconds))
    return plan
  }
}

extension ClusterObject {
  /// When an event happened last; of anything else when it was made.
  var lastSeen: Timestamp {
    let texts = [
      document.textAt("series", "lastObservedTime"), document.textAt("lastTimestamp"),
      document.textAt("deprecatedLastTimestamp"), document.textAt("eventTime"),
    ]
    return texts.compactMap { Timestamp($0) }.max() ?? createdAt
  }
}
