import Model
import OCITypes

/// What makes an exec differ from its container's own process.
public struct ExecInput: Sendable {
  public var arguments: [String]
  /// Complete: the container's environment and what the client adds.
  public var environment: [String]
  public var workingDirectory: String
  public var user: ResolvedUser
  public var terminal: Bool
  /// Every capability the policy lets be added (`exec --privileged`; the policy must allow privileged).
  public var privileged: Bool
  public var consoleHeight: Int
  public var consoleWidth: Int

  public init(
    arguments: [String], environment: [String], workingDirectory: String, user: ResolvedUser, terminal: Bool = false,
    privileged: Bool = false, consoleHeight: Int = 0, consoleWidth: Int = 0
  ) {
    self.arguments = arguments
    self.environment = environment
    self.workingDirectory = workingDirectory
    self.user = user
    self.terminal = terminal
    self.privileged = privileged
    self.consoleHeight = consoleHeight
    self.consoleWidth = consoleWidth
  }
}

extension SpecBuilder {
  /// The process of an exec in a container whose specification is `container`: its rights are never more than the
  /// container's own, but for `privileged`, which the policy has to allow.
  public static func execProcess(
    _ exec: ExecInput, container: ProcessSpec, policy: EnginePolicy
  ) throws -> ProcessSpec {
    guard !exec.arguments.isEmpty else { throw PlatformError(.invalidArgument, "no exec command specified") }
    var process = ProcessSpec(
      user: specUser(exec.user), args: exec.arguments, env: exec.environment, cwd: exec.workingDirectory)
    process.terminal = exec.terminal
    process.consoleSize = exec.terminal ? consoleSize(exec.consoleHeight, exec.consoleWidth) : nil
    process.noNewPrivileges = container.noNewPrivileges
    process.apparmorProfile = container.apparmorProfile
    process.rlimits = container.rlimits
    process.oomScoreAdj = container.oomScoreAdj
    var capabilities = Set((container.capabilities?.bounding ?? []).compactMap(Capability.init(rawValue:)))
    if exec.privileged {
      try PolicyCheck(policy: policy).requirePrivileged()
      capabilities = Set(Capability.allCases)
    }
    process.capabilities = ProcessSpec.Capabilities(capabilities, uid: exec.user.uid)
    return process
  }

  static func process(_ input: SpecInput, plan: Plan, arguments: [String]) throws -> ProcessSpec {
    let host = input.settings.host
    var process = ProcessSpec(
      user: specUser(input.user), args: arguments, env: input.environment, cwd: input.workingDirectory)
    process.terminal = input.settings.terminal
    if input.settings.terminal { process.consoleSize = consoleSize(host.consoleHeight, host.consoleWidth) }
    process.capabilities = ProcessSpec.Capabilities(plan.capabilities, uid: input.user.uid)
    process.noNewPrivileges = plan.noNewPrivileges
    process.apparmorProfile = appArmorProfile(input, plan: plan)
    process.oomScoreAdj = try oomScoreAdjustment(input)
    process.rlimits = try rlimits(host.resourceLimits)
    return process
  }

  private static func specUser(_ user: ResolvedUser) -> ProcessSpec.User {
    ProcessSpec.User(
      uid: user.uid, gid: user.gid, additionalGids: user.additionalGids.isEmpty ? nil : user.additionalGids)
  }

  private static func consoleSize(_ height: Int, _ width: Int) -> ProcessSpec.ConsoleSize? {
    guard height > 0, width > 0 else { return nil }
    return ProcessSpec.ConsoleSize(height: UInt(min(height, 65_535)), width: UInt(min(width, 65_535)))
  }

  /// The profile that holds for a container; nil where the host has no AppArmor or none was chosen.
  public static func appArmorProfile(
    _ security: SecurityOptions, privileged: Bool, host: HostProfile, policy: EnginePolicy
  ) -> String? {
    guard host.appArmor else { return nil }
    if let asked = security.appArmor { return asked }
    return privileged ? "unconfined" : policy.appArmor.defaultProfile
  }

  private static func appArmorProfile(_ input: SpecInput, plan: Plan) -> String? {
    appArmorProfile(
      plan.security, privileged: plan.privileged, host: input.host, policy: input.policy)
  }

  /// Always said, so that a container does not inherit an engine's protection from the OOM killer.
  private static func oomScoreAdjustment(_ input: SpecInput) throws -> Int {
    let floor = input.host.canRaiseLimits ? -1000 : input.host.oomScoreAdjustment
    guard let asked = input.settings.host.oomScoreAdjustment else { return max(0, floor) }
    guard asked >= floor else {
      throw PlatformError(
        .unavailable,
        "failed to set the OOM score adjustment \(asked): the engine runs without CAP_SYS_RESOURCE on this host and "
          + "cannot go below \(floor)"
      ).about(.oomScore)
    }
    return asked
  }

  private static func rlimits(_ limits: [ResourceLimit]) throws -> [ProcessSpec.ResourceLimit]? {
    guard !limits.isEmpty else { return nil }
    return try limits.map { limit in
      guard let type = ResourceLimitName.specName(limit.name) else {
        throw PlatformError(.invalidArgument, "invalid ulimit type: \(limit.name.prefix(100))")
          .about(.resourceLimits, limit.name)
      }
      return ProcessSpec.ResourceLimit(
        type: type, soft: limit.soft < 0 ? .max : UInt64(limit.soft), hard: limit.hard < 0 ? .max : UInt64(limit.hard))
    }
  }
}

/// The names of setrlimit(2) limits as `--ulimit` takes them.
public enum ResourceLimitName {
  private static let all: Set<String> = [
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
    "rttime", "sigpending", "stack",
  ]

  /// `RLIMIT_NOFILE` for `nofile`; nil for an unknown name.
  public static func specName(_ name: String) -> String? {
    all.contains(name) ? "RLIMIT_" + name.uppercased() : nil
  }
}
