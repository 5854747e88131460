import LinuxSystem
import Logging

/// Makes the kernel forget UDP exchanges whose way has changed, and all that is left of containers that have ended.
///
/// The translation of an exchange is decided by its first packet and kept as long as packets come. A client that goes
/// on sending from one port would never reach a container that was started anew, nor a port published later.
struct ConnectionTracking: Sendable {
  private let socket: NetlinkSocket
  private let logger: Logger

  /// Entries forgotten in one batch.
  private static let batch = 1_024

  init(socket: NetlinkSocket, logger: Logger) {
    self.socket = socket
    self.logger = logger
  }

  /// Forgets what was sent to a port of the host.
  func forgetDatagrams(toPort port: UInt16) {
    let transport = TransportProtocol.udp.number
    for request in [
      ConntrackNetlink.sent(UInt32.self, toPort: port, transport: transport),
      ConntrackNetlink.sent(UInt128.self, toPort: port, transport: transport),
    ] {
      forget(request) { $0.destinationPort == port && $0.transport == transport }
    }
  }

  /// Forgets what a container answers.
  func forgetDatagrams(answeredBy address: some IPAddress) {
    let transport = TransportProtocol.udp.number
    let octets = address.octets
    forget(ConntrackNetlink.answered(by: address.bits, transport: transport)) {
      $0.answers == octets && $0.transport == transport
    }
  }

  /// Forgets all connections of a container that has ended: the kernel would keep some for days, and has room for a number
  /// of them only, which all share.
  func forgetAll(of address: some IPAddress) {
    let octets = address.octets
    forget(ConntrackNetlink.answered(by: address.bits)) { $0.answers == octets }
    forget(ConntrackNetlink.begun(by: address.bits)) { $0.asks == octets }
  }

  /// A failure only means that exchanges take until their end to find the new way.
  private func forget(_ request: NetlinkRequest, where matches: (ConntrackNetlink.Entry) -> Bool) {
    do {
      let replies = try socket.run([request], subject: "connections")
      var rest = replies.joined().compactMap(ConntrackNetlink.Entry.init).filter(matches)[...]
      while !rest.isEmpty {
        _ = try socket.send(rest.prefix(Self.batch).map(ConntrackNetlink.forget))
        rest = rest.dropFirst(Self.batch)
      }
    } catch {
      logger.warning("failed to forget tracked connections", metadata: ["error": "\(error)"])
    }
  }
}
