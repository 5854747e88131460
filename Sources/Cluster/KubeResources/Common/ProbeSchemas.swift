import KubeMachinery

/// Probes and hooks of containers.
extension ObjectSchema {
  static let probe: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Probe", "A check that is repeated.",
    fields: [
      Field("exec", .object(.execAction), "Runs a program in the container."),
      Field("httpGet", .object(.httpGetAction), "Asks over HTTP."),
      Field("tcpSocket", .object(.tcpSocketAction), "Connects to a port."),
      Field("grpc", .object(.grpcAction), "Asks gRPC's health service."),
      Field("initialDelaySeconds", .integer(bits: 32), "Time after the start before the first try."),
      Field("timeoutSeconds", .integer(bits: 32), "Time that one try may take.", default: 1),
      Field("periodSeconds", .integer(bits: 32), "Time from one try to the next.", default: 10),
      Field("successThreshold", .integer(bits: 32), "Tries in a row that make a success.", default: 1),
      Field("failureThreshold", .integer(bits: 32), "Tries in a row that make a failure.", default: 3),
      Field("terminationGracePeriodSeconds", .integer(bits: 64), "Time to end after a failure."),
    ])

  static let execAction: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ExecAction", "A program run in the container.",
    fields: [
      Field("command", .list(.string(), .atomic), "Program and its arguments.")
    ])

  static let httpGetAction: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.HTTPGetAction", "A request over HTTP.",
    fields: [
      Field("path", .string(), "Path to ask for.", default: "/"),
      Field("port", .intOrString, "Number or name of the port.", isRequired: true),
      Field("host", .string(), "Host to connect to; the pod where missing."),
      Field("scheme", .string(allowed: ["HTTP", "HTTPS"]), "HTTP or HTTPS.", default: "HTTP"),
      Field("httpHeaders", .list(.object(.httpHeader), .atomic), "Headers to send."),
    ])

  static let httpHeader: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.HTTPHeader", "A header of a request.",
    fields: [
      Field("name", .string(), "Name of the header.", isRequired: true),
      Field("value", .string(), "Value of the header.", isRequired: true, allowsEmpty: true),
    ])

  static let tcpSocketAction: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.TCPSocketAction", "A connection to a port.",
    fields: [
      Field("port", .intOrString, "Number or name of the port.", isRequired: true),
      Field("host", .string(), "Host to connect to; the pod where missing."),
    ])

  static let grpcAction: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.GRPCAction", "A question to gRPC's health service.",
    fields: [
      Field("port", .integer(bits: 32), "Number of the port.", isRequired: true),
      Field(
        "service", .string(), "Name of the service that is asked for.", isRequired: true, allowsEmpty: true, default: ""
      ),
    ])

  static let lifecycle: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Lifecycle", "What is done after start and before the end.",
    fields: [
      Field("postStart", .object(.lifecycleHandler), "Done right after the container starts."),
      Field("preStop", .object(.lifecycleHandler), "Done before the container is ended."),
      Field("stopSignal", .string(allowed: Signals.names), "Signal that ends the container."),
    ])

  static let lifecycleHandler: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.LifecycleHandler", "One action; one of these.",
    fields: [
      Field("exec", .object(.execAction), "Runs a program in the container."),
      Field("httpGet", .object(.httpGetAction), "Asks over HTTP."),
      Field("tcpSocket", .object(.tcpSocketAction), "Connects to a port."),
      Field("sleep", .object(.sleepAction), "Waits for a time."),
    ])

  static let sleepAction: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.SleepAction", "A time to wait.",
    fields: [
      Field("seconds", .integer(bits: 64), "Time to wait.", isRequired: true)
    ])
}
