import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let endpoints: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Endpoints", "Addresses behind a service, all in one object.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("subsets", .list(.object(.endpointSubset), .atomic), "Groups of addresses with the same ports."),
    ])

  static let endpointSubset: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.EndpointSubset", "Addresses with the same ports.",
    fields: [
      Field("addresses", .list(.object(.endpointAddress), .atomic), "Addresses that are ready."),
      Field("notReadyAddresses", .list(.object(.endpointAddress), .atomic), "Addresses that are not ready."),
      Field("ports", .list(.object(.endpointPort), .atomic), "Ports of the addresses."),
    ])

  static let endpointAddress: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.EndpointAddress", "An address behind a service.", isAtomic: true,
    fields: [
      Field("ip", .string(), "Address.", isRequired: true),
      Field("hostname", .string(), "Host name."),
      Field("nodeName", .string(), "Node that it is on."),
      Field("targetRef", .object(.objectReference), "Object behind the address."),
    ])

  static let endpointPort: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.EndpointPort", "A port behind a service.", isAtomic: true,
    fields: [
      Field("name", .string(), "Name of the port."),
      Field("port", .integer(bits: 32), "Number of the port.", isRequired: true),
      Field("protocol", .string(allowed: ["TCP", "UDP", "SCTP"]), "TCP, UDP or SCTP.", default: "TCP"),
      Field("appProtocol", .string(), "Protocol of the application."),
    ])
}
