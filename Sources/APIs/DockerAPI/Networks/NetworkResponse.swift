import ContainerEngine
import Model
import Networking

/// Networks as docker's JSON shows them.
enum NetworkResponse {
  static func write(
    _ network: NetworkRecord, endpoints: [(container: ContainerView, endpoint: EndpointRecord)],
    into writer: inout JSONWriter
  ) {
    writer.object { writer in
      writer.field("Name", network.name)
      writer.field("Id", network.id.hex)
      writer.field("Created", Timestamps.rfc3339(network.createdUnixNanoseconds))
      writer.field("Scope", "local")
      writer.field("Driver", network.driver)
      writer.field("EnableIPv4", true)
      writer.field("EnableIPv6", network.enableIPv6)
      writer.object("IPAM") { writer in
        writer.field("Driver", "default")
        writer.null("Options")
        pools(network, into: &writer)
      }
      writer.field("Internal", network.isInternal)
      writer.field("Attachable", network.attachable)
      writer.field("Ingress", false)
      writer.object("ConfigFrom") { $0.field("Network", "") }
      writer.field("ConfigOnly", false)
      writer.object("Containers") { writer in
        for (container, endpoint) in endpoints {
          writer.object(container.record.id.hex) { writer in
            writer.field("Name", container.record.name)
            writer.field("EndpointID", endpoint.endpointID)
            writer.field("MacAddress", endpoint.macAddress)
            writer.field("IPv4Address", "\(endpoint.address)/\(endpoint.prefixLength)")
            writer.field("IPv6Address", endpoint.ipv6.map { "\($0.address)/\($0.prefixLength)" } ?? "")
          }
        }
      }
      writer.field("Options", network.options)
      writer.field("Labels", network.labels)
    }
  }

  private static func pools(_ network: NetworkRecord, into writer: inout JSONWriter) {
    guard let subnet = network.subnet else { return writer.field("Config", [String]()) }
    var pools = [(subnet.description, network.ipRange?.description, network.gateway?.description)]
    if let pool = network.ipv6 {
      pools.append((pool.subnet.description, pool.range?.description, pool.gateway.description))
    }
    writer.list("Config", pools) { writer, pool in
      writer.object { writer in
        writer.field("Subnet", pool.0)
        if let range = pool.1 { writer.field("IPRange", range) }
        if let gateway = pool.2 { writer.field("Gateway", gateway) }
      }
    }
  }
}
