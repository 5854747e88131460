/// The keys at the top of a compose file, and of networks, volumes, configs and secrets.
enum ProjectKeys {
  static let file = ObjectSchema([
    SchemaKey("configs", .named(.form(ResourceForms.external, .object(config)))),
    SchemaKey("include", .oneOrList(.form(ServiceForms.single("path"), .object(include)))),
    SchemaKey("models", .anything, .refused("is not supported: there are no model runners; take it out")),
    SchemaKey("name", .text),
    SchemaKey("networks", .named(.form(ResourceForms.external, .object(network)))),
    SchemaKey("secrets", .named(.form(ResourceForms.external, .object(secret)))),
    SchemaKey("services", .named(.object(ServiceKeys.service))),
    SchemaKey("version", .text, .unheeded("is obsolete and says nothing: take it out")),
    SchemaKey("volumes", .named(.form(ResourceForms.external, .object(volume)))),
    SchemaKey(
      "x-bulkhead",
      .object(ObjectSchema([SchemaKey("balancer", .object(ObjectSchema([SchemaKey("image", .text)])))]))),
  ])

  /// What files of version 1 and of other programs call things of a service.
  static let formerKeys = [
    "dockerfile": "is of files of version 1: write 'build: {context: …, dockerfile: …}'",
    "log_driver": "is of files of version 1: write 'logging: {driver: …}'",
    "log_opt": "is of files of version 1: write 'logging: {options: …}'",
    "net": "is of files of version 1: write 'network_mode'",
    "memory": "unknown key; write 'mem_limit'",
    "env": "unknown key; write 'environment'",
    "networks_mode": "unknown key; did you mean 'network_mode'?",
  ]

  private static let include = ObjectSchema([
    SchemaKey("env_file", .oneOrList(.text)),
    SchemaKey("path", .oneOrList(.text)),
    SchemaKey("project_directory", .text),
  ])

  private static let network = ObjectSchema([
    SchemaKey("attachable", .flag),
    SchemaKey("driver", .text),
    SchemaKey("driver_opts", .labels),
    SchemaKey("enable_ipv4", .flag),
    SchemaKey("enable_ipv6", .flag),
    SchemaKey("external", .flag),
    SchemaKey("internal", .flag),
    SchemaKey("ipam", .object(ipam)),
    SchemaKey("labels", .labels),
    SchemaKey("name", .text),
  ])

  private static let ipam = ObjectSchema([
    SchemaKey(
      "config",
      .list(
        .object(
          ObjectSchema([
            SchemaKey(
              "aux_addresses", .labels,
              .refused("is not supported: no addresses are set aside; give containers theirs out of an 'ip_range'")),
            SchemaKey("gateway", .text), SchemaKey("ip_range", .text),
            SchemaKey("subnet", .text),
          ]))), merge: .unique(["subnet"])),
    SchemaKey("driver", .text),
    SchemaKey("options", .labels),
  ])

  private static let volume = ObjectSchema([
    SchemaKey("driver", .text),
    SchemaKey("driver_opts", .labels),
    SchemaKey("external", .flag),
    SchemaKey("labels", .labels),
    SchemaKey("name", .text),
  ])

  private static let fileLabels = SchemaKey.Support.unheeded(
    "is not heeded: configs and secrets are files here, which have no labels")

  private static let config = ObjectSchema([
    SchemaKey("content", .text),
    SchemaKey("environment", .text),
    SchemaKey("external", .flag),
    SchemaKey("file", .path),
    SchemaKey("labels", .labels, fileLabels),
    SchemaKey("name", .text),
    SchemaKey("template_driver", .text, .refused("is not supported: write the content out")),
  ])

  private static let secret = ObjectSchema([
    SchemaKey("content", .text),
    SchemaKey("driver", .text, .refused("is not supported: write 'file' or 'environment'")),
    SchemaKey("driver_opts", .labels, .refused("is not supported: write 'file' or 'environment'")),
    SchemaKey("environment", .text),
    SchemaKey("external", .flag),
    SchemaKey("file", .path),
    SchemaKey("labels", .labels, fileLabels),
    SchemaKey("name", .text),
    SchemaKey("template_driver", .text, .refused("is not supported: write the content out")),
  ])
}
