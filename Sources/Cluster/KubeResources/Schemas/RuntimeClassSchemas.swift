import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let runtimeClass: ObjectSchema = ObjectSchema(
    "io.k8s.api.node.v1.RuntimeClass", "A way in which pods are run.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("handler", .string(), "Name of the runtime's handler.", isRequired: true),
      Field("overhead", .object(.overhead), "What the runtime itself needs for a pod."),
      Field("scheduling", .object(.scheduling), "Where its pods are placed."),
    ])

  static let overhead: ObjectSchema = ObjectSchema(
    "io.k8s.api.node.v1.Overhead", "What the runtime itself needs for a pod.",
    fields: [
      Field("podFixed", .map(.quantity), "Amounts for each pod.")
    ])

  static let scheduling: ObjectSchema = ObjectSchema(
    "io.k8s.api.node.v1.Scheduling", "Where pods of a class are placed.",
    fields: [
      Field("nodeSelector", .map(.string(), isAtomic: true), "Labels that the node must have."),
      Field("tolerations", .list(.object(.toleration), .atomic), "Taints of nodes that do not keep the pod off."),
    ])
}
