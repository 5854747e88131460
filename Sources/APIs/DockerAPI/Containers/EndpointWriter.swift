import ContainerEngine
import Model
import Networking

extension JSONWriter {
  /// One endpoint of a container. A container that does not run shows its wishes only.
  mutating func endpoint(_ attachment: NetworkAttachment?, _ endpoint: EndpointRecord?, networkID: String) {
    object { writer in
      writer.name("IPAMConfig")
      if attachment?.address != nil || attachment?.ipv6Address != nil {
        writer.object { writer in
          if let address = attachment?.address { writer.field("IPv4Address", address) }
          if let address = attachment?.ipv6Address { writer.field("IPv6Address", address) }
        }
      } else {
        writer.null()
      }
      writer.field("Links", attachment.flatMap { $0.links.isEmpty ? nil : $0.links })
      writer.field("Aliases", attachment.flatMap { $0.aliases.isEmpty ? nil : $0.aliases })
      writer.field("MacAddress", endpoint?.macAddress ?? attachment?.macAddress ?? "")
      writer.null("DriverOpts")
      writer.field("GwPriority", attachment?.gatewayPriority ?? 0)
      writer.field("NetworkID", endpoint?.networkID.hex ?? networkID)
      writer.field("EndpointID", endpoint?.endpointID ?? "")
      writer.field("Gateway", endpoint?.gateway?.description ?? "")
      writer.field("IPAddress", endpoint?.address.description ?? "")
      writer.field("IPPrefixLen", endpoint?.prefixLength ?? 0)
      writer.field("IPv6Gateway", endpoint?.ipv6?.gateway?.description ?? "")
      writer.field("GlobalIPv6Address", endpoint?.ipv6?.address.description ?? "")
      writer.field("GlobalIPv6PrefixLen", endpoint?.ipv6?.prefixLength ?? 0)
      writer.field("DNSNames", endpoint?.dnsNames)
    }
  }

  /// The `Networks` of a container, by network name.
  mutating func networks(_ record: ContainerRecord, networkID: (String) -> String) {
    object("Networks") { writer in
      for name in ContainerNetworks.names(record) {
        let attachment = record.networks.first { $0.network == name }
        writer.name(name)
        writer.endpoint(attachment, record.endpoints[name], networkID: networkID(name))
      }
    }
  }
}

/// Which networks a container shows.
enum ContainerNetworks {
  /// Names in order: those it is on or wishes to be on, or the one its mode names.
  static func names(_ record: ContainerRecord) -> [String] {
    let names = Set(record.endpoints.keys).union(record.networks.map(\.network))
    if !names.isEmpty { return names.sorted() }
    switch record.settings.host.networkMode {
    case .host: return ["host"]
    case .none: return ["none"]
    case .standard: return record.settings.networkDisabled ? [] : ["bridge"]
    case .network(let name): return [name]
    case .container: return []
    }
  }
}

extension JSONWriter {
  /// `Ports` of inspect: each exposed port with its bindings, null where it is not published.
  mutating func portMap(_ record: ContainerRecord) {
    object("Ports") { writer in
      guard record.run.isRunning else { return }
      var ports = Set(record.exposedPorts.map(PortText.text))
      let bindings = Dictionary(grouping: record.publishedPorts) { "\($0.containerPort)/\($0.protocol.rawValue)" }
      ports.formUnion(bindings.keys)
      for port in ports.sorted() {
        writer.name(port)
        guard let list = bindings[port] else {
          writer.null()
          continue
        }
        writer.list(list) { writer, binding in
          writer.object { writer in
            writer.field("HostIp", binding.hostAddress)
            writer.field("HostPort", String(binding.hostPort))
          }
        }
      }
    }
  }

  /// `Ports` of list: one entry for each binding and each exposed port that is not published.
  mutating func portList(_ record: ContainerRecord) {
    let bound = Set(record.publishedPorts.map { "\($0.containerPort)/\($0.protocol.rawValue)" })
    let exposed = record.run.isRunning ? record.exposedPorts.filter { !bound.contains(PortText.text($0)) } : []
    name("Ports")
    var entries: [(address: String?, inside: UInt16, outside: UInt16?, kind: String)] = exposed.map {
      (nil, $0.number, nil, $0.transport.rawValue)
    }
    if record.run.isRunning {
      entries += record.publishedPorts.map { ($0.hostAddress, $0.containerPort, $0.hostPort, $0.protocol.rawValue) }
    }
    entries.sort {
      ($0.inside, $0.kind, $0.address ?? "", $0.outside ?? 0) < ($1.inside, $1.kind, $1.address ?? "", $1.outside ?? 0)
    }
    list(entries) { writer, entry in
      writer.object { writer in
        if let address = entry.address { writer.field("IP", address) }
        writer.field("PrivatePort", entry.inside)
        if let outside = entry.outside { writer.field("PublicPort", outside) }
        writer.field("Type", entry.kind)
      }
    }
  }
}
