import KubeMachinery

/// Environment variables of containers.
extension ObjectSchema {
  static let envFromSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.EnvFromSource", "A source of environment variables.",
    fields: [
      Field("prefix", .string(), "Text before each name."),
      Field("configMapRef", .object(.configMapEnvSource), "ConfigMap to take from."),
      Field("secretRef", .object(.secretEnvSource), "Secret to take from."),
    ])

  static let configMapEnvSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ConfigMapEnvSource", "A ConfigMap whose keys become variables.",
    fields: [
      Field("name", .string(), "Name of the object."),
      Field("optional", .boolean, "Whether it may be missing."),
    ])

  static let secretEnvSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.SecretEnvSource", "A secret whose keys become variables.",
    fields: [
      Field("name", .string(), "Name of the object."),
      Field("optional", .boolean, "Whether it may be missing."),
    ])

  static let envVar: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.EnvVar", "An environment variable.",
    fields: [
      Field("name", .string(), "Name of the variable.", isRequired: true),
      Field("value", .string(), "Value; $(NAME) stands for other variables."),
      Field("valueFrom", .object(.envVarSource), "Where the value comes from."),
    ])

  static let envVarSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.EnvVarSource", "Where a variable's value comes from; one of these.",
    fields: [
      Field("fieldRef", .object(.objectFieldSelector), "Field of the pod."),
      Field("resourceFieldRef", .object(.resourceFieldSelector), "Resource of a container."),
      Field("configMapKeyRef", .object(.configMapKeySelector), "Key of a ConfigMap."),
      Field("secretKeyRef", .object(.secretKeySelector), "Key of a secret."),
    ])

  static let objectFieldSelector: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ObjectFieldSelector", "A field of the pod.", isAtomic: true,
    fields: [
      Field("apiVersion", .string(), "Group and version of the kind.", default: "v1"),
      Field("fieldPath", .string(), "Path of a field of the object.", isRequired: true),
    ])

  static let resourceFieldSelector: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ResourceFieldSelector", "An amount of a container's resources.", isAtomic: true,
    fields: [
      Field("containerName", .string(), "Name of the container."),
      Field("resource", .string(), "Name of the resource.", isRequired: true),
      Field("divisor", .quantity, "Unit that the amount is told in.", default: "0"),
    ])

  static let configMapKeySelector: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ConfigMapKeySelector", "A key of a ConfigMap.", isAtomic: true,
    fields: [
      Field("name", .string(), "Name of the object."),
      Field("key", .string(), "Key within the data.", isRequired: true),
      Field("optional", .boolean, "Whether it may be missing."),
    ])

  static let secretKeySelector: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.SecretKeySelector", "A key of a secret.", isAtomic: true,
    fields: [
      Field("name", .string(), "Name of the object."),
      Field("key", .string(), "Key within the data.", isRequired: true),
      Field("optional", .boolean, "Whether it may be missing."),
    ])
}
