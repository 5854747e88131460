import KubeMachinery

/// Where pods are placed.
extension ObjectSchema {
  static let affinity: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Affinity", "Rules on where a pod is placed.",
    fields: [
      Field("nodeAffinity", .object(.nodeAffinity), "Rules on nodes."),
      Field("podAffinity", .object(.podAffinity), "Pods to be near to."),
      Field("podAntiAffinity", .object(.podAntiAffinity), "Pods to be away from."),
    ])

  static let nodeAffinity: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeAffinity", "Rules on nodes.",
    fields: [
      Field(
        "requiredDuringSchedulingIgnoredDuringExecution", .object(.nodeSelector), "Must hold when the pod is placed."),
      Field(
        "preferredDuringSchedulingIgnoredDuringExecution", .list(.object(.preferredSchedulingTerm), .atomic),
        "Should hold when the pod is placed."),
    ])

  static let nodeSelector: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeSelector", "Terms of which one must hold.", isAtomic: true,
    fields: [
      Field(
        "nodeSelectorTerms", .list(.object(.nodeSelectorTerm), .atomic), "Terms of which one must hold.",
        isRequired: true)
    ])

  static let nodeSelectorTerm: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeSelectorTerm", "Requirements that must all hold.", isAtomic: true,
    fields: [
      Field(
        "matchExpressions", .list(.object(.nodeSelectorRequirement), .atomic), "Requirements on labels of the node."),
      Field("matchFields", .list(.object(.nodeSelectorRequirement), .atomic), "Requirements on fields of the node."),
    ])

  static let nodeSelectorRequirement: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeSelectorRequirement", "A requirement on a label or field of a node.",
    fields: [
      Field("key", .string(), "Name of the label or field.", isRequired: true),
      Field("operator", .string(), "How the values are compared.", isRequired: true),
      Field("values", .list(.string(), .atomic), "Values to compare with."),
    ])

  static let preferredSchedulingTerm: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PreferredSchedulingTerm", "A term and how much it counts.",
    fields: [
      Field("weight", .integer(bits: 32), "How much this counts, 1 to 100.", isRequired: true),
      Field("preference", .object(.nodeSelectorTerm), "Term that should hold.", isRequired: true),
    ])

  static let podAffinity: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodAffinity", "Pods to be near to.",
    fields: [
      Field(
        "requiredDuringSchedulingIgnoredDuringExecution", .list(.object(.podAffinityTerm), .atomic),
        "Must hold when the pod is placed."),
      Field(
        "preferredDuringSchedulingIgnoredDuringExecution", .list(.object(.weightedPodAffinityTerm), .atomic),
        "Should hold when the pod is placed."),
    ])

  static let podAffinityTerm: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodAffinityTerm", "Which pods, and what is near.",
    fields: [
      Field("labelSelector", .object(.labelSelector), "Selects by labels."),
      Field("namespaces", .list(.string(), .atomic), "Namespaces of the pods meant."),
      Field("topologyKey", .string(), "Label of nodes that tells what counts as near.", isRequired: true),
      Field("namespaceSelector", .object(.labelSelector), "Selects namespaces by labels."),
      Field("matchLabelKeys", .list(.string(), .atomic), "Labels of the pod that must be equal."),
      Field("mismatchLabelKeys", .list(.string(), .atomic), "Labels of the pod that must differ."),
    ])

  static let weightedPodAffinityTerm: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.WeightedPodAffinityTerm", "A term and how much it counts.",
    fields: [
      Field("weight", .integer(bits: 32), "How much this counts, 1 to 100.", isRequired: true),
      Field("podAffinityTerm", .object(.podAffinityTerm), "Term that should hold.", isRequired: true),
    ])

  static let podAntiAffinity: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodAntiAffinity", "Pods to be away from.",
    fields: [
      Field(
        "requiredDuringSchedulingIgnoredDuringExecution", .list(.object(.podAffinityTerm), .atomic),
        "Must hold when the pod is placed."),
      Field(
        "preferredDuringSchedulingIgnoredDuringExecution", .list(.object(.weightedPodAffinityTerm), .atomic),
        "Should hold when the pod is placed."),
    ])

  static let toleration: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Toleration", "A taint that does not keep the pod off.",
    fields: [
      Field("key", .string(), "Name of the taint; every one where empty."),
      Field("operator", .string(allowed: ["Exists", "Equal"]), "Exists or Equal."),
      Field("value", .string(), "Value of the taint."),
      Field(
        "effect", .string(allowed: ["NoSchedule", "PreferNoSchedule", "NoExecute"]), "What the taint does to pods."),
      Field("tolerationSeconds", .integer(bits: 64), "Time that the pod stays on the node."),
    ])

  static let topologySpreadConstraint: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.TopologySpreadConstraint", "How pods spread over parts of the cluster.",
    fields: [
      Field("maxSkew", .integer(bits: 32), "How uneven the spread may be.", isRequired: true),
      Field("topologyKey", .string(), "Label of nodes that tells what counts as near.", isRequired: true),
      Field(
        "whenUnsatisfiable", .string(allowed: ["DoNotSchedule", "ScheduleAnyway"]),
        "What to do with a pod that does not fit.", isRequired: true),
      Field("labelSelector", .object(.labelSelector), "Selects by labels."),
      Field("minDomains", .integer(bits: 32), "How many parts there must be."),
      Field("nodeAffinityPolicy", .string(allowed: ["Ignore", "Honor"]), "Whether rules on nodes count."),
      Field("nodeTaintsPolicy", .string(allowed: ["Ignore", "Honor"]), "Whether taints of nodes count."),
      Field("matchLabelKeys", .list(.string(), .atomic), "Labels of the pod that must be equal."),
    ])
}
