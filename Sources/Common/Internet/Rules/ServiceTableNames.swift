/// What is in the nftables table of the cluster's agent, for the agent that keeps it and for the engine that tells from it what other
/// hosts reach.
///
/// Keys are an address (of the node's ports none), a transport and a port. Entries of maps of verdicts have `namespace/name` of
/// their service as comment.
public enum ServiceTableNames {
  /// Keys to the chain that chooses an endpoint.
  public static let services = "services"
  /// Keys with the number of an endpoint, to its address and port.
  public static let endpoints = "endpoints"
  public static let nodeServices = "node_services"
  public static let nodeEndpoints = "node_endpoints"
  /// Keys without endpoints, to the chain that refuses or drops.
  public static let refused = "refused"
  public static let nodeRefused = "node_refused"
  /// Keys that only some clients may use, and those clients.
  public static let guarded = "guarded"
  public static let allowed = "allowed"
  /// Addresses of load balancers.
  public static let balancers = "balancers"

  /// How the names of the devices begin by which pods and containers come: the links of every engine on the host.
  public static let engineLinks = "bh"

  /// The chain that sees packets of others before they are translated.
  public static let admissionChain = "admit"
  /// The chain that sees what was not translated, and the one that refuses.
  public static let refusalChain = "turn_away"
  public static let refuseChain = "refuse"

  /// The rule of `admit` that keeps out who is none of the clients named.
  public static let admissionRule =
    "ct state new ip daddr . meta l4proto . th dport @\(guarded) "
    + "ip daddr . meta l4proto . th dport . ip saddr != @\(allowed) drop"

  /// The rule of `admit` that keeps other hosts from the cluster's own addresses, to which they would only need a route.
  public static func closingRule(_ range: IPv4Subnet) -> String {
    "iifname != \"lo\" iifname != \"\(engineLinks)*\" ct state new ip daddr \(range) drop"
  }

  /// The rule of `turn_away` for addresses of the cluster that no service has.
  public static func rangeRule(_ range: IPv4Subnet) -> String { "ip daddr \(range) goto \(refuseChain)" }
}
