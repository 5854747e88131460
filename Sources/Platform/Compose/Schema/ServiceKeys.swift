/// The keys of a service (compose specification, *Services*; files of versions 2.x and 3.x).
enum ServiceKeys {
  private static let unlimited = -1...Int64.max
  private static let anyNumber = Int64.min...Int64.max
  private static let fromZero = 0...Int64.max

  static let service = ObjectSchema(running + names + network + files + isolation + limits + whole)

  private static let running: [SchemaKey] = [
    SchemaKey("annotations", .labels),
    SchemaKey("attach", .flag),
    SchemaKey("build", .form(ServiceForms.build, .object(BuildKeys.build))),
    SchemaKey("command", .words, merge: .replaced, keepsNull: true),
    SchemaKey("entrypoint", .words, merge: .replaced, keepsNull: true),
    SchemaKey(
      "env_file", .oneOrList(.form(ServiceForms.variableFile, .object(variableFile))), merge: .unique(["path"])),
    SchemaKey("environment", .pairs),
    SchemaKey("group_add", .list(.text)),
    SchemaKey("healthcheck", .object(healthcheck)),
    SchemaKey("image", .text),
    SchemaKey("init", .flag),
    SchemaKey("label_file", .oneOrList(.path)),
    SchemaKey("labels", .labels),
    SchemaKey("logging", .object(logging), merge: .whereSame("driver")),
    SchemaKey("platform", .text),
    SchemaKey("post_start", .list(.object(hook))),
    SchemaKey("pre_stop", .list(.object(hook))),
    SchemaKey("pull_policy", .text),
    SchemaKey(
      "pull_refresh_after", .text,
      .refused("is not supported; write 'pull_policy: every_' and the time, such as every_12h")),
    SchemaKey("restart", .text),
    SchemaKey("runtime", .text),
    SchemaKey("stdin_open", .flag),
    SchemaKey("stop_grace_period", .duration),
    SchemaKey("stop_signal", .text),
    SchemaKey("tty", .flag),
    SchemaKey("user", .text),
    SchemaKey("working_dir", .text),
  ]

  private static let names: [SchemaKey] = [
    SchemaKey("container_name", .text),
    SchemaKey("depends_on", .form(ServiceForms.dependsOn, .named(.object(dependency)))),
    SchemaKey("deploy", .object(DeployKeys.deploy)),
    SchemaKey("develop", .object(ObjectSchema([SchemaKey("watch", .list(.object(watch)))]))),
    SchemaKey("domainname", .text),
    SchemaKey("extends", .form(ServiceForms.single("service"), .object(extends)), merge: .replaced),
    SchemaKey("hostname", .text),
    SchemaKey("profiles", .list(.text)),
    SchemaKey("scale", .integer(0...Int64(ComposeLimits.replicas))),
    SchemaKey(
      "x-bulkhead",
      .object(
        ObjectSchema([
          SchemaKey("expose", .form(ServiceForms.balanced, .object(balanced)))
        ]))),
  ]

  private static let network: [SchemaKey] = [
    SchemaKey("dns", .oneOrList(.text)),
    SchemaKey("dns_opt", .oneOrList(.text)),
    SchemaKey("dns_search", .oneOrList(.text)),
    SchemaKey("expose", .list(.text)),
    SchemaKey("external_links", .list(.text)),
    SchemaKey("extra_hosts", .form(ServiceForms.hosts, .list(.text))),
    SchemaKey("links", .list(.text)),
    SchemaKey("mac_address", .text),
    SchemaKey("network_mode", .text),
    SchemaKey(
      "networks", .form(ServiceForms.names, .named(.form(ServiceForms.emptyAllowed, .object(endpoint))))),
    SchemaKey(
      "ports", .list(.form(PortForm.canonical, .object(port))),
      merge: .unique(["host_ip", "target", "published", "protocol"])),
  ]

  private static let files: [SchemaKey] = [
    SchemaKey(
      "configs", .list(.form(ServiceForms.single("source"), .object(fileUse))), merge: .unique(["target"])),
    SchemaKey(
      "secrets", .list(.form(ServiceForms.single("source"), .object(fileUse))), merge: .unique(["target"])),
    SchemaKey("devices", .list(.form(ServiceForms.device, .object(device))), merge: .unique(["target"])),
    SchemaKey("read_only", .flag),
    SchemaKey("storage_opt", .labels),
    SchemaKey("tmpfs", .oneOrList(.text)),
    SchemaKey(
      "volume_driver", .text,
      .refused("stands at the volume itself today: write 'driver' below the top-level 'volumes'")),
    SchemaKey("volumes", .list(.form(MountForm.canonical, .object(mount))), merge: .unique(["target"])),
    SchemaKey("volumes_from", .list(.text)),
  ]

  private static let isolation: [SchemaKey] = [
    SchemaKey("cap_add", .list(.text)),
    SchemaKey("cap_drop", .list(.text)),
    SchemaKey("cgroup", .choice(["host", "private"])),
    SchemaKey("cgroup_parent", .text),
    SchemaKey("credential_spec", .anything, .refused("is for other systems than Linux; take it out")),
    SchemaKey("device_cgroup_rules", .list(.text)),
    SchemaKey("ipc", .text),
    SchemaKey("isolation", .text, .refused("is for other systems than Linux; take it out")),
    SchemaKey("pid", .text),
    SchemaKey("privileged", .flag),
    SchemaKey("security_opt", .list(.text)),
    SchemaKey("sysctls", .labels),
    SchemaKey("userns_mode", .choice(["host", ""])),
    SchemaKey("uts", .choice(["host", ""])),
  ]

  private static let limits: [SchemaKey] = [
    SchemaKey("blkio_config", .object(DeployKeys.blockDevices)),
    SchemaKey("cpu_count", .anything, .refused("is for other systems than Linux; write 'cpus'")),
    SchemaKey("cpu_percent", .anything, .refused("is for other systems than Linux; write 'cpus'")),
    SchemaKey("cpu_period", .microseconds),
    SchemaKey("cpu_quota", .microseconds),
    SchemaKey("cpu_rt_period", .microseconds),
    SchemaKey("cpu_rt_runtime", .microseconds),
    SchemaKey("cpu_shares", .integer(fromZero)),
    SchemaKey("cpus", .decimal),
    SchemaKey("cpuset", .text),
    SchemaKey(
      "gpus", .anything, .refused("is not supported: this engine hands out no GPUs; name the devices under 'devices'")),
    SchemaKey("mem_limit", .size),
    SchemaKey("mem_reservation", .size),
    SchemaKey("mem_swappiness", .integer(-1...100)),
    SchemaKey("memswap_limit", .sizeOrUnlimited),
    SchemaKey("oom_kill_disable", .flag),
    SchemaKey("oom_score_adj", .integer(-1000...1000)),
    SchemaKey("pids_limit", .integer(unlimited)),
    SchemaKey("shm_size", .size),
    SchemaKey(
      "ulimits", .named(.form(ServiceForms.ulimit, .object(ulimit)))),
  ]

  private static let whole: [SchemaKey] = [
    SchemaKey("models", .anything, .refused("is not supported: there are no model runners; take it out")),
    SchemaKey("provider", .anything, .refused("is not supported: services are containers here")),
    SchemaKey("use_api_socket", .flag, .refused("is not supported: containers are not given the engine's socket")),
  ]

  // MARK: What stands inside

  static let ulimit = ObjectSchema([
    SchemaKey("soft", .integer(unlimited)), SchemaKey("hard", .integer(unlimited)),
  ])

  private static let variableFile = ObjectSchema([
    SchemaKey("path", .path), SchemaKey("required", .flag), SchemaKey("format", .choice(["raw"])),
  ])

  private static let healthcheck = ObjectSchema([
    SchemaKey("disable", .flag),
    SchemaKey("interval", .duration),
    SchemaKey("retries", .integer(0...Int64(Int32.max))),
    SchemaKey("start_interval", .duration),
    SchemaKey("start_period", .duration),
    SchemaKey("test", .form(ServiceForms.healthTest, .list(.text)), merge: .replaced),
    SchemaKey("timeout", .duration),
  ])

  private static let logging = ObjectSchema([SchemaKey("driver", .text), SchemaKey("options", .labels)])

  static let hook = ObjectSchema([
    SchemaKey("command", .words, merge: .replaced),
    SchemaKey("environment", .pairs),
    SchemaKey("privileged", .flag),
    SchemaKey("user", .text),
    SchemaKey("working_dir", .text),
  ])

  private static let dependency = ObjectSchema([
    SchemaKey("condition", .choice(ComposeDependency.Condition.allCases.map(\.rawValue))),
    SchemaKey("required", .flag),
    SchemaKey("restart", .flag),
  ])

  private static let watch = ObjectSchema([
    SchemaKey("action", .choice(ComposeWatchRule.Action.allCases.map(\.rawValue))),
    SchemaKey("exec", .object(hook)),
    SchemaKey("ignore", .oneOrList(.text)),
    SchemaKey("include", .oneOrList(.text)),
    SchemaKey("initial_sync", .flag),
    SchemaKey("path", .path),
    SchemaKey("target", .text),
  ])

  private static let extends = ObjectSchema([SchemaKey("file", .text), SchemaKey("service", .text)])

  private static let balanced = ObjectSchema([
    SchemaKey("address", .text),
    SchemaKey("check", .text),
    SchemaKey("host", .text),
    SchemaKey("mode", .choice(ComposeBalancedPort.Mode.allCases.map(\.rawValue))),
    SchemaKey("port", .integer(1...65_535)),
    SchemaKey("target", .integer(1...65_535)),
  ])

  private static let endpoint = ObjectSchema([
    SchemaKey("aliases", .list(.text)),
    SchemaKey("driver_opts", .labels),
    SchemaKey("gw_priority", .integer(anyNumber)),
    SchemaKey("interface_name", .text, .refused("is not supported: the engine names interfaces itself")),
    SchemaKey("ipv4_address", .text),
    SchemaKey("ipv6_address", .text),
    SchemaKey("link_local_ips", .list(.text)),
    SchemaKey("mac_address", .text),
    SchemaKey("priority", .integer(anyNumber)),
  ])

  private static let port = ObjectSchema([
    SchemaKey("app_protocol", .text, .unheeded("is not heeded: it tells other programs what the port speaks")),
    SchemaKey("host_ip", .text),
    SchemaKey("mode", .choice(["host", "ingress"])),
    SchemaKey("name", .text),
    SchemaKey("protocol", .choice(ComposePort.Transport.allCases.map(\.rawValue))),
    SchemaKey("published", .text),
    SchemaKey("target", .integer(1...65_535)),
    SchemaKey("x-bulkhead", .object(portLimits)),
  ])

  private static let portLimits = ObjectSchema([
    SchemaKey(ComposePortLimits.connectionsName, .integer(ComposePortLimits.numbers)),
    SchemaKey(ComposePortLimits.connectionsPerSourceName, .integer(ComposePortLimits.numbers)),
    SchemaKey(ComposePortLimits.rateName, .form(PortForm.rate, .text)),
    SchemaKey(ComposePortLimits.ratePerSourceName, .form(PortForm.rate, .text)),
  ])

  private static let fileUse = ObjectSchema([
    SchemaKey("gid", .text),
    SchemaKey("mode", .integer(0...0o7777)),
    SchemaKey("source", .text),
    SchemaKey("target", .text),
    SchemaKey("uid", .text),
  ])

  private static let device = ObjectSchema([
    SchemaKey("permissions", .text), SchemaKey("source", .text), SchemaKey("target", .text),
  ])

  private static let mount = ObjectSchema([
    SchemaKey(
      "bind",
      .object(
        ObjectSchema([
          SchemaKey("create_host_path", .flag),
          SchemaKey("propagation", .choice(["rprivate", "private", "rshared", "shared", "rslave", "slave"])),
          SchemaKey("recursive", .choice(["disabled", "enabled", "readonly", "writable"])),
          SchemaKey("selinux", .text, .unheeded("is not heeded: there are no SELinux labels here")),
        ]))),
    SchemaKey("consistency", .text, .unheeded("is not heeded: host and container see the same files at once")),
    SchemaKey("image", .anything, .refused("is not supported: mount a volume instead")),
    SchemaKey("read_only", .flag),
    SchemaKey("source", .text),
    SchemaKey("target", .text),
    SchemaKey(
      "tmpfs", .object(ObjectSchema([SchemaKey("mode", .integer(0...0o7777)), SchemaKey("size", .size)]))),
    SchemaKey("type", .choice(ComposeMount.Kind.allCases.map(\.rawValue))),
    SchemaKey(
      "volume",
      .object(
        ObjectSchema([
          SchemaKey("labels", .labels), SchemaKey("nocopy", .flag), SchemaKey("subpath", .text),
        ]))),
  ])
}
