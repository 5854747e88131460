import Internet
import LinuxSystem
import Logging

/// Makes the kernel forget UDP exchanges that go to endpoints which are no more: translation is decided by the first packet
/// and kept as long as packets come, so that a client that goes on sending would never reach another one.
struct DatagramExchanges: Sendable {
  let socket: NetlinkSocket
  let logger: Logger

  /// Entries forgotten in one batch.
  private static let batch = 1_024

  /// - Parameter frontends: those whose exchanges with others than the endpoints named are forgotten.
  func forgetStale(_ frontends: [ServiceRules.Frontend: Set<IPv4Address>]) {
    for (port, frontends) in Dictionary(grouping: frontends, by: \.key.port) {
      // A failure only means that exchanges take until their end to find the new way.
      do {
        let transport = ServiceTransport.udp.rawValue
        let request = ConntrackNetlink.sent(UInt32.self, toPort: port, transport: transport)
        let entries = try socket.run([request], subject: "connections").joined().compactMap(ConntrackNetlink.Entry.init)
        var stale = entries.filter { entry in
          entry.transport == transport && entry.destinationPort == port
            && frontends.contains { Self.isStale(entry, at: $0.key, $0.value) }
        }[...]
        while !stale.isEmpty {
          _ = try socket.send(stale.prefix(Self.batch).map(ConntrackNetlink.forget))
          stale = stale.dropFirst(Self.batch)
        }
      } catch {
        logger.warning("failed to forget exchanges with former endpoints", metadata: ["error": "\(error)"])
      }
    }
  }

  private static func isStale(
    _ entry: ConntrackNetlink.Entry, at frontend: ServiceRules.Frontend, _ endpoints: Set<IPv4Address>
  ) -> Bool {
    if let address = frontend.address, entry.target != address.octets { return false }
    return !endpoints.contains { $0.octets == entry.answers }
  }
}
