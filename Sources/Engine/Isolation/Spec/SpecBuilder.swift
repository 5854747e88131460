import Model
import OCITypes

/// Makes a container's OCI runtime configuration from its settings, the engine's policy and what the host has.
///
/// Pure: it reads nothing from the machine, so that the same input gives the same specification.
public enum SpecBuilder {
  /// Where `--init` puts the init program inside.
  public static let initDestination = "/sbin/docker-init"

  /// The whole `config.json`.
  ///
  /// Throws `forbidden` where the policy does not allow what the settings ask for (checked here again, as the policy
  /// may have become stricter since the container was created), `invalidArgument` for values that cannot be translated
  /// and `unavailable` for what this host cannot do.
  public static func build(_ input: SpecInput) throws -> RuntimeSpec {
    try PolicyCheck(policy: input.policy, cgroupParent: input.engineCgroupParent).check(input.settings)
    guard !input.arguments.isEmpty else {
      throw PlatformError(.invalidArgument, "no command specified: neither the image nor the request names one")
        .about(.command)
    }
    let security = try SecurityOptions(parsing: input.settings.host.securityOptions)
    let plan = try Plan(input, security: security)
    var linux = RuntimeSpec.Linux()
    linux.namespaces = namespaces(input.namespaces)
    if plan.hasUserNamespace {
      let mapping = RuntimeSpec.Linux.IDMapping(containerID: 0, hostID: input.ids.first, size: input.ids.count)
      linux.uidMappings = [mapping]
      linux.gidMappings = [mapping]
    }
    linux.cgroupsPath = input.cgroupsPath
    linux.resources = try resources(input, plan: plan)
    linux.devices = devices(input, plan: plan)
    linux.sysctl = sysctls(input)
    linux.seccomp = try seccomp(input, plan: plan)
    linux.maskedPaths = plan.privileged ? nil : input.settings.host.maskedPaths ?? KernelPaths.masked
    linux.readonlyPaths = plan.privileged ? nil : input.settings.host.readOnlyPaths ?? KernelPaths.readOnly
    linux.rootfsPropagation = rootPropagation(input)

    var spec = RuntimeSpec(
      process: try process(input, plan: plan, arguments: plan.arguments),
      root: RuntimeSpec.Root(path: input.rootPath, readonly: input.settings.host.readOnlyRoot),
      mounts: try mounts(input, plan: plan), linux: linux)
    if input.namespaces.uts == .new {
      spec.hostname = input.hostname
      if let domain = input.settings.domainName, !domain.isEmpty { spec.domainname = domain }
    }
    if !input.settings.host.annotations.isEmpty { spec.annotations = input.settings.host.annotations }
    if input.runtimeTakesFilterPrograms, plan.security.seccomp == .standard { useProgram(&spec, input) }
    return spec
  }

  /// What several parts of the specification depend on.
  struct Plan {
    var privileged: Bool
    var hasUserNamespace: Bool
    var capabilities: Set<Capability>
    var security: SecurityOptions
    var noNewPrivileges: Bool
    var arguments: [String]

    init(_ input: SpecInput, security: SecurityOptions) throws {
      let host = input.settings.host
      privileged = host.privileged
      hasUserNamespace = input.namespaces.user != .host
      guard hasUserNamespace != input.ids.isHost else {
        throw PlatformError(
          .internal, "failed to build the container's specification: its ids do not fit its user namespace")
      }
      self.security = security
      noNewPrivileges = input.policy.noNewPrivileges || security.noNewPrivileges == true
      let request = try CapabilityRequest(adding: host.capabilitiesAdded, dropping: host.capabilitiesDropped)
      let asked =
        privileged
        ? Set(Capability.allCases) : request.capabilities(permitted: input.policy.capabilities.addable)
      // In a new user namespace the kernel gives every capability; outside one nobody can have more than the engine.
      capabilities = hasUserNamespace ? asked : asked.intersection(input.host.boundingCapabilities)
      arguments =
        input.initProgram == nil ? input.arguments : [SpecBuilder.initDestination, "--"] + input.arguments
    }
  }

  private static func namespaces(_ plan: NamespacePlan) -> [RuntimeSpec.Linux.Namespace] {
    // The user namespace comes first: the others are made in it and belong to it.
    let origins: [(RuntimeSpec.Linux.NamespaceKind, NamespacePlan.Origin)] = [
      (.user, plan.user), (.mount, .new), (.pid, plan.pid), (.network, plan.network), (.ipc, plan.ipc),
      (.uts, plan.uts), (.cgroup, plan.cgroup),
    ]
    return origins.compactMap { kind, origin in
      switch origin {
      case .new: RuntimeSpec.Linux.Namespace(kind)
      case .host: nil
      case .path(let path): RuntimeSpec.Linux.Namespace(kind, path: path)
      }
    }
  }

  /// Mounts that are to receive from the host (`slave`) or to share with it need a root that does so.
  private static func rootPropagation(_ input: SpecInput) -> String? {
    let wanted = Set(input.mounts.compactMap(\.propagation))
    if !wanted.isDisjoint(with: ["shared", "rshared"]) { return "shared" }
    if !wanted.isDisjoint(with: ["slave", "rslave"]) { return "rslave" }
    return nil
  }

  private static func sysctls(_ input: SpecInput) -> [String: String]? {
    var values: [String: String] = [:]
    if input.namespaces.network == .new || input.namespaces.ownsNetwork && input.namespaces.network != .host {
      // Any user inside may serve port 80 and send pings; both reach the container's own network only.
      values["net.ipv4.ip_unprivileged_port_start"] = "0"
      // The groups have to lie inside the user namespace's map, or the kernel refuses the whole value.
      values["net.ipv4.ping_group_range"] = "0 \(min(input.ids.count, IDRange.standardCount) - 1)"
    }
    for (name, value) in input.settings.host.sysctls { values[name] = value }
    return values.isEmpty ? nil : values
  }

  /// Replaces the rules by their program. What stays is a filter that allows nothing, for a runtime that passes the
  /// program over.
  private static func useProgram(_ spec: inout RuntimeSpec, _ input: SpecInput) {
    guard let profile = spec.linux.seccomp, let numbers = SystemCallNumbers.of(input.host.architecture),
      let program = SeccompProgram(profile, numbers: numbers)
    else { return }
    spec.linux.seccomp = RuntimeSpec.Linux.Seccomp(defaultAction: .killProcess)
    spec.annotations = (spec.annotations ?? [:]).merging([SeccompProgram.annotation: program.base64]) { $1 }
  }

  private static func seccomp(_ input: SpecInput, plan: Plan) throws -> RuntimeSpec.Linux.Seccomp? {
    guard !plan.privileged, input.host.seccomp else { return nil }
    let terms = SeccompTerms(
      capabilities: plan.capabilities, architecture: input.host.architecture, kernel: input.host.kernel)
    switch plan.security.seccomp {
    case .unconfined: return nil
    case .standard: return SeccompProfile.standard(terms)
    case .profile(let text): return try SeccompProfile.parse(Array(text.utf8), terms: terms)
    }
  }
}
