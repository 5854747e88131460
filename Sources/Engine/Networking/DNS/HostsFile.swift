/// The text of a container's /etc/hosts. Source: hosts(5).
public enum HostsFile {
  /// The word in `--add-host NAME:host-gateway` that stands for the host's address.
  public static let hostGateway = "host-gateway"

  /// A line: an address and its names.
  public struct Entry: Sendable, Equatable {
    public var address: String
    public var names: [String]

    public init(address: String, names: [String]) {
      self.address = address
      self.names = names
    }
  }

  private static let standard = [
    Entry(address: "127.0.0.1", names: ["localhost"]),
    Entry(address: "::1", names: ["localhost", "ip6-localhost", "ip6-loopback"]),
    Entry(address: "fe00::0", names: ["ip6-localnet"]),
    Entry(address: "ff00::0", names: ["ip6-mcastprefix"]),
    Entry(address: "ff02::1", names: ["ip6-allnodes"]),
    Entry(address: "ff02::2", names: ["ip6-allrouters"]),
  ]

  /// Renders the file: the standard lines, those asked for, then the container's own addresses.
  ///
  /// - Parameters:
  ///   - extra: as given by `--add-host`; `host-gateway` as address becomes `gateway`, or the line is left out.
  ///   - own: the addresses of the container with its host name.
  public static func render(extra: [Entry] = [], own: [Entry] = [], gateway: IPv4Address? = nil) -> String {
    var text = ""
    for entry in standard + extra + own {
      let address = entry.address == hostGateway ? gateway?.description ?? "" : clean(entry.address)
      let names = entry.names.map(clean).filter { !$0.isEmpty }
      if !address.isEmpty && !names.isEmpty { text += "\(address)\t\(names.joined(separator: " "))\n" }
    }
    return text
  }

  /// A value cannot begin another line or word.
  private static func clean(_ value: String) -> String {
    String(value.filter { !$0.isWhitespace && !$0.isNewline && $0 != "#" && $0 != "\0" })
  }
}
