import HTTPServing
import KubeMachinery

/// The cluster on one page: what is there, and what is not as it should be.
public struct ClusterSummary: Sendable, Equatable, Encodable {
  /// Deployments, daemon sets and replication controllers whose pods are not as many as wanted.
  public struct Workload: Sendable, Equatable, Encodable {
    public var kind: String
    public var namespace: String
    public var name: String
    public var wanted: Int64
    public var available: Int64
  }

  public struct Warning: Sendable, Equatable, Encodable {
    /// When it was seen last, in seconds since 1970.
    public var at: Int64
    public var namespace: String
    /// `pod/web`
    public var object: String
    public var reason: String
    public var message: String
    public var count: Int64
  }

  /// Entries of a list, and warnings.
  static let maxEntries = 20
  static let warningSeconds: Int64 = 3_600
  static let maxMessageBytes = 200

  /// Filled in by who serves it: where it is reached, and the last moment of its certificate in seconds since 1970.
  public var addresses: [String] = []
  public var certificateEndsAt: Int64 = 0
  public private(set) var nodes = 0
  public private(set) var nodesNotReady: [String] = []
  /// By phase.
  public private(set) var pods: [String: Int] = [:]
  /// Of those that run.
  public private(set) var podsNotReady = 0
  public private(set) var workloads = 0
  public private(set) var workloadsUnsettled: [Workload] = []
  public private(set) var services = 0
  /// `NAMESPACE/NAME`; those without a selector are their owners' business.
  public private(set) var servicesWithoutEndpoints: [String] = []
  /// Of the last hour, the newest first.
  public private(set) var warnings: [Warning] = []

  public init() {}

  mutating func add(nodes documents: [JSONValue]) {
    nodes += documents.count
    let missing = documents.filter { !Self.isReady($0) }.map(\.meta.name)
    nodesNotReady = Array((nodesNotReady + missing).prefix(Self.maxEntries))
  }

  mutating func add(pods documents: [JSONValue]) {
    for pod in documents {
      let phase = pod.at("status", "phase")?.text ?? "Unknown"
      pods[phase, default: 0] += 1
      if phase == "Running", !Self.isReady(pod) { podsNotReady += 1 }
    }
  }

  private static func isReady(_ object: JSONValue) -> Bool {
    object.at("status", "conditions")?.items.contains {
      $0["type"]?.text == "Ready" && $0["status"]?.text == "True"
    } ?? false
  }

  mutating func add(workloads documents: [JSONValue]) {
    workloads += documents.count
    let unsettled = documents.compactMap(Self.unsettled)
    workloadsUnsettled = Array((workloadsUnsettled + unsettled).prefix(Self.maxEntries))
  }

  /// Nil where there are as many as wanted.
  private static func unsettled(_ object: JSONValue) -> Workload? {
    func number(_ part: String, _ name: String) -> Int64? { object.at(part, name)?.integer }
    let wanted = number("status", "desiredNumberScheduled") ?? number("spec", "replicas") ?? 0
    let available =
      number("status", "numberAvailable") ?? number("status", "availableReplicas") ?? number("status", "readyReplicas")
      ?? 0
    guard available != wanted else { return nil }
    let meta = object.meta
    return Workload(
      kind: object.kind, namespace: meta.namespace, name: meta.name, wanted: wanted, available: available)
  }

  /// `NAMESPACE/NAME` of endpoints that have an address; nil where there is none.
  static func served(_ endpoints: JSONValue) -> String? {
    let hasAddress = endpoints["subsets"]?.items.contains { !($0["addresses"]?.items ?? []).isEmpty } ?? false
    return hasAddress ? "\(endpoints.meta.namespace)/\(endpoints.meta.name)" : nil
  }

  /// - Parameter served: those with endpoints.
  mutating func add(services documents: [JSONValue], served: Set<String>) {
    services += documents.count
    let lonely = documents.filter { !($0.at("spec", "selector")?.members ?? []).isEmpty }
      .map { "\($0.meta.namespace)/\($0.meta.name)" }.filter { !served.contains($0) }
    servicesWithoutEndpoints = Array((servicesWithoutEndpoints + lonely).prefix(Self.maxEntries))
  }

  /// Events of `v1` and of `events.k8s.io/v1`.
  mutating func add(events documents: [JSONValue], at now: Timestamp) {
    let recent = documents.compactMap { event -> Warning? in
      guard event["type"]?.text == "Warning" else { return nil }
      let names = ["lastTimestamp", "deprecatedLastTimestamp", "eventTime"]
      let seen = event.at("series", "lastObservedTime")?.text ?? names.lazy.compactMap { event[$0]?.text }.first ?? ""
      let at = Timestamp(seen)?.seconds ?? Timestamp(event.meta.creationTimestamp)?.seconds ?? 0
      guard now.seconds - at <= Self.warningSeconds else { return nil }
      let object = event["involvedObject"] ?? event["regarding"] ?? [:]
      let message = event["message"]?.text ?? event["note"]?.text ?? ""
      return Warning(
        at: at, namespace: object["namespace"]?.text ?? "",
        object: "\(object["kind"]?.text?.lowercased() ?? "")/\(object["name"]?.text ?? "")",
        reason: event["reason"]?.text ?? "",
        message: String(decoding: message.utf8.prefix(Self.maxMessageBytes), as: UTF8.self),
        count: event.at("series", "count")?.integer ?? event["count"]?.integer ?? 1)
    }
    warnings = Array((warnings + recent).sorted { $0.at > $1.at }.prefix(Self.maxEntries))
  }
}

extension KubernetesAPI {
  /// Throws `StatusError`. Blocks as the store does.
  public func summary() async throws -> ClusterSummary {
    var summary = ClusterSummary()
    try await each("", "nodes") { summary.add(nodes: $0) }
    try await each("", "pods") { summary.add(pods: $0) }
    for (group, plural) in [("apps", "deployments"), ("apps", "daemonsets"), ("", "replicationcontrollers")] {
      try await each(group, plural) { summary.add(workloads: $0) }
    }
    var served: Set<String> = []
    try await each("", "endpoints") { served.formUnion($0.compactMap(ClusterSummary.served)) }
    try await each("", "services") { summary.add(services: $0, served: served) }
    let moment = now()
    for group in ["", "events.k8s.io"] { try await each(group, "events") { summary.add(events: $0, at: moment) } }
    return summary
  }

  /// All objects, page by page. Each page is as it is when it is read: a summary is of no one moment.
  private func each(_ group: String, _ plural: String, _ add: ([JSONValue]) -> Void) async throws {
    guard let kind = service.catalog.kind(ResourceName(group: group, resource: plural)) else { return }
    var request = ListRequest(kind.resource)
    request.byteLimit = ListRequest.pageBytes
    repeat {
      let page = try await service.store.list(request)
      add(try page.objects.map { try $0.value() })
      request.after = page.next
    } while request.after != nil
  }
}
