/// The text of a container's /etc/resolv.conf. Source: resolv.conf(5).
public enum ResolvConf {
  /// Where the engine's name service listens inside every network namespace.
  public static let engineServer = "127.0.0.11"
  /// Entries of one kind that are written; the C library reads fewer.
  public static let maximumEntries = 64

  /// Renders the file.
  ///
  /// - Parameters:
  ///   - servers: usually `engineServer` alone.
  ///   - searchDomains: what is appended to short names; a single `.` means none, as for docker.
  ///   - options: as given by `--dns-option`.
  public static func render(servers: [String], searchDomains: [String] = [], options: [String] = []) -> String {
    var text = "# Written by bulkhead. Changes are lost when the container starts again.\n"
    for server in servers.prefix(maximumEntries) { text += "nameserver \(clean(server))\n" }
    let domains = searchDomains.filter { $0 != "." }.map(clean)
    if !domains.isEmpty { text += "search \(domains.prefix(maximumEntries).joined(separator: " "))\n" }
    if !options.isEmpty { text += "options \(options.prefix(maximumEntries).map(clean).joined(separator: " "))\n" }
    return text
  }

  /// The `nameserver` lines of a file, in order.
  public static func nameservers(in text: String) -> [String] { values(of: "nameserver", in: text).compactMap(\.first) }

  /// The domains of the last `search` or `domain` line, as the C library takes them.
  public static func searchDomains(in text: String) -> [String] {
    values(of: "search", "domain", in: text).last ?? []
  }

  /// The words of all `options` lines.
  public static func options(in text: String) -> [String] { values(of: "options", in: text).flatMap { $0 } }

  private static func values(of keywords: String..., in text: String) -> [[String]] {
    text.split(whereSeparator: \.isNewline).compactMap { line in
      let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
      guard let first = words.first, keywords.contains(first) else { return nil }
      return Array(words.dropFirst())
    }
  }

  /// A value cannot begin another line or word.
  private static func clean(_ value: String) -> String {
    String(value.filter { !$0.isWhitespace && !$0.isNewline && $0 != "\0" })
  }
}
