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
  static let sharedLinkPrefix = ServiceTableNames.engineLinks
  /// `rtm_protocol` of our routes, a number that nobody else has registered.
  static let routeProtocol: UInt8 = 98
  static let maximumInstanceLength = 64
  private static let endpointDigits = 9
  private static let letters = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
  private static let tagLetters = 4

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
    let tag = (0..<Self.tagLetters).map { Self.letters[Int(hash >> ($0 * 5) & 31)] }
    linkPrefix = Self.sharedLinkPrefix + String(decoding: tag, as: UTF8.self)
    // High metrics lose against every ordinary route to the same subnet.
    routeMetric = 0x4000_0000 | UInt32(hash & 0x3fff_ffff)
  }

  /// Whether a device's name is one that an engine gives: the prefix of all, a tag and digits of an endpoint's id. A name that only begins
  /// like one is somebody else's.
  static func isLink(_ name: some StringProtocol) -> Bool {
    let rest = name.utf8.dropFirst(sharedLinkPrefix.utf8.count)
    guard name.hasPrefix(sharedLinkPrefix), rest.count == tagLetters + endpointDigits else { return false }
    return rest.prefix(tagLetters).allSatisfy { letters.contains($0) }
      && rest.dropFirst(tagLetters).allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
  }

  /// Whether a pattern of nftables, `bhabcd*`, means links of engines alone.
  static func areLinks(_ pattern: String) -> Bool {
    guard pattern.hasSuffix("*") else { return isLink(pattern) }
    let rest = pattern.dropLast().utf8.dropFirst(sharedLinkPrefix.utf8.count)
    return pattern.hasPrefix(sharedLinkPrefix) && rest.count >= tagLetters
      && rest.prefix(tagLetters).allSatisfy { letters.contains($0) }
  }

  /// The host's end of an endpoint's veth pair: 15 characters, the longest name that the kernel takes.
  func link(endpointID: String) -> String { linkPrefix + endpointID.prefix(Self.endpointDigits) }
}
