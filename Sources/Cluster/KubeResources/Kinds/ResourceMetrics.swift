import HTTPServing
import KubeMachinery

/// What nodes and the containers of pods use: measured when it is asked for. Source: Kubernetes `metrics.k8s.io/v1beta1`, as
/// metrics-server offers it.
extension Kind {
  private static func metrics(
    _ kind: String, _ plural: String, isNamespaced: Bool, _ schema: ObjectSchema,
    usages: @escaping @Sendable (_ object: JSONValue) -> [JSONValue]
  ) -> Kind {
    Kind(
      KindName(group: "metrics.k8s.io", version: "v1beta1", kind: kind), origin: .measurement, plural: plural,
      singular: "", isNamespaced: isNamespaced, verbs: ["get", "list"], schema: schema,
      table: PrinterTable(
        columns: [
          PrinterTable.nameColumn, PrinterColumn("cpu", "Processors in use.", format: "quantity"),
          PrinterColumn("memory", "Memory in use.", format: "quantity"),
          PrinterColumn("Window", "Time that the processors' use was measured over.", format: "duration"),
        ]
      ) { object, _ in
        let parts = usages(object)
        func sum(_ name: String) -> JSONValue {
          let amounts = parts.compactMap { try? Quantity(parsing: $0.textAt(name)) }
          return .string(amounts.reduce(Quantity.zero, +).text)
        }
        return [Cells.name(object), sum("cpu"), sum("memory"), .string(object.textAt("window"))]
      },
      rules: KindRules(nameProblems: { _, _ in [] }))
  }

  static let nodeMetrics = metrics("NodeMetrics", "nodes", isNamespaced: false, .nodeMetrics) { node in
    node["usage"].map { [$0] } ?? []
  }

  static let podMetrics = metrics("PodMetrics", "pods", isNamespaced: true, .podMetrics) { pod in
    pod.listAt("containers").compactMap { $0["usage"] }
  }
}
