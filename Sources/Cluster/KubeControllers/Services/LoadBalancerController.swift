import HTTPServing
import Internet
import KubeMachinery
import KubeResources

/// Gives services of type LoadBalancer an address of a pool each, and takes it back from those that are of another type.
///
/// Services of another class of load balancer are somebody else's. All services are looked at together, so that no address is
/// given twice.
public struct LoadBalancerController: Controller {
  public let name = "service-lb-controller"
  public let follows: Set<ResourceName> = [.services]

  private static let everything = ObjectKey(.services, name: "")

  let pool: AddressRanges

  /// - Parameter pool: none: services wait, as where there is no load balancer at all.
  public init(pool: AddressRanges) {
    self.pool = pool
  }

  public var standingKeys: [ObjectKey] { [Self.everything] }

  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] {
    guard change.key.resource == .services,
      [change.old, change.new].contains(where: { $0.map(Self.concerns) ?? false })
    else { return [] }
    return [Self.everything]
  }

  private static func concerns(_ service: ClusterObject) -> Bool {
    service.spec.textAt("type") == "LoadBalancer" || !ingress(service).isEmpty
  }

  private static func ingress(_ service: ClusterObject) -> [JSONValue] {
    service.status.listAt("loadBalancer", "ingress")
  }

  private static func isOurs(_ service: ClusterObject) -> Bool {
    service.spec.textAt("type") == "LoadBalancer" && service.spec.textAt("loadBalancerClass").isEmpty
      && !service.isTerminating
  }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    guard !pool.isEmpty else { return Plan() }
    let services = observed.index.all(.services).sorted {
      ($0.createdAt.seconds, $0.namespace, $0.name) < ($1.createdAt.seconds, $1.namespace, $1.name)
    }
    var taken: Set<IPv4Address> = []
    var waiting: [ClusterObject] = []
    var plan = Plan()
    var changes: [Change] = []
    for service in services where Self.isOurs(service) {
      let held = Self.ingress(service).first.flatMap { IPv4Address($0.textAt("ip")) }
      if let held, pool.contains(held), isAsked(service, held), taken.insert(held).inserted { continue }
      waiting.append(service)
    }
    for service in waiting {
      guard let address = pool.first(where: { isAsked(service, $0) && !taken.contains($0) }) else {
        plan.announcements.append(
          Announcement(
            service, .warning, "SyncLoadBalancerFailed",
            "Error syncing load balancer: no address of the pool is free"))
        if !Self.ingress(service).isEmpty { changes.append(Self.set([], of: service)) }
        continue
      }
      taken.insert(address)
      changes.append(
        Self.set(
          [["ip": .string(address.description), "ipMode": "VIP"]], of: service,
          success: Announcement(service, .normal, "EnsuredLoadBalancer", "Ensured load balancer")))
    }
    for service in services
    where service.spec.textAt("type") != "LoadBalancer" && !Self.ingress(service).isEmpty && !service.isTerminating {
      changes.append(Self.set([], of: service))
    }
    plan.add(Array(changes.prefix(ChangeWriter.maxAnswers)))
    return plan
  }

  /// Whether a service wants this address, or any.
  private func isAsked(_ service: ClusterObject, _ address: IPv4Address) -> Bool {
    let wanted = service.spec.textAt("loadBalancerIP")
    return wanted.isEmpty || IPv4Address(wanted) == address
  }

  private static func set(
    _ ingress: [JSONValue], of service: ClusterObject, success: Announcement? = nil
  ) -> Change {
    Change(
      .patchStatus(Target(service), ["status": ["loadBalancer": ["ingress": .array(ingress)]]]), success: success)
  }
}
