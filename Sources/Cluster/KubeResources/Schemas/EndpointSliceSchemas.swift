import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let endpointSlice: ObjectSchema = ObjectSchema(
    "io.k8s.api.discovery.v1.EndpointSlice", "Some of the addresses behind a service.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("addressType", .string(), "IPv4, IPv6 or FQDN.", isRequired: true),
      Field(
        "endpoints", .list(.object(.endpoint), .atomic), "Endpoints with their addresses.", isRequired: true,
        allowsEmpty: true),
      Field(
        "ports", .list(.object(.slicePort), .atomic), "Ports of each endpoint.", isRequired: true, allowsEmpty: true),
    ])

  static let endpoint: ObjectSchema = ObjectSchema(
    "io.k8s.api.discovery.v1.Endpoint", "Addresses of one endpoint and its state.",
    fields: [
      Field("addresses", .list(.string(), .set), "Addresses of the endpoint.", isRequired: true),
      Field("conditions", .object(.endpointConditions), "State of the endpoint."),
      Field("hostname", .string(), "Host name."),
      Field("targetRef", .object(.objectReference), "Object behind the address."),
      Field("deprecatedTopology", .map(.string()), "No longer used."),
      Field("nodeName", .string(), "Node that it is on."),
      Field("zone", .string(), "Zone that it is in."),
      Field("hints", .object(.endpointHints), "Who should use the endpoint."),
    ])

  static let endpointConditions: ObjectSchema = ObjectSchema(
    "io.k8s.api.discovery.v1.EndpointConditions", "State of an endpoint.",
    fields: [
      Field("ready", .boolean, "Whether traffic may be sent."),
      Field("serving", .boolean, "Whether it could serve."),
      Field("terminating", .boolean, "Whether it is ending."),
    ])

  static let endpointHints: ObjectSchema = ObjectSchema(
    "io.k8s.api.discovery.v1.EndpointHints", "Who should use an endpoint.",
    fields: [
      Field("forZones", .list(.object(.forZone), .atomic), "Zones that should use it."),
      Field("forNodes", .list(.object(.forNode), .atomic), "Nodes that should use it."),
    ])

  static let forZone: ObjectSchema = ObjectSchema(
    "io.k8s.api.discovery.v1.ForZone", "A zone that should use an endpoint.",
    fields: [
      Field("name", .string(), "Name of the zone.", isRequired: true)
    ])

  static let forNode: ObjectSchema = ObjectSchema(
    "io.k8s.api.discovery.v1.ForNode", "A node that should use an endpoint.",
    fields: [
      Field("name", .string(), "Name of the node.", isRequired: true)
    ])

  static let slicePort: ObjectSchema = ObjectSchema(
    "io.k8s.api.discovery.v1.EndpointPort", "A port of endpoints.", isAtomic: true,
    fields: [
      Field("name", .string(), "Name of the port.", default: ""),
      Field("protocol", .string(allowed: ["TCP", "UDP", "SCTP"]), "TCP, UDP or SCTP.", default: "TCP"),
      Field("port", .integer(bits: 32), "Number of the port."),
      Field("appProtocol", .string(), "Protocol of the application."),
    ])
}
