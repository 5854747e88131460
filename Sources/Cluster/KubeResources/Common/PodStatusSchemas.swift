import KubeMachinery

/// State of pods.
extension ObjectSchema {
  static let podStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodStatus", "State of a pod.",
    fields: [
      Field("observedGeneration", .integer(bits: 64), "Generation that the status was made from."),
      Field("phase", .string(), "Pending, Running, Succeeded, Failed or Unknown."),
      Field(
        "conditions", .list(.object(.podCondition), .map(keys: ["type"])), "Latest observations.",
        merge: MergeRule(key: "type")),
      Field("message", .string(), "Why, for people."),
      Field("reason", .string(), "Why, in one word for programs."),
      Field("nominatedNodeName", .string(), "Node that room is made on for the pod."),
      Field("hostIP", .string(), "Address of the node."),
      Field("hostIPs", .list(.object(.hostIP), .atomic), "Addresses of the node.", merge: MergeRule(key: "ip")),
      Field("podIP", .string(), "Address of the pod."),
      Field("podIPs", .list(.object(.podIP), .map(keys: ["ip"])), "Addresses of the pod.", merge: MergeRule(key: "ip")),
      Field("startTime", .time, "When it started."),
      Field("initContainerStatuses", .list(.object(.containerStatus), .atomic), "State of each init container."),
      Field("containerStatuses", .list(.object(.containerStatus), .atomic), "State of each container."),
      Field(
        "qosClass", .string(allowed: ["Guaranteed", "Burstable", "BestEffort"]), "Guaranteed, Burstable or BestEffort."),
      Field(
        "ephemeralContainerStatuses", .list(.object(.containerStatus), .atomic), "State of each ephemeral container."),
      Field("resize", .string(), "State of a change of resources."),
      Field(
        "resourceClaimStatuses", .list(.object(.podResourceClaimStatus), .map(keys: ["name"])),
        "Claims made for the pod.", merge: MergeRule(key: "name", retainsKeys: true)),
    ])

  static let podCondition: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodCondition", "An observation about a pod.",
    fields: [
      Field("type", .string(), "What the condition is about.", isRequired: true),
      Field("observedGeneration", .integer(bits: 64), "Generation that the status was made from."),
      Field("status", .string(), "What is; written by the platform.", isRequired: true),
      Field("lastProbeTime", .time, "When the condition was looked at last."),
      Field("lastTransitionTime", .time, "When the status of the condition changed last."),
      Field("reason", .string(), "Why, in one word for programs."),
      Field("message", .string(), "Why, for people."),
    ])

  static let hostIP: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.HostIP", "An address of the node.",
    fields: [
      Field("ip", .string(), "Address.", isRequired: true)
    ])

  static let podIP: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodIP", "An address of the pod.",
    fields: [
      Field("ip", .string(), "Address.", isRequired: true)
    ])

  static let podResourceClaimStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodResourceClaimStatus", "A claim made for a pod.",
    fields: [
      Field("name", .string(), "Name within the pod.", isRequired: true),
      Field("resourceClaimName", .string(), "Name of the claim."),
    ])

  static let containerStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ContainerStatus", "State of a container.",
    fields: [
      Field("name", .string(), "Name of the container.", isRequired: true),
      Field("state", .object(.containerState), "What the container does now."),
      Field("lastState", .object(.containerState), "How the container ended last."),
      Field("ready", .boolean, "Whether it is ready.", isRequired: true),
      Field("restartCount", .integer(bits: 32), "How often the container was started anew.", isRequired: true),
      Field("image", .string(), "Image that it runs.", isRequired: true),
      Field("imageID", .string(), "Digest of the image.", isRequired: true),
      Field("containerID", .string(), "Id of the container."),
      Field("started", .boolean, "Whether it has started."),
      Field("allocatedResources", .map(.quantity), "What the node set aside for it."),
      Field("resources", .object(.resourceRequirements), "What it runs with."),
      Field(
        "volumeMounts", .list(.object(.volumeMountStatus), .map(keys: ["mountPath"])), "Mounts as they are.",
        merge: MergeRule(key: "mountPath")),
      Field("user", .object(.containerUser), "User that it runs as."),
      Field(
        "allocatedResourcesStatus", .list(.object(.resourceStatus), .map(keys: ["name"])), "State of devices.",
        merge: MergeRule(key: "name")),
      Field("stopSignal", .string(allowed: Signals.names), "Signal that ends the container."),
    ])

  static let containerState: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ContainerState", "What a container does; one of these.",
    fields: [
      Field("waiting", .object(.containerStateWaiting), "Why it does not run yet."),
      Field("running", .object(.containerStateRunning), "Since when it runs."),
      Field("terminated", .object(.containerStateTerminated), "How it ended."),
    ])

  static let containerStateWaiting: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ContainerStateWaiting", "A container that does not run yet.",
    fields: [
      Field("reason", .string(), "Why, in one word for programs."),
      Field("message", .string(), "Why, for people."),
    ])

  static let containerStateRunning: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ContainerStateRunning", "A container that runs.",
    fields: [
      Field("startedAt", .time, "When it started.")
    ])

  static let containerStateTerminated: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ContainerStateTerminated", "A container that ended.",
    fields: [
      Field("exitCode", .integer(bits: 32), "Exit code.", isRequired: true),
      Field("signal", .integer(bits: 32), "Signal that ended it."),
      Field("reason", .string(), "Why, in one word for programs."),
      Field("message", .string(), "Why, for people."),
      Field("startedAt", .time, "When it started."),
      Field("finishedAt", .time, "When it ended."),
      Field("containerID", .string(), "Id of the container."),
    ])

  static let volumeMountStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.VolumeMountStatus", "A mount as it is.",
    fields: [
      Field("name", .string(), "Name of the volume.", isRequired: true),
      Field("mountPath", .string(), "Path in the container.", isRequired: true),
      Field("readOnly", .boolean, "Whether writing is refused."),
      Field("recursiveReadOnly", .string(), "Whether mounts below are read-only too."),
    ])

  static let containerUser: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ContainerUser", "User that a container runs as.",
    fields: [
      Field("linux", .object(.linuxContainerUser), "User on Linux.")
    ])

  static let linuxContainerUser: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.LinuxContainerUser", "User and groups on Linux.",
    fields: [
      Field("uid", .integer(bits: 64), "User id.", isRequired: true),
      Field("gid", .integer(bits: 64), "Group id.", isRequired: true),
      Field("supplementalGroups", .list(.integer(bits: 64), .atomic), "More group ids of the first process."),
    ])

  static let resourceStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ResourceStatus", "State of devices of one resource.",
    fields: [
      Field("name", .string(), "Name of the resource.", isRequired: true),
      Field("resources", .list(.object(.resourceHealth), .map(keys: ["resourceID"])), "State of each device."),
    ])

  static let resourceHealth: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ResourceHealth", "State of one device.",
    fields: [
      Field("resourceID", .string(), "Id of the device.", isRequired: true),
      Field("health", .string(), "Healthy, Unhealthy or Unknown."),
    ])
}
