import LinuxSystem
import Model

/// The skeleton of the engine's nftables table (with a small one for ARP beside it): chains and empty sets, loaded once by the `nft` program.
///
/// What changes with containers are the elements of the sets, sent by `Firewall`. The base chains stand beside those of
/// the host: a packet that the host's own chains drop stays dropped, and one that is none of ours passes untouched.
struct FirewallRules: Sendable {
  /// Host interface and address pairs that containers may send from.
  static let sources = "sources"
  /// Subnet pairs that may talk: each network with itself.
  static let networks = "networks"
  /// Addresses that may leave the host (members of networks that are not internal).
  static let outbound = "outbound"
  /// Address pairs of containers with themselves, for published ports reached from within.
  static let loops = "loops"
  /// Transport and host port to container address and port, on every local address.
  static let ports = "ports"
  /// Host address, transport and host port to container address and port.
  static let portsAt = "ports_at"

  /// The same pairs as `sources`, for ARP; sets belong to one table, and ARP has tables of its own.
  static let neighbours = "neighbours"

  /// The same of IPv6.
  static let (sources6, networks6, outbound6, loops6) = ("sources6", "networks6", "outbound6", "loops6")
  static let (ports6, portsAt6) = ("ports6", "ports6_at")

  /// The keys of the four maps above: the kernel looks nothing up in a map without taking its value.
  static let (open, openAt, open6, openAt6) = ("open", "open_at", "open6", "open6_at")

  static let guardChain = "guard"
  static let forwardChain = "forward"
  /// Ends a copy of the host's chains for all packets that it is not asked about.
  static let admissionChain = "not_asked"

  static let sets = [
    sources, networks, outbound, loops, ports, portsAt, neighbours, sources6, networks6, outbound6, loops6, ports6,
    portsAt6, open, openAt, open6, openAt6,
  ]

  /// Which of the engine's two tables a set is in.
  static func family(of set: String) -> NFTables.Family { set == neighbours ? .arp : .inet }

  let names: InstanceNames
  /// Of which families the host passes nothing on between others: those whose forwarding the engine turned on.
  var closed: Set<ForwardedFamily> = []

  /// The name of an empty chain that tells which skeleton is loaded; changes with every change of the rules.
  var versionChain: String {
    "skeleton_" + String(NameHash.of(body(version: "")), radix: 16)
  }

  /// The whole text for `nft -f -`: replaces the table in one transaction.
  ///
  /// - Parameter mirror: copies of the host's chains, which are there from the first moment.
  func text(with mirror: InputMirror) -> String {
    """
    add table inet \(names.table)
    delete table inet \(names.table)
    add table arp \(names.table)
    delete table arp \(names.table)
    \(body(version: "  chain \(versionChain) { }\n"))
    \(text(of: mirror))
    """
  }

  /// The text that adds copies of the host's chains to the table.
  func text(of mirror: InputMirror) -> String {
    mirror.copies.isEmpty ? "" : "table inet \(names.table) {\n\(mirror.text)\n}\n"
  }

  /// The text that removes those that are there.
  func removal(of table: HostRuleset.Table) -> String {
    let chains = table.chains.filter { $0.name.hasPrefix(InputMirror.prefix) }
    let sets = table.sets.filter { $0.name.hasPrefix(InputMirror.prefix) }
    let lines =
      chains.map { "flush chain inet \(names.table) \($0.name)" }
      + sets.filter { $0.kind == "map" }.map { "flush map inet \(names.table) \($0.name)" }
      + chains.map { "delete chain inet \(names.table) \($0.name)" }
      + sets.map { "delete \($0.kind) inet \(names.table) \($0.name)" }
    return lines.map { $0 + "\n" }.joined()
  }

  /// Begins the name of an empty chain that tells what the kernel's own list of the skeleton's rules is, so that a rule
  /// that somebody replaced is seen.
  static let listingPrefix = "rules_"

  /// The text that notes the list of the skeleton as it is now; the table has just been loaded.
  func note(ofListing hash: UInt64) -> String { "add chain inet \(names.table) \(Self.listingName(hash))\n" }

  static func listingName(_ hash: UInt64) -> String { listingPrefix + String(hash, radix: 16) }

  /// Whether a chain is a part of the skeleton, and not of the copies and limits that come and go.
  static func isSkeleton(_ chain: String) -> Bool {
    !chain.hasPrefix(LimitRules.prefix) && !chain.hasPrefix(InputMirror.prefix)
  }

  private func body(version: String) -> String {
    """
    table inet \(names.table) {
    \(version)\(setDeclarations)
    \(addressTranslation)
    \(filters)
    }
    \(neighbourTable)

    """
  }

  /// A container announces its own address or none, so that it cannot fill the host's table of neighbours.
  private var neighbourTable: String {
    """
    table arp \(names.table) {
      set \(Self.neighbours) { type ifname . ipv4_addr; }
      chain \(Self.guardChain) {
        type filter hook input priority 0; policy accept;
        iifname != "\(names.linkPrefix)*" accept
        iifname . arp saddr ip @\(Self.neighbours) accept
        drop
      }
    }
    """
  }

  private var setDeclarations: String {
    """
      set \(Self.sources) { type ifname . ipv4_addr; }
      set \(Self.networks) { type ipv4_addr . ipv4_addr; flags interval; }
      set \(Self.outbound) { type ipv4_addr; }
      set \(Self.loops) { type ipv4_addr . ipv4_addr; }
      map \(Self.ports) { type inet_proto . inet_service : ipv4_addr . inet_service; }
      map \(Self.portsAt) { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
      set \(Self.sources6) { type ifname . ipv6_addr; }
      set \(Self.networks6) { type ipv6_addr . ipv6_addr; flags interval; }
      set \(Self.outbound6) { type ipv6_addr; }
      set \(Self.loops6) { type ipv6_addr . ipv6_addr; }
      map \(Self.ports6) { type inet_proto . inet_service : ipv6_addr . inet_service; }
      map \(Self.portsAt6) { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
      set \(Self.open) { type inet_proto . inet_service; }
      set \(Self.openAt) { type ipv4_addr . inet_proto . inet_service; }
      set \(Self.open6) { type inet_proto . inet_service; }
      set \(Self.openAt6) { type ipv6_addr . inet_proto . inet_service; }
    """
  }

  /// Published ports in, and the host's address out.
  ///
  /// A connection from the host's loopback, or of a container to itself, could not be answered with its own source
  /// address and gets the gateway's; every other keeps the address it came from.
  private var addressTranslation: String {
    """
      chain published {
        dnat ip to ip daddr . meta l4proto . th dport map @\(Self.portsAt)
        meta nfproto ipv4 dnat ip to meta l4proto . th dport map @\(Self.ports)
        ip6 daddr ::1 return
        dnat ip6 to ip6 daddr . meta l4proto . th dport map @\(Self.portsAt6)
        meta nfproto ipv6 dnat ip6 to meta l4proto . th dport map @\(Self.ports6)
      }
      chain \(Self.admissionChain) {
        ct state != new accept
        iifname "lo" accept
        iifname "\(names.linkPrefix)*" accept
        fib daddr type != local accept
        meta nfproto ipv4 meta l4proto . th dport @\(Self.open) return
        ip daddr . meta l4proto . th dport @\(Self.openAt) return
        meta nfproto ipv6 meta l4proto . th dport @\(Self.open6) return
        ip6 daddr . meta l4proto . th dport @\(Self.openAt6) return
        accept
      }
      chain translate_arriving {
        type nat hook prerouting priority -100; policy accept;
        fib daddr type local jump published
      }
      chain translate_local {
        type nat hook output priority -100; policy accept;
        fib daddr type local jump published
      }
      chain translate_leaving {
        type nat hook postrouting priority 100; policy accept;
        oifname "\(names.linkPrefix)*" ip saddr 127.0.0.0/8 masquerade
        oifname "\(names.linkPrefix)*" ip saddr . ip daddr @\(Self.loops) masquerade
        oifname != "\(InstanceNames.sharedLinkPrefix)*" ip saddr @\(Self.outbound) masquerade
        oifname "\(names.linkPrefix)*" ip6 saddr . ip6 daddr @\(Self.loops6) masquerade
        oifname != "\(InstanceNames.sharedLinkPrefix)*" ip6 saddr @\(Self.outbound6) masquerade
      }
    """
  }

  /// A host that passed nothing on before the engine came does not become a router for its neighbours. Links of other
  /// engines have their own rules.
  private var closing: String {
    closed.sorted { $0.rawValue < $1.rawValue }.map { family in
      "    \(Self.closingRule(family))\n"
    }.joined() + "    "
  }

  static func closingRule(_ family: ForwardedFamily) -> String {
    "meta nfproto \(family.rawValue) iifname != \"\(InstanceNames.sharedLinkPrefix)*\" "
      + "oifname != \"\(InstanceNames.sharedLinkPrefix)*\" drop"
  }

  /// `guard` runs before connection tracking: a container sends from its own addresses or not at all, and never to the
  /// host's loopback addresses, which `route_localnet` would let in, nor to link-local ones, which no router passes on
  /// (RFC 3927) and where clouds keep their credentials, as they do at two addresses of IPv6. It is no router and gives
  /// out no addresses: advertisements, redirects and DHCP's answers end here, as does what is meant for everybody (but
  /// the question for a neighbour's address, RFC 4861). Other hosts reach no loopback address, to which
  /// ports may be published, and do not send in a container's name. Each packet passes here: the two families have
  /// chains of their own, and masks are cheaper than a set of ranges. `forward` then keeps networks apart: errors of ICMP
  /// that a container tells have to keep to that as well, so that none ends connections of others.
  private var filters: String {
    """
      chain guard_ipv4 {
        ip daddr & 224.0.0.0 == 224.0.0.0 drop
        ip daddr & 255.0.0.0 == 127.0.0.0 drop
        ip daddr & 255.255.0.0 == 169.254.0.0 drop
        udp dport 68 drop
        iifname . ip saddr @\(Self.sources) accept
        drop
      }
      chain guard_ipv6 {
        ip6 daddr { fe80::/10, fd00:ec2::254, fd20:ce::254 } drop
        ip6 daddr ff00::/8 ip6 daddr != ff02::1:ff00:0/104 drop
        icmpv6 type { nd-router-solicit, nd-router-advert, nd-redirect, router-renumbering } drop
        udp dport 546 drop
        iifname . ip6 saddr @\(Self.sources6) accept
        drop
      }
      chain \(Self.guardChain) {
        type filter hook prerouting priority -300; policy accept;
        iifname "lo" accept
        iifname "\(names.linkPrefix)*" meta nfproto ipv4 goto guard_ipv4
        iifname "\(names.linkPrefix)*" meta nfproto ipv6 goto guard_ipv6
        iifname "\(names.linkPrefix)*" drop
        ip daddr & 255.0.0.0 == 127.0.0.0 drop
        ip saddr . ip saddr @\(Self.networks) drop
        ip6 saddr . ip6 saddr @\(Self.networks6) drop
      }
      chain from_container {
        ct state established accept
        oifname "\(names.linkPrefix)*" ip saddr . ip daddr @\(Self.networks) accept
        oifname "\(names.linkPrefix)*" ip6 saddr . ip6 daddr @\(Self.networks6) accept
        ip saddr != @\(Self.outbound) drop
        ip6 saddr != @\(Self.outbound6) drop
        ct status dnat accept
        oifname "\(InstanceNames.sharedLinkPrefix)*" drop
        accept
      }
      chain to_container {
        ct state established,related accept
        ct status dnat accept
        drop
      }
      chain \(Self.forwardChain) {
        type filter hook forward priority 0; policy accept;
        iifname "\(names.linkPrefix)*" goto from_container
        oifname "\(names.linkPrefix)*" goto to_container
    \(closing)  }
    """
  }
}
