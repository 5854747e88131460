/// A line for /etc/hosts as clients write it: `name:address` or `name=address`, an IPv6 address with or without brackets.
public struct ExtraHost: Sendable, Equatable {
  /// The word that stands for the host's own address.
  public static let gateway = "host-gateway"

  public let name: String
  /// An IPv4 or IPv6 address, or `host-gateway`.
  public let address: String

  /// Nil for anything else.
  public init?(_ text: String) {
    guard let separator = text.firstIndex(where: { $0 == ":" || $0 == "=" }) else { return nil }
    let name = text[..<separator]
    var address = text[text.index(after: separator)...]
    if address.hasPrefix("["), address.hasSuffix("]") { address = address.dropFirst().dropLast() }
    guard name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(SettingsValidator.isLabel),
      address == Self.gateway || SettingsValidator.isAddress(String(address))
    else { return nil }
    self.name = String(name)
    self.address = String(address)
  }
}
