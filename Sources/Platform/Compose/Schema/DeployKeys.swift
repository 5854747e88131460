/// The keys of `deploy` (compose specification, *Deploy*), of limits, and of `blkio_config`.
enum DeployKeys {
  static let deploy = ObjectSchema([
    SchemaKey(
      "endpoint_mode", .choice(["vip", "dnsrr"]),
      .unheeded("is not heeded: names of scaled services are answered in turn (dnsrr)")),
    SchemaKey(
      "labels", .labels,
      .unheeded("is not heeded: the engine has no services; those of containers are the service's 'labels'")),
    SchemaKey("mode", .choice(["replicated", "global", "replicated-job", "global-job"])),
    SchemaKey("placement", .anything, .unheeded("is not heeded: there is one machine")),
    SchemaKey("replicas", .integer(0...Int64(ComposeLimits.replicas))),
    SchemaKey("resources", .object(resources)),
    SchemaKey("restart_policy", .object(restartPolicy)),
    SchemaKey("rollback_config", .object(update), .unheeded("is not heeded: nothing is rolled back by itself")),
    SchemaKey("update_config", .object(update)),
  ])

  private static let resources = ObjectSchema([
    SchemaKey(
      "limits",
      .object(
        ObjectSchema([
          SchemaKey("cpus", .decimal), SchemaKey("memory", .size),
          SchemaKey("pids", .integer(-1...Int64.max)),
        ]))),
    SchemaKey(
      "reservations",
      .object(
        ObjectSchema([
          SchemaKey("cpus", .decimal, .unheeded("is not heeded: processors are shared, not reserved")),
          SchemaKey(
            "devices", .anything,
            .refused("is not supported: this engine hands out no GPUs; name the devices under 'devices'")),
          SchemaKey("generic_resources", .anything, .refused("is not supported: there are no generic resources")),
          SchemaKey("memory", .size),
        ]))),
  ])

  private static let restartPolicy = ObjectSchema([
    SchemaKey("condition", .choice(["none", "no", "on-failure", "any", "always", "unless-stopped"])),
    SchemaKey("delay", .duration, .unheeded("is not heeded: the engine waits longer after each failure")),
    SchemaKey("max_attempts", .integer(0...Int64(Int32.max))),
    SchemaKey("window", .duration, .unheeded("is not heeded: the engine waits longer after each failure")),
  ])

  private static let update = ObjectSchema([
    SchemaKey("delay", .duration),
    SchemaKey("failure_action", .choice(["continue", "pause", "rollback"])),
    SchemaKey(
      "max_failure_ratio", .decimal, .unheeded("is not heeded: the first failure counts")),
    SchemaKey("monitor", .duration),
    SchemaKey("order", .choice(ComposeDeploy.Order.allCases.map(\.rawValue))),
    SchemaKey("parallelism", .integer(0...Int64(ComposeLimits.replicas))),
  ])

  static let blockDevices = ObjectSchema([
    SchemaKey("device_read_bps", .list(.object(rate(.size)))),
    SchemaKey("device_read_iops", .list(.object(rate(.integer(0...Int64.max))))),
    SchemaKey("device_write_bps", .list(.object(rate(.size)))),
    SchemaKey("device_write_iops", .list(.object(rate(.integer(0...Int64.max))))),
    SchemaKey("weight", .integer(10...1_000)),
    SchemaKey(
      "weight_device",
      .list(.object(ObjectSchema([SchemaKey("path", .text), SchemaKey("weight", .integer(10...1_000))])))),
  ])

  private static func rate(_ kind: Kind) -> ObjectSchema {
    ObjectSchema([SchemaKey("path", .text), SchemaKey("rate", kind)])
  }
}

/// The keys of `build` (compose specification, *Build*).
enum BuildKeys {
  static let build = ObjectSchema([
    SchemaKey("additional_contexts", .form(contexts, .pairs)),
    SchemaKey("args", .pairs),
    SchemaKey("cache_from", .list(.text)),
    SchemaKey("cache_to", .list(.text)),
    SchemaKey("context", .text),
    SchemaKey("dockerfile", .text),
    SchemaKey("dockerfile_inline", .text),
    SchemaKey("entitlements", .list(.text), .refused("is not supported: builds have no more rights than containers")),
    SchemaKey("extra_hosts", .form(ServiceForms.hosts, .list(.text))),
    SchemaKey("isolation", .text, .refused("is for other systems than Linux; take it out")),
    SchemaKey("labels", .labels),
    SchemaKey("network", .text),
    SchemaKey("no_cache", .flag),
    SchemaKey("no_cache_filter", .oneOrList(.text), .refused("is not supported; write 'no_cache'")),
    SchemaKey("platforms", .list(.text)),
    SchemaKey("privileged", .flag, .refused("is not supported: builds have no more rights than containers")),
    SchemaKey("provenance", .text, .refused("is not supported: builds make no attestations; take it out")),
    SchemaKey("pull", .flag),
    SchemaKey("sbom", .text, .refused("is not supported: builds make no attestations; take it out")),
    SchemaKey(
      "secrets", .list(.form(ServiceForms.single("source"), .object(secretUse))), merge: .unique(["source"])),
    SchemaKey("shm_size", .size),
    SchemaKey("ssh", .form(agents, .pairs)),
    SchemaKey("tags", .list(.text)),
    SchemaKey("target", .text),
    SchemaKey("ulimits", .named(.form(ServiceForms.ulimit, .object(ServiceKeys.ulimit)))),
  ])

  /// A list of NAME=VALUE or a mapping; folders become absolute.
  @Sendable private static func contexts(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    var result = try Pairs.canonical(node, context)
    for member in result.members ?? [] {
      let place = context.below(member.key)
      guard let text = member.value.text, !text.isEmpty else {
        try context.faults.add(
          place.fault(member.value, "says nothing: write a folder, 'service:NAME' or 'docker-image://NAME'"))
        continue
      }
      if context.isOpen(text) || text.hasPrefix("service:") || text.hasPrefix(ComposeBuild.Context.imagePrefix) {
        continue
      }
      guard !HostPath.isRemote(text) else {
        try context.faults.add(
          place.fault(
            member.value,
            "'\(text.prefix(100))' is not supported: contexts are folders, 'service:NAME' and 'docker-image://NAME'; fetch it, "
              + "and name the folder", .unsupported))
        continue
      }
      result[member.key] = .string(context.absolute(text), at: member.value.at)
    }
    return result
  }

  /// `default`, `[default, ID=SOCKET]` or a mapping; sockets become absolute.
  @Sendable private static func agents(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    let list = node.text.map { Node(.list([.string($0, at: node.at)]), at: node.at) } ?? node
    var result = try Pairs.canonical(list, context)
    for member in result.members ?? [] {
      guard let path = member.value.text, !path.isEmpty, !context.isOpen(path) else { continue }
      result[member.key] = .string(context.absolute(path), at: member.value.at)
    }
    return result
  }

  private static let secretUse = ObjectSchema([
    SchemaKey("gid", .text, .unheeded("is not heeded in builds: a secret belongs to the user of its step")),
    SchemaKey("mode", .text, .unheeded("is not heeded in builds: a secret belongs to the user of its step")),
    SchemaKey("source", .text),
    SchemaKey("target", .text),
    SchemaKey("uid", .text, .unheeded("is not heeded in builds: a secret belongs to the user of its step")),
  ])
}
