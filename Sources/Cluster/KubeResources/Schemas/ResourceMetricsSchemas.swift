import KubeMachinery

/// Documents of what nodes and pods use.
extension ObjectSchema {
  private static let package = "io.k8s.metrics.pkg.apis.metrics.v1beta1."

  private static let head: [Field] = [
    .kind, .apiVersion, Field("metadata", .object(.objectMeta), "What every object says about itself."),
    Field("timestamp", .time, "End of the time that was measured.", isRequired: true),
    Field("window", .string(), "Length of the time that was measured, as 15s.", isRequired: true),
  ]

  private static let usage = Field("usage", .map(.quantity), "Processors and memory in use.", isRequired: true)

  static let nodeMetrics = ObjectSchema(
    package + "NodeMetrics", "What a node uses.", fields: head + [usage])

  static let podMetrics = ObjectSchema(
    package + "PodMetrics", "What the containers of a pod use.",
    fields: head + [
      Field(
        "containers",
        .list(
          .object(
            ObjectSchema(
              package + "ContainerMetrics", "What a container uses.",
              fields: [Field("name", .string(), "Name of the container.", isRequired: true), usage])), .atomic),
        "What each of its containers uses.", isRequired: true)
    ])
}
