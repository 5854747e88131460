extension HostReport {
  static func networkChecks(_ facts: HostFacts) -> [HostCheck] {
    [
      trial(
        "nftables", "nftables", facts.nftables, good: "the kernel and the nft program work together",
        advice: "install the package nftables, and use a kernel with CONFIG_NF_TABLES and CONFIG_NFT_NAT"),
      forwarding(facts), firewall(facts), exposure(facts), bridge(facts),
    ]
  }

  private static func forwarding(_ facts: HostFacts) -> HostCheck {
    let title = "IP forwarding"
    switch (facts.ipForward, facts.ipv6Forward) {
    case (true, true): return HostCheck("ip-forward", title, .ok, "IPv4 and IPv6")
    case (true, _): return HostCheck("ip-forward", title, .ok, "IPv4")
    case (nil, _):
      return HostCheck("ip-forward", title, .warn, "net.ipv4.ip_forward cannot be read")
    default:
      return HostCheck(
        "ip-forward", title, .info, "off; the engine switches it on when it makes its first network",
        advice: "to keep it on: 'net.ipv4.ip_forward = 1' in a file of /etc/sysctl.d")
    }
  }

  private static func firewall(_ facts: HostFacts) -> HostCheck {
    let title = "Firewall of the host"
    let forwarding = facts.droppingChains
    guard !forwarding.isEmpty || !facts.activeFirewalls.isEmpty else {
      return HostCheck("firewall", title, .ok, "none that stands in the way")
    }
    var found: [String] = []
    if !facts.activeFirewalls.isEmpty { found.append(facts.activeFirewalls.joined(separator: ", ") + " is active") }
    if !forwarding.isEmpty { found.append("forwarded packets are dropped by " + forwarding.joined(separator: "; ")) }
    let advice = [
      "ufw": "for ufw: 'ufw default allow routed', or 'ufw route allow in on bh+' for the containers' interfaces",
      "firewalld": "for firewalld: put the containers' interfaces (bh+) into a zone with forwarding",
    ]
    let known = facts.activeFirewalls.compactMap { advice[$0] }
    return HostCheck(
      "firewall", title, forwarding.isEmpty ? .info : .warn, found.joined(separator: "; "),
      advice: known.isEmpty
        ? "let packets from and to the containers' interfaces (bh+) pass: the engine never changes rules of others"
        : known.joined(separator: "; "))
  }

  private static let shownPorts = 12

  /// Nothing is wrong with open ports; who runs a host should know of them.
  private static func exposure(_ facts: HostFacts) -> HostCheck {
    let title = "Reachable from other hosts"
    guard let ports = facts.reachablePorts else {
      return HostCheck("exposure", title, .info, "not looked at: that needs root, nft and sock_diag of the kernel")
    }
    guard !ports.isEmpty else { return HostCheck("exposure", title, .ok, "no port") }
    let more = ports.count > shownPorts ? " and \(ports.count - shownPorts) more" : ""
    return HostCheck(
      "exposure", title, .info, ports.prefix(shownPorts).joined(separator: ", ") + more,
      advice: "'bulkhead exposure' says who opened them, and what the host's firewall does with them")
  }

  private static func bridge(_ facts: HostFacts) -> HostCheck {
    let title = "Bridge filtering (br_netfilter)"
    return facts.bridgeNetfilter
      ? HostCheck(
        "br-netfilter", title, .info,
        "on: frames of bridges pass the firewall; Bulkhead has no bridges and does not need it")
      : HostCheck("br-netfilter", title, .ok, "off; Bulkhead does not need it")
  }
}
