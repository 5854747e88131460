import Model

/// A service of the merged files as a typed value.
struct ServiceDecoder {
  let fields: Fields
  let faults: FaultCollector
  var service: ComposeService
  var warnings: [ComposeWarning] = []

  init(_ name: String, _ fields: Fields, _ faults: FaultCollector) {
    self.fields = fields
    self.faults = faults
    service = ComposeService(name: name)
    service.location = fields.node.at
  }

  static func decode(
    _ name: String, _ fields: Fields, _ faults: FaultCollector
  ) throws(ComposeFault) -> (ComposeService, [ComposeWarning]) {
    var decoder = ServiceDecoder(name, fields, faults)
    try decoder.readProcess()
    try decoder.readLife()
    try decoder.readNumber()
    try decoder.readNetworks()
    try decoder.readPorts()
    try decoder.readFiles()
    try decoder.readIsolation()
    _ = try faults.attempt { () throws(ComposeFault) in try decoder.readLimits() }
    try decoder.readDependencies()
    decoder.service.canonical = fields.node.value
    return (decoder.service, decoder.warnings)
  }

  mutating func warn(_ name: String, _ message: String) {
    warnings.append(ComposeWarning(at: fields[name]?.at ?? fields.node.at, key: fields.place(name), message))
  }

  // MARK: What runs

  private mutating func readProcess() throws(ComposeFault) {
    service.image = fields.text("image")
    if let build = fields.below("build") {
      service.build = try faults.attempt { () throws(ComposeFault) in try BuildDecoder.decode(build) }
    }
    if fields["image"] == nil, fields["build"] == nil {
      try faults.add(fields.fault("has neither 'image' nor 'build'"))
    }
    service.pullPolicy = try faults.attempt { () throws(ComposeFault) in try pullPolicy() } ?? .missing
    service.platform = fields.text("platform")
    service.command = fields.words("command")
    service.entrypoint = fields.words("entrypoint")
    service.workingDirectory = fields.text("working_dir")
    service.user = fields.text("user")
    service.additionalGroups = fields.texts("group_add")
    service.environment = fields.pairs("environment")
    service.labels = fields.labels("labels")
    for label in service.labels.keys.sorted() where label.hasPrefix("com.docker.compose.") {
      try faults.add(fields.fault("labels", "'\(label.prefix(100))' is kept for compose itself"))
    }
    service.annotations = fields.labels("annotations")
    service.stdinOpen = fields.flag("stdin_open") ?? false
    service.terminal = fields.flag("tty") ?? false
    service.attach = fields.flag("attach") ?? true
    service.useInit = fields.flag("init")
    service.runtime = fields.text("runtime")
    service.watch = try readWatch()
  }

  private func pullPolicy() throws(ComposeFault) -> ComposePullPolicy {
    switch fields.text("pull_policy") {
    case nil, "", "missing", "if_not_present": return .missing
    case "always": return .always
    case "never": return .never
    case "build": return .build
    case "daily": return .every(nanoseconds: 86_400_000_000_000)
    case "weekly": return .every(nanoseconds: 604_800_000_000_000)
    case let text?:
      if text.hasPrefix("every_"), let span = Units.duration(String(text.dropFirst(6))) {
        return .every(nanoseconds: span)
      }
      throw fields.fault(
        "pull_policy",
        "'\(text.prefix(50))' is not one of always, never, missing, if_not_present, build, daily, weekly, every_TIME")
    }
  }

  private func readWatch() throws(ComposeFault) -> [ComposeWatchRule] {
    var rules: [ComposeWatchRule] = []
    for rule in fields.below("develop")?.list("watch") ?? [] {
      guard let path = rule.text("path"), let action = rule.text("action").flatMap(ComposeWatchRule.Action.init) else {
        try faults.add(rule.fault("'path' and 'action' are needed"))
        continue
      }
      let target = rule.text("target")
      let needsTarget = [.sync, .syncAndRestart, .syncAndExec].contains(action)
      if needsTarget, target == nil {
        try faults.add(rule.fault("'target' is missing: where the files go inside"))
      }
      let exec = rule.below("exec").map(Self.command)
      if action == .syncAndExec, exec == nil { try faults.add(rule.fault("'exec' is missing: what is run inside")) }
      rules.append(
        ComposeWatchRule(
          action: action, path: path, target: target, ignore: rule.texts("ignore"), include: rule.texts("include"),
          initialSync: rule.flag("initial_sync") ?? false, exec: exec))
    }
    return rules
  }

  static func command(_ fields: Fields) -> ComposeHooks.Command {
    ComposeHooks.Command(
      command: fields.texts("command"), user: fields.text("user"), privileged: fields.flag("privileged") ?? false,
      workingDirectory: fields.text("working_dir"), environment: fields.pairs("environment"))
  }

  // MARK: Start, health, stop

  private mutating func readLife() throws(ComposeFault) {
    service.stopSignal = fields.text("stop_signal")
    service.stopGracePeriodNanoseconds = fields.nanoseconds("stop_grace_period")
    service.restart = try faults.attempt { () throws(ComposeFault) in try restartPolicy() } ?? nil
    service.healthcheck = try faults.attempt { () throws(ComposeFault) in try healthcheck() } ?? nil
    if let logging = fields.below("logging") {
      service.logging = ComposeLogging(driver: logging.text("driver"), options: logging.labels("options"))
    }
    for hook in fields.list("post_start") + fields.list("pre_stop") where hook.texts("command").isEmpty {
      try faults.add(hook.fault("'command' is missing"))
    }
    service.hooks.postStart = fields.list("post_start").map(Self.command)
    service.hooks.preStop = fields.list("pre_stop").map(Self.command)
  }

  private mutating func restartPolicy() throws(ComposeFault) -> RestartPolicy? {
    if let policy = fields.below("deploy")?.below("restart_policy") { return try swarmPolicy(policy) }
    guard let text = fields.text("restart"), !text.isEmpty else { return nil }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let kind = RestartPolicy.Kind(rawValue: String(parts[0])) else {
      throw fields.fault(
        "restart", "'\(text.prefix(50))' is not one of no, always, on-failure[:TIMES], unless-stopped")
    }
    guard parts.count == 2 else { return RestartPolicy(kind, maximumRetryCount: 0) }
    guard kind == .onFailure, let count = Int32(parts[1]), count >= 0 else {
      throw fields.fault("restart", "'\(text.prefix(50))': only on-failure takes a number of times")
    }
    return RestartPolicy(kind, maximumRetryCount: Int(count))
  }

  private mutating func swarmPolicy(_ policy: Fields) throws(ComposeFault) -> RestartPolicy {
    if fields["restart"] != nil { warn("restart", "is not heeded: 'deploy.restart_policy' says it") }
    let attempts = policy.integer("max_attempts") ?? 0
    switch policy.text("condition") ?? "any" {
    case "none", "no": return RestartPolicy(.no, maximumRetryCount: 0)
    case "on-failure": return RestartPolicy(.onFailure, maximumRetryCount: Int(attempts))
    case "unless-stopped": return RestartPolicy(.unlessStopped, maximumRetryCount: 0)
    default:
      if attempts > 0 {
        warnings.append(
          ComposeWarning(
            at: policy["max_attempts"]?.at, key: policy.place("max_attempts"),
            "is not heeded: it holds for 'condition: on-failure' alone"))
      }
      return RestartPolicy(.always, maximumRetryCount: 0)
    }
  }

  private func healthcheck() throws(ComposeFault) -> ComposeHealthcheck? {
    guard let check = fields.below("healthcheck") else { return nil }
    var result = ComposeHealthcheck()
    result.test = check.texts("test")
    if check.flag("disable") == true {
      if !result.test.isEmpty, result.test != ["NONE"] {
        try faults.add(check.fault("disable", "stands beside a test"))
      }
      result.test = ["NONE"]
    }
    result.intervalNanoseconds = check.nanoseconds("interval") ?? 0
    result.timeoutNanoseconds = check.nanoseconds("timeout") ?? 0
    result.startPeriodNanoseconds = check.nanoseconds("start_period") ?? 0
    result.startIntervalNanoseconds = check.nanoseconds("start_interval") ?? 0
    result.retries = Int(check.integer("retries") ?? 0)
    let hasPeriod = check["start_period"].map { $0.isNull || result.startPeriodNanoseconds > 0 } ?? false
    if result.startIntervalNanoseconds > 0, !hasPeriod {
      try faults.add(check.fault("start_interval", "needs a 'start_period'"))
    }
    return result
  }
}
