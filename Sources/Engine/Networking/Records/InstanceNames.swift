import Model

/// The names of what one engine keeps in the kernel, so that several engines on a host stay apart.
struct InstanceNames: Sendable, Equatable {
  let instance: String
  /// The nftables table.
  let table: String
  /// How the host's ends of all veth pairs of this engine begin.
  let linkPrefix: String
  /// The metric of this engine's routes, which marks them as its own.
  let routeMetric: UInt32

  /// The prefix of the tables of every engine on the host.
  static let tablePrefix = "bulkhead-"
  /// The prefix of the links of every engine on the host.
  static let sharedLinkPrefix = "bh"
  /// `rtm_protocol` of our routes, a number that nobody else has registered.
  static let routeProtocol: UInt8 = 98
  static let maximumInstanceLength = 64
  private static let endpointDigits = 9

  /// Throws `invalidArgument` unless the name is 1 to 64 letters, digits, dots, underscores or hyphens.
  init(instance: String) throws {
    let allowed = instance.utf8.allSatisfy { byte in
      (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || [45, 46, 95].contains(byte)
    }
    guard allowed, !instance.isEmpty, instance.utf8.count <= Self.maximumInstanceLength else {
      throw PlatformError(.invalidArgument, "invalid instance name '\(instance.prefix(80))'")
    }
    self.instance = instance
    table = Self.tablePrefix + instance
    let hash = NameHash.of(instance)
    let letters = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
    let tag = (0..<4).map { letters[Int(hash >> ($0 * 5) & 31)] }
    linkPrefix = Self.sharedLinkPrefix + String(decoding: tag, as: UTF8.self)
    // High metrics lose against every ordinary route to the same subnet.
    routeMetric = 0x4000_0000 | UInt32(hash & 0x3fff_ffff)
  }

  /// The host's end of an endpoint's veth pair: 15 characters, the longest name that the kernel takes.
  func link(endpointID: String) -> String { linkPrefix + endpointID.prefix(Self.endpointDigits) }
}
