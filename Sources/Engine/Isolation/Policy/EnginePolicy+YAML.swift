import ConfigurationFiles
import Model

extension EnginePolicy {
  private static let file = ConfigurationFile(title: "policy", standardPath: standardPath)

  /// Reads the policy file; without one at the standard path, the defaults hold. Errors: `ConfigurationFile.read`. Blocks.
  public static func load(path: String? = nil, owner: UInt32 = 0) throws -> EnginePolicy {
    try file.read(path: path, owner: owner).map(parse) ?? EnginePolicy()
  }

  /// Reads the text of a policy file; what it does not say stays as in `EnginePolicy()`.
  ///
  /// Throws `invalidArgument` naming `name`, line and key for anything that is not understood: a policy with a mistake
  /// in it must not be taken for another one.
  public static func parse(_ bytes: [UInt8], name: String = standardPath) throws -> EnginePolicy {
    try parse(ConfigurationReader(bytes, name: name))
  }

  private static func parse(_ reader: ConfigurationReader) throws -> EnginePolicy {
    try reader.allow([
      "privileged", "hostNamespaces", "capabilities", "devices", "hostPaths", "noNewPrivileges", "seccomp", "appArmor",
      "sysctls", "cgroupParents", "syslog", "registries", "builds", "backups", "engineSocket", "names", "networks",
      "runtimes",
      "defaultRuntime", "defaults", "limits",
    ])
    var policy = EnginePolicy()
    try set(&policy.privileged, reader.flag("privileged"))
    try set(&policy.noNewPrivileges, reader.flag("noNewPrivileges"))
    try policy.hostNamespaces.read(reader)
    try policy.capabilities.read(reader)
    try policy.devices.read(reader)
    try policy.hostPaths.read(reader)
    try policy.readConfinement(reader)
    try policy.registries.read(reader)
    try policy.builds.read(reader)
    try policy.backups.read(reader)
    try set(&policy.engineSocket, reader.choice("engineSocket", of: EngineSocket.self))
    try policy.names.read(reader)
    try policy.networks.read(reader)
    try policy.readRuntimes(reader)
    try policy.defaults.read(reader)
    try policy.limits.read(reader)
    return policy
  }

  private mutating func readConfinement(_ reader: ConfigurationReader) throws {
    if let section = try reader.section("seccomp") {
      try section.allow(["unconfined", "custom"])
      try set(&seccomp.unconfined, section.flag("unconfined"))
      try set(&seccomp.custom, section.flag("custom"))
    }
    if let section = try reader.section("appArmor") {
      try section.allow(["defaultProfile", "unconfined", "allowed"])
      if let profile = try section.text("defaultProfile") { appArmor.defaultProfile = profile.isEmpty ? nil : profile }
      try set(&appArmor.unconfined, section.flag("unconfined"))
      try set(&appArmor.allowed, section.texts("allowed"))
    }
    if let section = try reader.section("sysctls") {
      try section.allow(["allowed"])
      try set(&sysctls.allowed, section.texts("allowed"))
    }
    if let section = try reader.section("cgroupParents") {
      try section.allow(["allowed"])
      try set(&cgroupParents.allowed, section.paths("allowed"))
    }
    if let section = try reader.section("syslog") {
      try section.allow(["allowed"])
      try set(&syslog.allowed, section.texts("allowed"))
    }
  }

  private mutating func readRuntimes(_ reader: ConfigurationReader) throws {
    if let named = try reader.dictionary("runtimes") {
      for (key, path) in named {
        guard !key.isEmpty, key.utf8.count <= 64, !key.contains("/") else {
          throw reader.fail("runtimes", "has a name that is empty, too long or contains a slash")
        }
        guard path.hasPrefix("/") else { throw reader.fail("runtimes", "must give absolute paths") }
      }
      guard !named.isEmpty else { throw reader.fail("runtimes", "must have an entry") }
      runtimes = named
      if runtimes[defaultRuntime] == nil, let first = runtimes.keys.sorted().first { defaultRuntime = first }
    }
    try set(&defaultRuntime, reader.text("defaultRuntime"))
    guard runtimes[defaultRuntime] != nil else {
      throw reader.fail("defaultRuntime", "must be one of " + runtimes.keys.sorted().joined(separator: ", "))
    }
  }
}

extension EnginePolicy.HostNamespaces {
  fileprivate mutating func read(_ reader: ConfigurationReader) throws {
    guard let section = try reader.section("hostNamespaces") else { return }
    try section.allow(["network", "pid", "ipc", "uts", "user", "cgroup"])
    try set(&network, section.flag("network"))
    try set(&pid, section.flag("pid"))
    try set(&ipc, section.flag("ipc"))
    try set(&uts, section.flag("uts"))
    try set(&user, section.flag("user"))
    try set(&cgroup, section.flag("cgroup"))
  }
}

extension EnginePolicy.Capabilities {
  fileprivate mutating func read(_ reader: ConfigurationReader) throws {
    guard let section = try reader.section("capabilities") else { return }
    try section.allow(["addable"])
    guard let names = try section.texts("addable") else { return }
    addable = []
    for name in names {
      if name.uppercased() == "ALL" {
        addable = Set(Capability.allCases)
      } else if let capability = Capability(named: name) {
        addable.insert(capability)
      } else {
        throw section.fail("addable", "has an unknown capability: \(name.prefix(100))")
      }
    }
  }
}

extension EnginePolicy.Devices {
  fileprivate mutating func read(_ reader: ConfigurationReader) throws {
    guard let section = try reader.section("devices") else { return }
    try section.allow(["allowed", "cgroupRules"])
    try set(&allowed, section.texts("allowed"))
    try set(&cgroupRules, section.flag("cgroupRules"))
  }
}

extension EnginePolicy.HostPaths {
  fileprivate mutating func read(_ reader: ConfigurationReader) throws {
    guard let section = try reader.section("hostPaths") else { return }
    try section.allow(["denied", "allowed", "ownership"])
    try set(&denied, section.paths("denied"))
    try set(&ownership, section.choice("ownership", of: HostPathOwnership.self))
    guard let entries = try section.sections("allowed") else { return }
    allowed = try entries.map { entry in
      try entry.allow(["path", "readOnly", "ownership"])
      guard let path = try entry.text("path"), path.hasPrefix("/") else {
        throw entry.fail("path", "must be an absolute path")
      }
      return HostPathRule(
        path: MountDestination.cleaned(path), readOnly: try entry.flag("readOnly") ?? false,
        ownership: try entry.choice("ownership", of: HostPathOwnership.self))
    }
  }
}

extension EnginePolicy.Registries {
  private static let maximumMirrors = 100
  private static let maximumFolders = 8

  fileprivate mutating func read(_ reader: ConfigurationReader) throws {
    guard let section = try reader.section("registries") else { return }
    try section.allow(["allowed", "insecure", "mirrors", "tokenServers", "certificateFolders", "downloads", "uploads"])
    try set(&allowed, section.texts("allowed"))
    try set(&insecure, section.hosts("insecure"))
    if let entries = try section.sections("mirrors") {
      guard entries.count <= Self.maximumMirrors else {
        throw section.fail("mirrors", "may have \(Self.maximumMirrors) entries")
      }
      mirrors = try entries.map(Self.mirror)
    }
    if let servers = try section.section("tokenServers") {
      for registry in servers.keys { tokenServers[registry] = try servers.texts(registry) }
    }
    try set(&certificateFolders, section.paths("certificateFolders"))
    guard certificateFolders.count <= Self.maximumFolders else {
      throw section.fail("certificateFolders", "may have \(Self.maximumFolders) entries")
    }
    try set(&downloads, section.integer("downloads", in: 1...32).map(Int.init))
    try set(&uploads, section.integer("uploads", in: 1...32).map(Int.init))
  }

  private static func mirror(_ entry: ConfigurationReader) throws -> RegistryMirrorRule {
    try entry.allow(["prefix", "location", "fallback"])
    let isPlace: (String) -> Bool = { !$0.isEmpty && !$0.contains("://") && !$0.hasPrefix("/") && !$0.hasSuffix("/") }
    guard let prefix = try entry.text("prefix"), isPlace(prefix) else {
      throw entry.fail("prefix", "must be a registry or the start of a name, such as docker.io or docker.io/library")
    }
    guard let location = try entry.text("location"), isPlace(location) else {
      throw entry.fail("location", "must be HOST[:PORT] with or without a path, and without https://")
    }
    return RegistryMirrorRule(prefix: prefix, location: location, fallsBack: try entry.flag("fallback") ?? true)
  }
}

extension EnginePolicy.Builds {
  fileprivate mutating func read(_ reader: ConfigurationReader) throws {
    guard let section = try reader.section("builds") else { return }
    try section.allow(["hosts"])
    try set(&hosts, section.hosts("hosts"))
  }
}

extension EnginePolicy.Backups {
  fileprivate mutating func read(_ reader: ConfigurationReader) throws {
    guard let section = try reader.section("backups") else { return }
    try section.allow(["folder", "passphraseFile"])
    folder = try section.path("folder") ?? folder
    passphraseFile = try section.path("passphraseFile") ?? passphraseFile
  }
}

extension EnginePolicy.Networks {
  fileprivate mutating func read(_ reader: ConfigurationReader) throws {
    guard let section = try reader.section("networks") else { return }
    try section.allow(["subnets", "pods"])
    try set(&subnets, section.texts("subnets"))
    try set(&pods, section.text("pods"))
  }
}

extension EnginePolicy.Names {
  private static let maximumDomainBytes = 253

  fileprivate mutating func read(_ reader: ConfigurationReader) throws {
    guard let section = try reader.section("names") else { return }
    try section.allow(["rebinding", "privateDomains"])
    try set(&rebinding, section.choice("rebinding", of: Rebinding.self))
    for domain in try section.texts("privateDomains") ?? [] {
      let labels = domain.split(separator: ".", omittingEmptySubsequences: false)
      guard domain.utf8.count <= Self.maximumDomainBytes, labels.allSatisfy({ !$0.isEmpty && $0 != "*" }) else {
        throw section.fail("privateDomains", "must name domains such as corp.example, not '\(domain.prefix(100))'")
      }
      privateDomains.append(domain)
    }
  }
}

extension ConfigurationReader {
  fileprivate func path(_ key: String) throws -> String? {
    guard let path = try text(key) else { return nil }
    guard path.hasPrefix("/"), path.utf8.count <= 4_000, !path.split(separator: "/").contains("..") else {
      throw fail(key, "must be an absolute path")
    }
    return path
  }

  /// Hosts with or without a port, or all of a domain; nil where the key is not there.
  fileprivate func hosts(_ key: String) throws -> [String]? {
    let hosts = try texts(key)
    for host in hosts ?? [] where host.isEmpty || host == "*" || host.contains("/") {
      throw fail(key, "must name hosts such as registry.test:5000 or *.test, not '\(host.prefix(100))'")
    }
    return hosts
  }
}

extension EnginePolicy.Defaults {
  fileprivate mutating func read(_ reader: ConfigurationReader) throws {
    guard let section = try reader.section("defaults") else { return }
    try section.allow([
      "logDriver", "logMaxSizeBytes", "logMaxFiles", "logMaxAgeSeconds", "pidsLimit", "sharedMemorySizeBytes",
      "restartUnhealthy", "stopTimeoutSeconds",
    ])
    if let driver = try section.text("logDriver") {
      guard LogDriver(rawValue: driver) != nil else {
        throw section.fail("logDriver", "must be one of " + LogDriver.allCases.map(\.rawValue).joined(separator: ", "))
      }
      logDriver = driver
    }
    let most = Int64.max / 2
    try set(&logMaxSizeBytes, section.integer("logMaxSizeBytes", in: 65_536...most))
    try set(&logMaxFiles, section.integer("logMaxFiles", in: 1...1000).map(Int.init))
    try set(&logMaxAgeSeconds, section.integer("logMaxAgeSeconds", in: 0...most))
    try set(&pidsLimit, section.integer("pidsLimit", in: 0...4_194_304))
    try set(&sharedMemorySizeBytes, section.integer("sharedMemorySizeBytes", in: 4096...most))
    try set(&restartUnhealthy, section.flag("restartUnhealthy"))
    try set(&stopTimeoutSeconds, section.integer("stopTimeoutSeconds", in: 0...86_400).map(Int.init))
  }
}

extension EnginePolicy.Limits {
  fileprivate mutating func read(_ reader: ConfigurationReader) throws {
    guard let section = try reader.section("limits") else { return }
    try section.allow(["containers", "execsPerContainer", "networks", "volumes"])
    let range: ClosedRange<Int64> = 1...1_000_000
    try set(&containers, section.integer("containers", in: 1...Int64(IDRange.perEngine - 1)).map(Int.init))
    try set(&execsPerContainer, section.integer("execsPerContainer", in: range).map(Int.init))
    try set(&networks, section.integer("networks", in: range).map(Int.init))
    try set(&volumes, section.integer("volumes", in: range).map(Int.init))
  }
}

extension ConfigurationReader {
  /// A list of absolute paths, cleaned.
  fileprivate func paths(_ key: String) throws -> [String]? {
    try texts(key)?.map { path in
      guard path.hasPrefix("/") else { throw fail(key, "must be a list of absolute paths") }
      return MountDestination.cleaned(path)
    }
  }
}

private func set<Value>(_ target: inout Value, _ value: Value?) {
  if let value { target = value }
}
