import Model

/// Ports as docker writes them: `80/tcp`, `8000-8010`.
enum PortText {
  /// `80/tcp` or `80`; nil for anything else.
  static func port(_ text: String) -> ContainerPort? {
    guard let ports = ports(text), ports.count == 1 else { return nil }
    return ports[0]
  }

  /// A port or a range of ports with an optional protocol; nil for anything else.
  static func ports(_ text: String) -> [ContainerPort]? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let range = range(parts[0]), range.lowerBound > 0,
      let transport = ContainerPort.Transport(rawValue: parts.count == 2 ? parts[1].lowercased() : "tcp")
    else { return nil }
    return range.map { ContainerPort(number: $0, transport: transport) }
  }

  /// The ports of many texts. What is no port, or makes the list longer than any host's, is refused by `failure`.
  static func set(_ texts: [String], failure: (_ text: String, _ reason: String) -> PlatformError) throws
    -> Set<ContainerPort>
  {
    var result: Set<ContainerPort> = []
    var count = 0
    for text in texts {
      guard let ports = ports(text) else { throw failure(text, "expected a form like 80/tcp") }
      count += ports.count
      guard count <= maxPorts else { throw failure(text, "more than \(maxPorts) ports in all") }
      result.formUnion(ports)
    }
    return result
  }

  /// Every port of the three protocols, once.
  private static let maxPorts = 3 * Int(UInt16.max)

  /// `8000` or `8000-8010`; nil for anything else.
  static func range(_ text: some StringProtocol) -> ClosedRange<UInt16>? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), let first = number(parts[0]), let last = number(parts[parts.count - 1]),
      first <= last
    else { return nil }
    return first...last
  }

  private static func number(_ text: some StringProtocol) -> UInt16? {
    guard !text.isEmpty, text.utf8.count <= 5, text.utf8.allSatisfy({ 48...57 ~= $0 }) else { return nil }
    return UInt16(text)
  }

  static func text(_ port: ContainerPort) -> String { "\(port.number)/\(port.transport.rawValue)" }
}
