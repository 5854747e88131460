import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let node: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Node", "A machine that runs pods.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("spec", .object(.nodeSpec), "What is wanted.", default: [:]),
      Field("status", .object(.nodeStatus), "What is; written by the platform.", default: [:]),
    ])

  static let nodeSpec: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeSpec", "What is wanted of a node.",
    fields: [
      Field("podCIDR", .string(), "Range of addresses for pods."),
      Field("podCIDRs", .list(.string(), .set), "Ranges of addresses for pods.", merge: MergeRule()),
      Field("providerID", .string(), "Id that the provider knows the node by."),
      Field("unschedulable", .boolean, "Whether new pods are kept off."),
      Field("taints", .list(.object(.taint), .atomic), "What keeps pods off."),
      Field("configSource", .object(.nodeConfigSource), "No longer used."),
      Field("externalID", .string(), "No longer used."),
    ])

  static let taint: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Taint", "What keeps pods off a node.",
    fields: [
      Field("key", .string(), "Name of the taint.", isRequired: true),
      Field("value", .string(), "Value of the taint."),
      Field(
        "effect", .string(allowed: ["NoSchedule", "PreferNoSchedule", "NoExecute"]), "What the taint does to pods.",
        isRequired: true, allowsEmpty: true),
      Field("timeAdded", .time, "When the taint was added."),
    ])

  static let nodeStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeStatus", "State of a node.",
    fields: [
      Field("capacity", .map(.quantity), "What the node has."),
      Field("allocatable", .map(.quantity), "What pods can get of it."),
      Field("phase", .string(), "No longer used."),
      Field(
        "conditions", .list(.object(.nodeCondition), .map(keys: ["type"])), "Latest observations.",
        merge: MergeRule(key: "type")),
      Field(
        "addresses", .list(.object(.nodeAddress), .map(keys: ["type"])), "Addresses and names of the node.",
        merge: MergeRule(key: "type")),
      Field("daemonEndpoints", .object(.nodeDaemonEndpoints), "Ports of the node's programs."),
      Field("nodeInfo", .object(.nodeSystemInfo), "Ids and versions of the node."),
      Field("images", .list(.object(.containerImage), .atomic), "Images on the node."),
      Field("volumesInUse", .list(.string(), .atomic), "Volumes that are mounted."),
      Field("volumesAttached", .list(.object(.attachedVolume), .atomic), "Volumes that are attached."),
      Field("config", .object(.nodeConfigStatus), "No longer used."),
      Field("runtimeHandlers", .list(.object(.nodeRuntimeHandler), .atomic), "Ways in which pods are run."),
      Field("features", .object(.nodeFeatures), "What is supported."),
    ])

  static let nodeCondition: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeCondition", "An observation about a node.",
    fields: [
      Field("type", .string(), "What the condition is about.", isRequired: true),
      Field("status", .string(), "What is; written by the platform.", isRequired: true),
      Field("lastHeartbeatTime", .time, "When the node told of the condition last."),
      Field("lastTransitionTime", .time, "When the status of the condition changed last."),
      Field("reason", .string(), "Why, in one word for programs."),
      Field("message", .string(), "Why, for people."),
    ])

  static let nodeAddress: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeAddress", "An address or name of a node.",
    fields: [
      Field("type", .string(), "Hostname, InternalIP, ExternalIP …", isRequired: true),
      Field("address", .string(), "The address.", isRequired: true),
    ])

  static let nodeDaemonEndpoints: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeDaemonEndpoints", "Ports of a node's programs.",
    fields: [
      Field("kubeletEndpoint", .object(.daemonEndpoint), "Port of the node agent.")
    ])

  static let daemonEndpoint: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.DaemonEndpoint", "Port of one program.",
    fields: [
      Field("Port", .integer(bits: 32), "Number of the port.", isRequired: true)
    ])

  static let nodeSystemInfo: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeSystemInfo", "Ids and versions of a node.",
    fields: [
      Field("machineID", .string(), "Id of the machine.", isRequired: true),
      Field("systemUUID", .string(), "Uuid of the system.", isRequired: true),
      Field("bootID", .string(), "Id of this boot.", isRequired: true),
      Field("kernelVersion", .string(), "Version of the kernel.", isRequired: true),
      Field("osImage", .string(), "Name of the system.", isRequired: true),
      Field("containerRuntimeVersion", .string(), "Name and version of the container runtime.", isRequired: true),
      Field("kubeletVersion", .string(), "Version of the node agent.", isRequired: true),
      Field("kubeProxyVersion", .string(), "No longer filled in.", isRequired: true),
      Field("operatingSystem", .string(), "Kind of the system.", isRequired: true),
      Field("architecture", .string(), "Architecture of the processor.", isRequired: true),
      Field("swap", .object(.nodeSwapStatus), "Memory on disk."),
    ])

  static let nodeSwapStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeSwapStatus", "Memory on disk of a node.",
    fields: [
      Field("capacity", .integer(bits: 64), "Size in bytes.")
    ])

  static let containerImage: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ContainerImage", "An image on a node.",
    fields: [
      Field("names", .list(.string(), .atomic), "Names of the image.", isRequired: true),
      Field("sizeBytes", .integer(bits: 64), "Size of the image."),
    ])

  static let attachedVolume: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.AttachedVolume", "A volume that is attached to a node.",
    fields: [
      Field("name", .string(), "Name of the volume.", isRequired: true),
      Field("devicePath", .string(), "Path of the device.", isRequired: true),
    ])

  static let nodeRuntimeHandler: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeRuntimeHandler", "A way in which a node runs pods.",
    fields: [
      Field("name", .string(), "Name; empty for the default.", isRequired: true),
      Field("features", .object(.nodeRuntimeHandlerFeatures), "What is supported."),
    ])

  static let nodeRuntimeHandlerFeatures: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeRuntimeHandlerFeatures", "What a handler supports.",
    fields: [
      Field("recursiveReadOnlyMounts", .boolean, "Whether mounts can be read-only all the way down."),
      Field("userNamespaces", .boolean, "Whether pods can have user namespaces."),
    ])

  static let nodeFeatures: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeFeatures", "What a node supports.",
    fields: [
      Field("supplementalGroupsPolicy", .boolean, "Whether the policy of groups is supported.")
    ])

  static let nodeConfigSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeConfigSource", "No longer used.",
    fields: [
      Field("configMap", .object(.configMapNodeConfigSource), "No longer used.")
    ])

  static let configMapNodeConfigSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ConfigMapNodeConfigSource", "No longer used.",
    fields: [
      Field("namespace", .string(), "Namespace of the ConfigMap.", isRequired: true),
      Field("name", .string(), "Name of the ConfigMap.", isRequired: true),
      Field("uid", .string(), "Unique over time and space; given by the server."),
      Field("resourceVersion", .string(), "Changes with every write; for watches and to detect conflicts."),
      Field("kubeletConfigKey", .string(), "Key within the ConfigMap.", isRequired: true),
    ])

  static let nodeConfigStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NodeConfigStatus", "No longer used.",
    fields: [
      Field("assigned", .object(.nodeConfigSource), "No longer used."),
      Field("active", .object(.nodeConfigSource), "No longer used."),
      Field("lastKnownGood", .object(.nodeConfigSource), "No longer used."),
      Field("error", .string(), "What went wrong."),
    ])
}
