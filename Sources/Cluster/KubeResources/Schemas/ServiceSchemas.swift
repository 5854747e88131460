import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let service: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Service", "One address for a set of pods.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("spec", .object(.serviceSpec), "What is wanted.", default: [:]),
      Field("status", .object(.serviceStatus), "What is; written by the platform.", default: ["loadBalancer": [:]]),
    ])

  static let serviceSpec: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ServiceSpec", "What is wanted of a service.",
    fields: [
      Field(
        "ports", .list(.object(.servicePort), .map(keys: ["port", "protocol"])), "Ports of the service.",
        merge: MergeRule(key: "port")),
      Field("selector", .map(.string(), isAtomic: true), "Labels of the pods behind the service."),
      Field("clusterIP", .string(), "Address of the service; None for a headless one."),
      Field("clusterIPs", .list(.string(), .atomic), "Addresses of the service."),
      Field(
        "type", .string(allowed: ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]),
        "ClusterIP, NodePort, LoadBalancer or ExternalName.", default: "ClusterIP"),
      Field("externalIPs", .list(.string(), .atomic), "More addresses that the service is reached at."),
      Field(
        "sessionAffinity", .string(allowed: ["ClientIP", "None"]), "ClientIP: a client stays with its pod.",
        default: "None"),
      Field("loadBalancerIP", .string(), "Wanted address of the load balancer; deprecated."),
      Field("loadBalancerSourceRanges", .list(.string(), .atomic), "Clients that the load balancer lets in."),
      Field("externalName", .string(), "Name that the service stands for."),
      Field(
        "externalTrafficPolicy", .string(allowed: ["Cluster", "Local"]),
        "Whether traffic from outside stays on its node."),
      Field("healthCheckNodePort", .integer(bits: 32), "Port of the health check for local traffic."),
      Field("publishNotReadyAddresses", .boolean, "Whether pods that are not ready count."),
      Field("sessionAffinityConfig", .object(.sessionAffinityConfig), "Settings of the session affinity."),
      Field("ipFamilies", .list(.string(allowed: ["IPv4", "IPv6"]), .atomic), "IPv4, IPv6 or both, in order."),
      Field(
        "ipFamilyPolicy", .string(allowed: ["SingleStack", "PreferDualStack", "RequireDualStack"]),
        "Whether one or two families are wanted."),
      Field("allocateLoadBalancerNodePorts", .boolean, "Whether ports of nodes are taken."),
      Field("loadBalancerClass", .string(), "Who makes the load balancer."),
      Field(
        "internalTrafficPolicy", .string(allowed: ["Cluster", "Local"]),
        "Whether traffic from inside stays on its node."),
      Field("trafficDistribution", .string(), "Which pods are preferred."),
    ])

  static let servicePort: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ServicePort", "A port of a service.",
    fields: [
      Field("name", .string(), "Name within the service."),
      Field("protocol", .string(allowed: ["TCP", "UDP", "SCTP"]), "TCP, UDP or SCTP.", default: "TCP"),
      Field("appProtocol", .string(), "Protocol of the application."),
      Field("port", .integer(bits: 32), "Port of the service.", isRequired: true),
      Field("targetPort", .intOrString, "Port of the pods, by number or name."),
      Field("nodePort", .integer(bits: 32), "Port of each node."),
    ])

  static let sessionAffinityConfig: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.SessionAffinityConfig", "Settings of session affinity.",
    fields: [
      Field("clientIP", .object(.clientIPConfig), "Settings of affinity by address.")
    ])

  static let clientIPConfig: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ClientIPConfig", "Settings of affinity by address.",
    fields: [
      Field("timeoutSeconds", .integer(bits: 32), "Time that a client stays with its pod.")
    ])

  static let serviceStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ServiceStatus", "State of a service.",
    fields: [
      Field("loadBalancer", .object(.loadBalancerStatus), "State of the load balancer."),
      Field(
        "conditions", .list(.object(.condition), .map(keys: ["type"])), "Latest observations.",
        merge: MergeRule(key: "type")),
    ])

  static let loadBalancerStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.LoadBalancerStatus", "State of a load balancer.",
    fields: [
      Field("ingress", .list(.object(.loadBalancerIngress), .atomic), "Where the load balancer is reached.")
    ])

  static let loadBalancerIngress: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.LoadBalancerIngress", "Where a load balancer is reached.",
    fields: [
      Field("ip", .string(), "Address."),
      Field("hostname", .string(), "Name."),
      Field("ipMode", .string(), "How the address is used."),
      Field("ports", .list(.object(.portStatus), .atomic), "State of each port."),
    ])

  static let portStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PortStatus", "State of a port of a load balancer.",
    fields: [
      Field("port", .integer(bits: 32), "Number of the port.", isRequired: true),
      Field("protocol", .string(allowed: ["TCP", "UDP", "SCTP"]), "TCP, UDP or SCTP.", isRequired: true),
      Field("error", .string(), "Why the port does not work."),
    ])
}
