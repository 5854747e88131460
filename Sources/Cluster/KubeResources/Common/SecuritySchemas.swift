import KubeMachinery

/// Rights and users of pods and containers.
extension ObjectSchema {
  static let securityContext: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.SecurityContext", "Rights and users of a container.",
    fields: [
      Field("capabilities", .object(.capabilities), "Capabilities to add and drop."),
      Field("privileged", .boolean, "Whether the container has all rights of the host."),
      Field("seLinuxOptions", .object(.seLinuxOptions), "SELinux label."),
      Field("windowsOptions", .object(.windowsSecurityContextOptions), "Settings for Windows."),
      Field("runAsUser", .integer(bits: 64), "User id of the first process."),
      Field("runAsGroup", .integer(bits: 64), "Group id of the first process."),
      Field("runAsNonRoot", .boolean, "Whether running as root is refused."),
      Field("readOnlyRootFilesystem", .boolean, "Whether the root file system is read-only."),
      Field("allowPrivilegeEscalation", .boolean, "Whether processes can gain more rights than their parent."),
      Field("procMount", .string(allowed: ["Default", "Unmasked"]), "How /proc is masked."),
      Field("seccompProfile", .object(.seccompProfile), "Filter of system calls."),
      Field("appArmorProfile", .object(.appArmorProfile), "AppArmor profile."),
    ])

  static let podSecurityContext: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodSecurityContext", "Rights and users for all containers of a pod.",
    fields: [
      Field("seLinuxOptions", .object(.seLinuxOptions), "SELinux label."),
      Field("windowsOptions", .object(.windowsSecurityContextOptions), "Settings for Windows."),
      Field("runAsUser", .integer(bits: 64), "User id of the first process."),
      Field("runAsGroup", .integer(bits: 64), "Group id of the first process."),
      Field("runAsNonRoot", .boolean, "Whether running as root is refused."),
      Field("supplementalGroups", .list(.integer(bits: 64), .atomic), "More group ids of the first process."),
      Field(
        "supplementalGroupsPolicy", .string(allowed: ["Merge", "Strict"]), "Whether the image's groups count too."),
      Field("fsGroup", .integer(bits: 64), "Group that owns the volumes."),
      Field("sysctls", .list(.object(.sysctl), .atomic), "Kernel settings of the pod's namespaces."),
      Field(
        "fsGroupChangePolicy", .string(allowed: ["OnRootMismatch", "Always"]), "When the owner of a volume is changed."),
      Field("seccompProfile", .object(.seccompProfile), "Filter of system calls."),
      Field("appArmorProfile", .object(.appArmorProfile), "AppArmor profile."),
      Field("seLinuxChangePolicy", .string(), "How volumes get their label."),
    ])

  static let capabilities: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Capabilities", "Capabilities to add and drop.",
    fields: [
      Field("add", .list(.string(), .atomic), "Capabilities to add."),
      Field("drop", .list(.string(), .atomic), "Capabilities to drop."),
    ])

  static let seLinuxOptions: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.SELinuxOptions", "An SELinux label.",
    fields: [
      Field("user", .string(), "User of the label."),
      Field("role", .string(), "Role of the label."),
      Field("type", .string(), "Type of the label."),
      Field("level", .string(), "Level of the label."),
    ])

  static let windowsSecurityContextOptions: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.WindowsSecurityContextOptions", "Settings for Windows.",
    fields: [
      Field("gmsaCredentialSpecName", .string(), "Name of the credential specification."),
      Field("gmsaCredentialSpec", .string(), "The credential specification itself."),
      Field("runAsUserName", .string(), "User name of the first process."),
      Field("hostProcess", .boolean, "Whether it runs as a process of the host."),
    ])

  static let seccompProfile: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.SeccompProfile", "A filter of system calls.",
    fields: [
      Field(
        "type", .string(allowed: ["Unconfined", "RuntimeDefault", "Localhost"]), "Which profile is used.",
        isRequired: true),
      Field("localhostProfile", .string(), "Profile on the node."),
    ])

  static let appArmorProfile: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.AppArmorProfile", "An AppArmor profile.",
    fields: [
      Field(
        "type", .string(allowed: ["Unconfined", "RuntimeDefault", "Localhost"]), "Which profile is used.",
        isRequired: true, allowsEmpty: true),
      Field("localhostProfile", .string(), "Profile on the node."),
    ])

  static let sysctl: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Sysctl", "A kernel setting.",
    fields: [
      Field("name", .string(), "Name of the setting.", isRequired: true),
      Field("value", .string(), "Value of the setting.", isRequired: true, allowsEmpty: true),
    ])
}
