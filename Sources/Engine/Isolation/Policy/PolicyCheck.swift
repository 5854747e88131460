import Model

/// Compares what a client asks for with what the engine's policy allows.
public struct PolicyCheck: Sendable {
  let policy: EnginePolicy
  public init(policy: EnginePolicy) { self.policy = policy }

  /// Throws `forbidden`, naming the rule and how to allow it, for the first wish that the policy refuses.
  public func check(_ settings: ContainerSettings) throws {
    if settings.host.privileged { try requirePrivileged() }
  }

  /// Throws `forbidden` unless privileged processes are allowed.
  public func requirePrivileged() throws {
    guard policy.privileged else {
      throw PlatformError(
        .forbidden,
        "privileged containers are not allowed by the engine's policy (rule privileged): set 'privileged: true' in "
          + "\(EnginePolicy.standardPath) to allow it")
    }
  }
}
