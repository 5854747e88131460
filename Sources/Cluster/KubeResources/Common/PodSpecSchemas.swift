import KubeMachinery

/// What is wanted of pods.
extension ObjectSchema {
  static let podSpec: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodSpec", "What is wanted of a pod.",
    fields: [
      Field(
        "volumes", .list(.object(.volume), .map(keys: ["name"])), "Data that containers can mount.",
        merge: MergeRule(key: "name", retainsKeys: true)),
      Field(
        "initContainers", .list(.object(.container), .map(keys: ["name"])),
        "Containers that end, or start as sidecars, before the others start.", merge: MergeRule(key: "name")),
      Field(
        "containers", .list(.object(.container), .map(keys: ["name"])), "Containers of the pod; at least one.",
        isRequired: true, allowsEmpty: true, merge: MergeRule(key: "name")),
      Field(
        "ephemeralContainers", .list(.object(.ephemeralContainer), .map(keys: ["name"])),
        "Containers added to a running pod for debugging.", merge: MergeRule(key: "name")),
      Field(
        "restartPolicy", .string(allowed: ["Always", "OnFailure", "Never"]), "When ended containers are started again.",
        default: "Always"),
      Field(
        "terminationGracePeriodSeconds", .integer(bits: 64), "Time that the pod has to end when it is deleted.",
        default: 30),
      Field("activeDeadlineSeconds", .integer(bits: 64), "Time after which it is ended, counted from its start."),
      Field(
        "dnsPolicy", .string(allowed: ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]),
        "Where names are asked for.", default: "ClusterFirst"),
      Field("nodeSelector", .map(.string(), isAtomic: true), "Labels that the node must have."),
      Field("serviceAccountName", .string(), "Service account that the pod runs as."),
      Field("serviceAccount", .string(), "Older name of serviceAccountName."),
      Field("automountServiceAccountToken", .boolean, "Whether containers get a token of the service account."),
      Field("nodeName", .string(), "Node that the pod runs on."),
      Field("hostNetwork", .boolean, "Whether the pod uses the host's network."),
      Field("hostPID", .boolean, "Whether the pod sees the host's processes."),
      Field("hostIPC", .boolean, "Whether the pod uses the host's IPC namespace."),
      Field("shareProcessNamespace", .boolean, "Whether the containers see each other's processes."),
      Field("securityContext", .object(.podSecurityContext), "Rights and users for all containers.", default: [:]),
      Field(
        "imagePullSecrets", .list(.object(.localObjectReference), .map(keys: ["name"])),
        "Secrets with the credentials of registries.", merge: MergeRule(key: "name")),
      Field("hostname", .string(), "Host name of the pod."),
      Field("subdomain", .string(), "Part of the pod's full name after its host name."),
      Field("affinity", .object(.affinity), "Rules on where the pod is placed."),
      Field("schedulerName", .string(), "Scheduler that places the pod.", default: "default-scheduler"),
      Field("tolerations", .list(.object(.toleration), .atomic), "Taints of nodes that do not keep the pod off."),
      Field(
        "hostAliases", .list(.object(.hostAlias), .map(keys: ["ip"])), "Lines for the pod's hosts file.",
        merge: MergeRule(key: "ip")),
      Field("priorityClassName", .string(), "Class that the priority comes from."),
      Field("priority", .integer(bits: 32), "The higher, the more important."),
      Field("dnsConfig", .object(.podDNSConfig), "Settings of name resolution, added to those of dnsPolicy."),
      Field(
        "readinessGates", .list(.object(.podReadinessGate), .atomic),
        "Conditions that must hold for the pod to be ready."),
      Field("runtimeClassName", .string(), "Runtime class that the pod is run by."),
      Field("enableServiceLinks", .boolean, "Whether services are told in environment variables."),
      Field(
        "preemptionPolicy", .string(allowed: ["PreemptLowerPriority", "Never"]),
        "Whether pods of lower priority make room."),
      Field("overhead", .map(.quantity), "What the runtime itself needs for the pod."),
      Field(
        "topologySpreadConstraints",
        .list(.object(.topologySpreadConstraint), .map(keys: ["topologyKey", "whenUnsatisfiable"])),
        "How pods spread over parts of the cluster.", merge: MergeRule(key: "topologyKey")),
      Field("setHostnameAsFQDN", .boolean, "Whether the host name is the full domain name."),
      Field("os", .object(.podOS), "Operating system that the containers are for."),
      Field("hostUsers", .boolean, "False: the pod has a user namespace of its own."),
      Field(
        "schedulingGates", .list(.object(.podSchedulingGate), .map(keys: ["name"])),
        "What keeps the pod from being placed.", merge: MergeRule(key: "name")),
      Field(
        "resourceClaims", .list(.object(.podResourceClaim), .map(keys: ["name"])), "Claims of devices for the pod.",
        merge: MergeRule(key: "name", retainsKeys: true)),
      Field("resources", .object(.resourceRequirements), "Resources of the pod as a whole."),
    ])

  static let podTemplateSpec: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodTemplateSpec", "What new pods are made from.",
    fields: [
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("spec", .object(.podSpec), "What is wanted."),
    ])

  static let hostAlias: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.HostAlias", "Names for an address.",
    fields: [
      Field("ip", .string(), "Address.", isRequired: true),
      Field("hostnames", .list(.string(), .atomic), "Names for the address."),
    ])

  static let podDNSConfig: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodDNSConfig", "Settings of name resolution.",
    fields: [
      Field("nameservers", .list(.string(), .atomic), "Addresses of name servers."),
      Field("searches", .list(.string(), .atomic), "Domains that names are looked for in."),
      Field("options", .list(.object(.podDNSConfigOption), .atomic), "Options of the resolver."),
    ])

  static let podDNSConfigOption: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodDNSConfigOption", "An option of the resolver.",
    fields: [
      Field("name", .string(), "Name of the option."),
      Field("value", .string(), "Value of the option."),
    ])

  static let podReadinessGate: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodReadinessGate", "A condition that must hold for the pod to be ready.",
    fields: [
      Field("conditionType", .string(), "Type of the condition.", isRequired: true)
    ])

  static let podOS: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodOS", "Operating system of a pod.",
    fields: [
      Field("name", .string(), "linux or windows.", isRequired: true)
    ])

  static let podSchedulingGate: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodSchedulingGate", "What keeps a pod from being placed.",
    fields: [
      Field("name", .string(), "Name of the gate.", isRequired: true)
    ])

  static let podResourceClaim: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodResourceClaim", "A claim of devices for a pod; one of these.",
    fields: [
      Field("name", .string(), "Name within the pod.", isRequired: true),
      Field("resourceClaimName", .string(), "Name of the claim."),
      Field("resourceClaimTemplateName", .string(), "Template that a claim is made from."),
    ])
}
