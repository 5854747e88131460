import Model

/// The body of `POST /containers/create`, translated to the domain's settings.
///
/// Source: Docker Engine API 1.50, *ContainerCreate*.
enum CreateRequest {
  /// Throws `invalidArgument` with field and reason, `notImplemented` for options the engine does not have.
  static func settings(
    _ fields: JSONFields, version: APIVersion, platform: String?
  ) throws -> (settings: ContainerSettings, warnings: [String]) {
    guard let image = try fields.text("Image") else { throw fields.failure("Image", "must name an image") }
    var settings = ContainerSettings(image: image)
    settings.platform = version >= .v1(41) ? platform : nil
    try readImageParts(fields, version: version, into: &settings)
    try readStreams(fields, into: &settings)
    settings.hostname = try fields.text("Hostname")
    settings.domainName = try fields.text("Domainname")
    settings.networkDisabled = try fields.bool("NetworkDisabled") ?? false
    if let host = try fields.object("HostConfig") {
      settings.host = try HostConfigRequest.settings(host, version: version)
      try host.finish()
    }
    settings.exposedPorts = Set(settings.exposedPorts).union(settings.host.publishedPorts.map(\.port)).sorted()
    let warnings = try NetworkingRequest.read(fields, version: version, into: &settings)
    try fields.finish()
    return (settings, warnings)
  }

  /// The configuration in the body of `POST /commit`: what an image keeps of it; the rest says nothing about an image.
  static func imageSettings(_ fields: JSONFields, version: APIVersion) throws -> ContainerSettings {
    var settings = ContainerSettings(image: "")
    try readImageParts(fields, version: version, into: &settings)
    fields.ignore(
      "Hostname", "Domainname", "AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce", "Image",
      "NetworkDisabled", "MacAddress")
    try fields.finish()
    return settings
  }

  private static func readImageParts(
    _ fields: JSONFields, version: APIVersion, into settings: inout ContainerSettings
  ) throws {
    try readProcess(fields, into: &settings)
    settings.labels = try fields.stringMap("Labels") ?? [:]
    settings.anonymousVolumes = try fields.set("Volumes") ?? []
    for path in settings.anonymousVolumes where !path.hasPrefix("/") {
      throw fields.failure("Volumes", "mount path '\(path.prefix(128))' must be absolute")
    }
    settings.exposedPorts = try exposedPorts(fields)
    settings.healthcheck = try fields.object("Healthcheck").map { try healthcheck($0, version: version) }
    fields.ignore("ArgsEscaped")
  }

  private static func readProcess(_ fields: JSONFields, into settings: inout ContainerSettings) throws {
    settings.command = try fields.command("Cmd")
    settings.entrypoint = try fields.command("Entrypoint")
    settings.environment = try fields.strings("Env") ?? []
    for (index, item) in settings.environment.enumerated() where item.isEmpty || item.hasPrefix("=") {
      throw fields.failure("Env[\(index)]", "invalid environment variable: \(item.prefix(64))")
    }
    settings.workingDirectory = try fields.text("WorkingDir")
    settings.user = try fields.text("User")
    settings.stopSignal = try fields.text("StopSignal")
    settings.stopTimeoutSeconds = try fields.integer("StopTimeout", in: -1...Int(Int32.max))
    settings.shell = try fields.command("Shell")
    settings.onBuild = try fields.strings("OnBuild")
  }

  private static func readStreams(_ fields: JSONFields, into settings: inout ContainerSettings) throws {
    settings.terminal = try fields.bool("Tty") ?? false
    settings.openStdin = try fields.bool("OpenStdin") ?? false
    settings.stdinOnce = try fields.bool("StdinOnce") ?? false
    settings.attachStdin = try fields.bool("AttachStdin") ?? false
    settings.attachStdout = try fields.bool("AttachStdout") ?? false
    settings.attachStderr = try fields.bool("AttachStderr") ?? false
  }

  private static func exposedPorts(_ fields: JSONFields) throws -> [ContainerPort] {
    let ports = try PortText.set(fields.set("ExposedPorts") ?? []) { text, reason in
      fields.failure("ExposedPorts", "invalid port '\(text.prefix(32))': \(reason)")
    }
    return ports.sorted()
  }

  static func healthcheck(_ fields: JSONFields, version: APIVersion) throws -> HealthcheckSettings {
    /// docker's lower bound of health check times, one millisecond.
    let minimumNanoseconds: Int64 = 1_000_000
    func span(_ name: String) throws -> Int64 {
      let value = try fields.integer(name) ?? 0
      guard value == 0 || value >= minimumNanoseconds else {
        throw fields.failure(name, "cannot be less than 1ms (times are in nanoseconds)")
      }
      return value
    }
    var health = HealthcheckSettings()
    health.test = try fields.strings("Test") ?? []
    if let kind = health.test.first, !["NONE", "CMD", "CMD-SHELL", ""].contains(kind) {
      throw fields.failure("Test", "the first element must be NONE, CMD or CMD-SHELL, not '\(kind.prefix(32))'")
    }
    health.intervalNanoseconds = try span("Interval")
    health.timeoutNanoseconds = try span("Timeout")
    health.startPeriodNanoseconds = try span("StartPeriod")
    let startInterval = try span("StartInterval")
    health.startIntervalNanoseconds = version >= .v1(44) ? startInterval : 0
    health.retries = try fields.integer("Retries", in: 0...Int(Int32.max)) ?? 0
    try fields.finish()
    return health
  }
}
