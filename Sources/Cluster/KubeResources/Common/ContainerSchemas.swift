import KubeMachinery

/// Containers of pods.
extension ObjectSchema {
  static let container: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Container", "A container of a pod.", fields: containerFields)

  static let ephemeralContainer: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.EphemeralContainer", "A container added to a running pod.",
    fields: containerFields + [Field("targetContainerName", .string(), "Container whose processes are seen.")])

  private static let containerFields: [Field] = [
    Field("name", .string(), "Name within the pod.", isRequired: true),
    Field("image", .string(), "Image that the container is made from."),
    Field("command", .list(.string(), .atomic), "Program to run in place of the image's entrypoint."),
    Field("args", .list(.string(), .atomic), "Arguments in place of the image's command."),
    Field("workingDir", .string(), "Folder that the program starts in."),
    Field(
      "ports", .list(.object(.containerPort), .map(keys: ["containerPort", "protocol"])),
      "Ports that the container listens on.", merge: MergeRule(key: "containerPort")),
    Field("envFrom", .list(.object(.envFromSource), .atomic), "Sources whose keys all become variables."),
    Field(
      "env", .list(.object(.envVar), .map(keys: ["name"])), "Environment variables.", merge: MergeRule(key: "name")),
    Field("resources", .object(.resourceRequirements), "What the container needs and may use.", default: [:]),
    Field(
      "resizePolicy", .list(.object(.containerResizePolicy), .atomic),
      "What a change of resources means for the container."),
    Field("restartPolicy", .string(), "Always makes an init container a sidecar."),
    Field(
      "volumeMounts", .list(.object(.volumeMount), .map(keys: ["mountPath"])), "Where volumes are mounted.",
      merge: MergeRule(key: "mountPath")),
    Field(
      "volumeDevices", .list(.object(.volumeDevice), .map(keys: ["devicePath"])), "Block devices for the container.",
      merge: MergeRule(key: "devicePath")),
    Field("livenessProbe", .object(.probe), "The container is started anew when this fails."),
    Field("readinessProbe", .object(.probe), "Services send nothing to the pod when this fails."),
    Field("startupProbe", .object(.probe), "The other probes wait until this succeeds."),
    Field("lifecycle", .object(.lifecycle), "What is done after start and before the end."),
    Field(
      "terminationMessagePath", .string(), "File whose text tells why the container ended.",
      default: "/dev/termination-log"),
    Field(
      "terminationMessagePolicy", .string(allowed: ["File", "FallbackToLogsOnError"]),
      "Where the message comes from: the file, or the log on errors.", default: "File"),
    Field("imagePullPolicy", .string(allowed: ["Always", "Never", "IfNotPresent"]), "When the image is pulled."),
    Field("securityContext", .object(.securityContext), "Rights and users of the container."),
    Field("stdin", .boolean, "Whether the container has a standard input."),
    Field("stdinOnce", .boolean, "Whether standard input closes after the first client."),
    Field("tty", .boolean, "Whether the container has a terminal."),
  ]

  static let containerPort: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ContainerPort", "A port that a container listens on.",
    fields: [
      Field("name", .string(), "Name that services refer to."),
      Field("hostPort", .integer(bits: 32), "Port of the host."),
      Field("containerPort", .integer(bits: 32), "Port of the container.", isRequired: true),
      Field("protocol", .string(allowed: ["TCP", "UDP", "SCTP"]), "TCP, UDP or SCTP.", default: "TCP"),
      Field("hostIP", .string(), "Address of the host."),
    ])

  static let volumeMount: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.VolumeMount", "Where a volume is mounted.",
    fields: [
      Field("name", .string(), "Name of the volume.", isRequired: true),
      Field("readOnly", .boolean, "Whether writing is refused."),
      Field("recursiveReadOnly", .string(), "Whether mounts below are read-only too."),
      Field("mountPath", .string(), "Path in the container.", isRequired: true),
      Field("subPath", .string(), "Path within the volume."),
      Field(
        "mountPropagation", .string(allowed: ["None", "HostToContainer", "Bidirectional"]),
        "Whether later mounts are seen on the other side."),
      Field("subPathExpr", .string(), "Path within the volume, with variables."),
    ])

  static let volumeDevice: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.VolumeDevice", "Where a block device is put.",
    fields: [
      Field("name", .string(), "Name of a claim of the pod.", isRequired: true),
      Field("devicePath", .string(), "Path of the device.", isRequired: true),
    ])

  static let resourceRequirements: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ResourceRequirements", "What is needed and what may be used.",
    fields: [
      Field("limits", .map(.quantity), "Most that may be used."),
      Field("requests", .map(.quantity), "What is kept free for it."),
      Field(
        "claims", .list(.object(.resourceClaim), .map(keys: ["name"])), "Claims of devices that the container uses."),
    ])

  static let resourceClaim: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ResourceClaim", "A claim of devices.",
    fields: [
      Field("name", .string(), "Name of a claim of the pod.", isRequired: true),
      Field("request", .string(), "One request of the claim."),
    ])

  static let containerResizePolicy: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ContainerResizePolicy", "What a change of one resource means.",
    fields: [
      Field("resourceName", .string(), "Name of the resource.", isRequired: true),
      Field("restartPolicy", .string(), "Whether the container is started anew.", isRequired: true),
    ])
}
