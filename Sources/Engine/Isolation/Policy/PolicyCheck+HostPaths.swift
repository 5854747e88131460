import Glibc
import LinuxSystem
import Model

/// A path of the host with its links followed, held open, so that what was checked is what is mounted.
public struct ResolvedHostPath: Sendable {
  /// Absolute, no links, no dots.
  public let path: String
  public let status: FileStatus
  /// Opened with O_PATH; `MountAPI.openTree` takes it.
  public let descriptor: Descriptor
}

/// The terms on which a host path may be bound.
public struct HostPathTerms: Sendable, Equatable {
  public var ownership: HostPathOwnership
  /// An allowed entry for this path or one above says so; otherwise it is what holds for all paths.
  public var namesOwnership: Bool
  public init(ownership: HostPathOwnership, namesOwnership: Bool = false) {
    self.ownership = ownership
    self.namesOwnership = namesOwnership
  }
}

extension PolicyCheck {
  /// Follows the links of a bind mount's source. Throws `invalidArgument` as docker does where it does not exist or is
  /// not absolute. Blocks.
  public static func resolveHostPath(_ path: String) throws -> ResolvedHostPath {
    guard path.hasPrefix("/"), path.utf8.count <= MountDestination.maximumBytes, !path.utf8.contains(0) else {
      throw PlatformError(
        .invalidArgument,
        "invalid mount config for type \"bind\": invalid mount path: '\(path.prefix(200))' mount path must be absolute")
    }
    do {
      let descriptor = try Descriptor.open(path, flags: O_PATH | O_CLOEXEC)
      // The kernel's own name for what was opened: no second walk that could end elsewhere.
      let link = try Descriptor.open("/proc/self/fd/\(descriptor.raw)", flags: O_PATH | O_NOFOLLOW | O_CLOEXEC)
      let resolved = try link.readLink()
      guard resolved.hasPrefix("/"), try descriptor.status().linkCount > 0 else {
        throw PlatformError(
          .invalidArgument, "invalid mount config for type \"bind\": '\(path)' is not a path of the host")
      }
      return ResolvedHostPath(path: resolved, status: try descriptor.status(), descriptor: descriptor)
    } catch let error as SystemError {
      guard [ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG].contains(error.errno) else {
        throw PlatformError(.internal, "failed to look up the mount source '\(path)': \(error)", cause: error)
      }
      throw PlatformError(
        .invalidArgument, "invalid mount config for type \"bind\": bind source path does not exist: \(path)",
        cause: error)
    }
  }

  /// Whether a host path, links followed, may be bound, and on what terms.
  public func checkHostPath(_ resolvedPath: String, readOnly: Bool) throws -> HostPathTerms {
    let path = MountDestination.cleaned(resolvedPath)
    if let own = enginePaths.first(where: { PathRules.covers($0, path) || PathRules.covers(path, $0) }) {
      throw PlatformError(
        .forbidden,
        "the host path \(path) may not be mounted: \(own) belongs to the engine (rule hostPaths; it cannot be allowed)")
    }
    let rule = PathRules.deepest(policy.hostPaths.allowed, covering: path)
    if let denied = PathRules.denial(of: path, policy.hostPaths, allowedBy: rule) {
      let reason =
        PathRules.covers(denied, path) ? "it is a system path" : "it contains the system path \(denied)"
      throw refusal(
        "the host path \(path) may not be mounted (\(reason))", rule: "hostPaths.denied",
        remedy: "add '- path: \(path)' to 'hostPaths.allowed'")
    }
    if let rule, rule.readOnly, !readOnly {
      throw refusal(
        "the host path \(path) may be mounted read-only only", rule: "hostPaths.allowed",
        remedy: "ask for a read-only mount (':ro'), or set 'readOnly: false' for \(rule.path)")
    }
    return HostPathTerms(
      ownership: rule?.ownership ?? policy.hostPaths.ownership, namesOwnership: rule?.ownership != nil)
  }
}

/// How paths and lists of paths relate.
enum PathRules {
  /// `path` is `folder` or lies below it. Both clean.
  static func covers(_ folder: String, _ path: String) -> Bool {
    folder == "/" || path == folder || path.hasPrefix(folder + "/")
  }

  static func deepest(_ rules: [HostPathRule], covering path: String) -> HostPathRule? {
    rules.filter { covers($0.path, path) }.max { $0.path.utf8.count < $1.path.utf8.count }
  }

  /// The denied path that forbids `path`; nil where none does. An allowed entry for exactly this path always holds; a
  /// shallower one gives way to deeper denied paths.
  static func denial(of path: String, _ rules: EnginePolicy.HostPaths, allowedBy rule: HostPathRule?) -> String? {
    if rule?.path == path { return nil }
    let depth = rule?.path.utf8.count ?? -1
    if let denied = rules.denied.first(where: { covers($0, path) && $0.utf8.count > depth }) { return denied }
    return rules.denied.first { covers(path, $0) }
  }
}
