import Model
import Networking

/// A port that other hosts reach, with the container that opened it.
public struct ExposureEntry: Sendable {
  public var port: ExposedPort
  /// Of this engine: whose port is published, or whose program listens on the host's network.
  public var container: ContainerRecord?
}

extension Engine {
  /// What other hosts reach of this host, or would if its firewall let them in. Blocking.
  public func exposure() throws -> (entries: [ExposureEntry], warnings: [String]) {
    let exposure = try networking.exposure()
    let entries = exposure.ports.map { port in
      let id: String? =
        switch port.opener {
        case .published(let container, _): container.hex
        case .process(_, _, let container): container
        case .otherEngine, .service, .unknown: nil
        }
      return ExposureEntry(port: port, container: id.flatMap { try? registry.find($0).record })
    }
    return (entries, exposure.warnings)
  }

  /// What limits of published ports have dropped since they were set, by the name of the container and its port, `80/tcp`.
  public func packetsDroppedByLimits() throws -> [(container: String, port: String, packets: UInt64)] {
    try networking.packetsDroppedByLimits().map { id, limits, packets in
      let name = (try? registry.find(id.hex).record.name) ?? id.short
      return (name, "\(limits.containerPort)/\(limits.transport.rawValue)", packets)
    }
  }
}
