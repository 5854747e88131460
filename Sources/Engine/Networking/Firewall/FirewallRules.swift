import LinuxSystem

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

  static let guardChain = "guard"

  static let sets = [sources, networks, outbound, loops, ports, portsAt, neighbours]

  /// Which of the engine's two tables a set is in.
  static func family(of set: String) -> NFTables.Family { set == neighbours ? .arp : .inet }

  let names: InstanceNames

  /// The name of an empty chain that tells which skeleton is loaded; changes with every change of the rules.
  var versionChain: String {
    let hash = body(version: "").utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    return "skeleton_" + String(hash, radix: 16)
  }

  /// The whole text for `nft -f -`: replaces the table in one transaction.
  var text: String {
    """
    add table inet \(names.table)
    delete table inet \(names.table)
    add table arp \(names.table)
    delete table arp \(names.table)
    \(body(version: "  chain \(versionChain) { }\n"))
    """
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
      }
    """
  }

  /// `guard` runs before connection tracking: a container sends from its own IPv4 address or not at all, and never to
  /// the host's loopback addresses, which `route_localnet` would let in, nor to link-local ones, which no router passes
  /// on (RFC 3927) and where clouds keep their credentials. `forward` then keeps networks apart.
  private var filters: String {
    """
      chain \(Self.guardChain) {
        type filter hook prerouting priority -300; policy accept;
        iifname != "\(names.linkPrefix)*" accept
        ip daddr { 127.0.0.0/8, 169.254.0.0/16 } drop
        iifname . ip saddr @\(Self.sources) accept
        drop
      }
      chain from_container {
        ct state established,related accept
        oifname "\(names.linkPrefix)*" ip saddr . ip daddr @\(Self.networks) accept
        ip saddr != @\(Self.outbound) drop
        ct status dnat accept
        oifname "\(InstanceNames.sharedLinkPrefix)*" drop
        accept
      }
      chain to_container {
        ct state established,related accept
        ct status dnat accept
        drop
      }
      chain forward {
        type filter hook forward priority 0; policy accept;
        iifname "\(names.linkPrefix)*" goto from_container
        oifname "\(names.linkPrefix)*" goto to_container
      }
    """
  }
}
