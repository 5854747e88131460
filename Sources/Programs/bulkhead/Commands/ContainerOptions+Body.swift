import Glibc

extension ContainerOptions {
  /// Bytes of a seccomp profile or a file of variables.
  static let maximumFileBytes = 4 << 20

  /// The body of `POST /containers/create`.
  func body(image: String, command: [String], attach: Bool) throws(ClientError) -> JSONValue {
    var body: JSONValue = ["Image": .string(image), "Tty": .bool(tty), "OpenStdin": .bool(interactive)]
    body["StdinOnce"] = .bool(interactive && attach)
    let streams = try AttachedStreams(self.attach, sendsInput: interactive)
    body["AttachStdin"] = .bool(attach && streams.input)
    body["AttachStdout"] = .bool(attach && streams.output)
    body["AttachStderr"] = .bool(attach && streams.errors)
    if !command.isEmpty { body["Cmd"] = .strings(command) }
    if let entrypoint { body["Entrypoint"] = entrypoint.isEmpty ? [""] : [.string(entrypoint)] }
    let variables = try environment()
    if !variables.isEmpty { body["Env"] = .strings(variables) }
    body.set("Hostname", hostname)
    body.set("User", user)
    body.set("WorkingDir", workdir)
    body.set("StopSignal", stopSignal)
    if let stopTimeout { body["StopTimeout"] = .int(stopTimeout) }
    body.set("Domainname", domainname)
    let labels = try Self.lines(of: labelFile) + label
    if !labels.isEmpty { body["Labels"] = Self.pairs(labels) }
    if let check = try health.body() { body["Healthcheck"] = check }
    let ports = try network.ports()
    if !ports.exposed.isEmpty { body["ExposedPorts"] = .object(ports.exposed.map { .init(name: $0, value: [:]) }) }
    let anonymous = files.volume.filter { !$0.contains(":") }
    if !anonymous.isEmpty { body["Volumes"] = .object(anonymous.map { .init(name: $0, value: [:]) }) }
    body.set("MacAddress", network.macAddress)
    if let endpoint = network.endpoint() { body["NetworkingConfig"] = endpoint }
    body["HostConfig"] = try hostConfiguration(bindings: ports.bindings)
    return body
  }

  private func hostConfiguration(bindings: JSONValue) throws(ClientError) -> JSONValue {
    var host: JSONValue = ["AutoRemove": .bool(removeAtEnd)]
    if let restart {
      let (kind, tries) = splitOnce(restart, ":") ?? (restart, "0")
      guard let count = Int64(tries), count >= 0 else {
        throw ClientError.usage("invalid --restart '\(restart)': write on-failure:3")
      }
      host["RestartPolicy"] = ["Name": .string(kind), "MaximumRetryCount": .int(count)]
    }
    if useInit { host["Init"] = true }
    host.set("Runtime", runtime)
    if logDriver != nil || !logOpt.isEmpty {
      host["LogConfig"] = ["Type": .string(logDriver ?? ""), "Config": Self.pairs(logOpt)]
    }
    if !annotation.isEmpty { host["Annotations"] = Self.pairs(annotation) }
    try files.add(to: &host)
    network.add(to: &host, bindings: bindings)
    try limits.add(to: &host)
    try isolation.add(to: &host)
    return host
  }

  /// `--env-file` lines and `--env` items; a name alone takes its value from here, and is left out where there is none.
  private func environment() throws(ClientError) -> [String] {
    Self.variables(try Self.lines(of: envFile) + env)
  }

  static func variables(_ items: [String]) -> [String] {
    items.compactMap { item in
      if item.contains("=") { return item }
      return environmentVariable(item).map { "\(item)=\($0)" }
    }
  }

  /// The lines of files without empty ones and those that begin with `#`.
  static func lines(of files: [String]) throws(ClientError) -> [String] {
    var items: [String] = []
    for file in files {
      let text = String(decoding: try readWhole(file, limit: maximumFileBytes), as: UTF8.self)
      for line in text.split(whereSeparator: \.isNewline) {
        let trimmed = line.drop { $0 == " " || $0 == "\t" }
        if !trimmed.isEmpty, !trimmed.hasPrefix("#") { items.append(String(trimmed)) }
      }
    }
    return items
  }

  /// `name=value` items as an object; a name alone gets an empty value.
  static func pairs(_ items: [String]) -> JSONValue {
    .map(items.map { splitOnce($0, "=") ?? ($0, "") })
  }
}

/// Which streams a client ties to a new container: those of `--attach`, or all.
struct AttachedStreams {
  var input: Bool
  var output = true
  var errors = true

  init(_ names: [String], sendsInput: Bool) throws(ClientError) {
    let wanted = Set(names.map { $0.lowercased() })
    if let wrong = wanted.subtracting(["stdin", "stdout", "stderr"]).min() {
      throw ClientError.usage("invalid --attach '\(wrong)': use stdin, stdout or stderr")
    }
    input = sendsInput && (wanted.isEmpty || wanted.contains("stdin"))
    guard !wanted.isEmpty else { return }
    output = wanted.contains("stdout")
    errors = wanted.contains("stderr")
  }
}

extension JSONValue {
  /// Sets a member where there is a value.
  mutating func set(_ name: String, _ value: String?) {
    if let value { self[name] = .string(value) }
  }
  /// Sets a member where there are values.
  mutating func set(_ name: String, _ values: [String]) {
    if !values.isEmpty { self[name] = .strings(values) }
  }
}

extension FileOptions {
  func add(to host: inout JSONValue) throws(ClientError) {
    host.set("Binds", volume.filter { $0.contains(":") }.map(Self.absolute))
    var mounts: [JSONValue] = []
    for text in mount { mounts.append(try Self.parseMount(text)) }
    if !mounts.isEmpty { host["Mounts"] = .array(mounts) }
    if !tmpfs.isEmpty { host["Tmpfs"] = .map(tmpfs.map { splitOnce($0, ":") ?? ($0, "") }) }
    host.set("VolumesFrom", volumesFrom)
    host.set("VolumeDriver", volumeDriver)
    host.set("DeviceCgroupRules", deviceCgroupRule)
    if readOnly { host["ReadonlyRootfs"] = true }
    if let shmSize { host["ShmSize"] = .int(try Units.parseBytes(shmSize, option: "--shm-size")) }
    if !device.isEmpty {
      host["Devices"] = .array(
        device.map { text in
          let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
          let permissions = parts.count > 2 ? parts[2] : parts.count == 2 && !parts[1].hasPrefix("/") ? parts[1] : "rwm"
          let inside = parts.count > 1 && parts[1].hasPrefix("/") ? parts[1] : parts[0]
          return [
            "PathOnHost": .string(parts[0]), "PathInContainer": .string(inside),
            "CgroupPermissions": .string(permissions),
          ]
        })
    }
  }

  /// A bind whose source is relative to the folder here, made absolute; names of volumes stay.
  static func absolute(_ bind: String) -> String {
    guard bind.hasPrefix("./") || bind.hasPrefix("../") || bind.hasPrefix(".:") || bind.hasPrefix("..:"),
      let (source, rest) = splitOnce(bind, ":"), let folder = getcwd(nil, 0)
    else { return bind }
    defer { free(folder) }
    return String(cString: folder) + "/" + source + ":" + rest
  }

  static func parseMount(_ text: String) throws(ClientError) -> JSONValue {
    var mount: JSONValue = ["Type": "volume"]
    for item in text.split(separator: ",") {
      let (key, value) = splitOnce(item, "=") ?? (String(item), "true")
      switch key {
      case "type": mount["Type"] = .string(value)
      case "source", "src": mount["Source"] = .string(value)
      case "destination", "dst", "target": mount["Target"] = .string(value)
      case "readonly", "ro": mount["ReadOnly"] = .bool(value != "false" && value != "0")
      case "bind-propagation": mount["BindOptions"] = ["Propagation": .string(value)]
      case "volume-nocopy": mount["VolumeOptions"]["NoCopy"] = .bool(value != "false" && value != "0")
      case "volume-subpath": mount["VolumeOptions"]["Subpath"] = .string(value)
      case "volume-label":
        let (name, value) = splitOnce(value, "=") ?? (value, "")
        mount["VolumeOptions"]["Labels"].set(name, value)
      case "volume-driver": mount["VolumeOptions"]["DriverConfig"]["Name"] = .string(value)
      case "volume-opt":
        let (name, value) = splitOnce(value, "=") ?? (value, "")
        mount["VolumeOptions"]["DriverConfig"]["Options"].set(name, value)
      case "tmpfs-size": mount["TmpfsOptions"]["SizeBytes"] = .int(try Units.parseBytes(value, option: "tmpfs-size"))
      case "tmpfs-mode":
        guard let mode = UInt32(value, radix: 8) else {
          throw ClientError.usage("invalid tmpfs-mode '\(value)': write octal digits")
        }
        mount["TmpfsOptions"]["Mode"] = .int(mode)
      default: throw ClientError.usage("unknown field '\(key)' in --mount '\(text)'")
      }
    }
    guard mount["Target"].string != nil else { throw ClientError.usage("--mount '\(text)' has no destination") }
    return mount
  }
}

extension LimitOptions {
  func add(to host: inout JSONValue) throws(ClientError) {
    for (name, option, text) in [
      ("Memory", "--memory", memory), ("MemorySwap", "--memory-swap", memorySwap),
      ("MemoryReservation", "--memory-reservation", memoryReservation),
    ] {
      if let text { host[name] = .int(try Units.parseBytes(text, option: option)) }
    }
    if let cpus {
      guard let count = Double(cpus), count >= 0, count < 1e6 else {
        throw ClientError.usage("invalid --cpus '\(cpus)': write 1.5")
      }
      host["NanoCpus"] = .int(Int64((count * 1e9).rounded()))
    }
    for (name, value) in [
      ("CpuShares", cpuShares), ("PidsLimit", pidsLimit), ("BlkioWeight", blkioWeight), ("OomScoreAdj", oomScoreAdj),
      ("CpuPeriod", cpuPeriod), ("CpuQuota", cpuQuota), ("MemorySwappiness", memorySwappiness),
    ] {
      if let value { host[name] = .int(value) }
    }
    host.set("CpusetCpus", cpusetCpus)
    host.set("CpusetMems", cpusetMems)
    if oomKillDisable { host["OomKillDisable"] = true }
    for (name, value, option, items) in [
      ("BlkioWeightDevice", "Weight", "--blkio-weight-device", blkioWeightDevice),
      ("BlkioDeviceReadBps", "Rate", "--device-read-bps", deviceReadBps),
      ("BlkioDeviceWriteBps", "Rate", "--device-write-bps", deviceWriteBps),
      ("BlkioDeviceReadIOps", "Rate", "--device-read-iops", deviceReadIops),
      ("BlkioDeviceWriteIOps", "Rate", "--device-write-iops", deviceWriteIops),
    ] where !items.isEmpty {
      var devices: [JSONValue] = []
      for text in items {
        guard let (path, rate) = splitOnce(text, ":") else {
          throw ClientError.usage("invalid \(option) '\(text)': write /dev/name:value")
        }
        devices.append(["Path": .string(path), value: .int(try Units.parseBytes(rate, option: option))])
      }
      host[name] = .array(devices)
    }
    let ulimits = try ulimit.map { text throws(ClientError) in try Self.ulimit(text) }
    if !ulimits.isEmpty { host["Ulimits"] = .array(ulimits) }
  }

  /// `nofile=1024:4096` as the API takes it.
  static func ulimit(_ text: String) throws(ClientError) -> JSONValue {
    guard let (name, values) = splitOnce(text, "="), let soft = Int64(values.split(separator: ":").first ?? ""),
      let hard = Int64(values.split(separator: ":").last ?? "")
    else { throw ClientError.usage("invalid --ulimit '\(text)': write nofile=1024:4096") }
    return ["Name": .string(name), "Soft": .int(soft), "Hard": .int(hard)]
  }
}

extension IsolationOptions {
  func add(to host: inout JSONValue) throws(ClientError) {
    host.set("CapAdd", capAdd)
    host.set("CapDrop", capDrop)
    if privileged { host["Privileged"] = true }
    var options: [String] = []
    for option in securityOpt { options.append(try Self.withProfile(option)) }
    host.set("SecurityOpt", options)
    if !sysctl.isEmpty { host["Sysctls"] = ContainerOptions.pairs(sysctl) }
    host.set("PidMode", pid)
    host.set("IpcMode", ipc)
    host.set("UTSMode", uts)
    host.set("UsernsMode", userns)
    host.set("CgroupnsMode", cgroupns)
    host.set("CgroupParent", cgroupParent)
  }

  /// The engine takes a profile of system calls itself, as the file lies on the client's side.
  static func withProfile(_ option: String) throws(ClientError) -> String {
    guard let (name, file) = splitOnce(option.replacing("seccomp:", with: "seccomp=", maxReplacements: 1), "="),
      name == "seccomp", file != "unconfined", file != "builtin"
    else { return option }
    return "seccomp=" + String(decoding: try readWhole(file, limit: ContainerOptions.maximumFileBytes), as: UTF8.self)
  }
}

extension HealthOptions {
  func body() throws(ClientError) -> JSONValue? {
    if noHealthcheck { return ["Test": ["NONE"]] }
    var check = JSONValue.object([])
    if let healthCmd { check["Test"] = ["CMD-SHELL", .string(healthCmd)] }
    for (name, option, text) in [
      ("Interval", "--health-interval", healthInterval), ("Timeout", "--health-timeout", healthTimeout),
      ("StartPeriod", "--health-start-period", healthStartPeriod),
      ("StartInterval", "--health-start-interval", healthStartInterval),
    ] {
      if let text { check[name] = .int(try Units.parseDuration(text, option: option)) }
    }
    if let healthRetries { check["Retries"] = .int(healthRetries) }
    return check.members.isEmpty ? nil : check
  }
}

/// The content of a file, at most `limit` bytes.
func readWhole(_ path: String, limit: Int) throws(ClientError) -> [UInt8] {
  let descriptor = try openFile(path)
  defer { close(descriptor) }
  var whole: [UInt8] = []
  while true {
    let piece = try readPiece(descriptor, upTo: 65_536)
    if piece.isEmpty { return whole }
    whole.append(contentsOf: piece)
    guard whole.count <= limit else { throw ClientError("'\(path)' is larger than \(limit) bytes") }
  }
}

/// Opens a file for reading.
func openFile(_ path: String) throws(ClientError) -> Int32 {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw ClientError("cannot open '\(path)': \(describe(errno: errno))") }
  return descriptor
}
