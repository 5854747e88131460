import Model

/// What `EXPOSE` may name: `80`, `80/udp`, `8000-8010/tcp`; as in docker also `ip:host:container`, of which only the last counts.
public enum ExposedPorts {
  /// Each port as the image's configuration has it: `80/tcp`.
  /// - Throws: `invalidArgument` with the place of the fault.
  public static func parse(_ word: Word) throws -> [String] {
    let container = word.text.split(separator: ":", omittingEmptySubsequences: false).last ?? ""
    let parts = container.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let transport = parts.count > 1 && !parts[1].isEmpty ? parts[1].lowercased() : "tcp"
    guard ["tcp", "udp", "sctp"].contains(transport) else {
      throw PlatformError.syntax(
        word.position,
        "invalid proto: '\(transport.prefix(60))' in '\(word.text.prefix(60))', expected tcp, udp or sctp")
    }
    let bounds = parts[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(port)
    guard let first = bounds[0], let last = bounds[bounds.count - 1], first > 0, first <= last else {
      throw PlatformError.syntax(
        word.position, "invalid containerPort: '\(word.text.prefix(60))', expected a port or a range like 8000-8010")
    }
    return (first...last).map { "\($0)/\(transport)" }
  }

  private static func port(_ text: Substring) -> UInt16? {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt16(text) : nil
  }
}
