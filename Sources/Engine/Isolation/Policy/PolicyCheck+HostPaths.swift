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

  /// Makes the folder that a bind's source names, and those above it that are missing; nothing is made when it may not be
  /// bound. Blocks.
  ///
  /// The part that is there is opened, its links followed, and checked by the kernel's name for it; the rest is made beneath
  /// what was opened, without following any link that somebody puts there meanwhile.
  /// - Parameters:
  ///   - owner: who gets the last folder; nil: root.
  ///   - creator: whose folders something may be made in, besides root's; root makes it anywhere.
  public func makeHostDirectory(_ path: String, readOnly: Bool, owner: UInt32?, creator: ClientIdentity?) throws {
    guard path.hasPrefix("/"), path.utf8.count <= MountDestination.maximumBytes, !path.utf8.contains(0) else {
      throw PlatformError(
        .invalidArgument,
        "invalid mount config for type \"bind\": invalid mount path: '\(path.prefix(200))' mount path must be absolute")
    }
    var names = path.split(separator: "/").filter { $0 != "." }.map(String.init)
    var missing: [String] = []
    do {
      var above: Descriptor?
      while above == nil {
        do {
          above = try Descriptor.open("/" + names.joined(separator: "/"), flags: O_PATH | O_DIRECTORY)
        } catch let error as SystemError where error.errno == ENOENT && !names.isEmpty {
          missing.insert(names.removeLast(), at: 0)
        }
      }
      guard let above, !missing.isEmpty else { return }
      try checkMissing(missing, below: above, of: path, readOnly: readOnly, creator: creator)
      var folder = RootedDirectory(above, confinement: .beneath)
      for (index, name) in missing.enumerated() {
        folder = try Self.makeOrOpen(name, in: folder, owner: index == missing.count - 1 ? owner : nil)
      }
    } catch let error as SystemError {
      throw PlatformError(
        .invalidArgument,
        "cannot make the folder '\(path.prefix(200))' of the host: \(SystemError.message(for: error.errno))",
        cause: error)
    }
  }

  private func checkMissing(
    _ missing: [String], below above: Descriptor, of path: String, readOnly: Bool, creator: ClientIdentity?
  ) throws {
    guard !missing.contains("..") else {
      throw PlatformError(
        .invalidArgument, "invalid mount config for type \"bind\": bind source path does not exist: \(path.prefix(200))"
      )
    }
    let link = try Descriptor.open("/proc/self/fd/\(above.raw)", flags: O_PATH | O_NOFOLLOW | O_CLOEXEC)
    let resolved = MountDestination.cleaned(try link.readLink() + "/" + missing.joined(separator: "/"))
    _ = try checkHostPath(resolved, readOnly: readOnly)
    let user = try above.status().uid
    guard user == 0 || creator?.user == 0 || creator?.user == user else {
      throw PlatformError(
        .forbidden, "the folder \(resolved.prefix(200)) cannot be made: the one above it belongs to user \(user)")
    }
  }

  /// Another create may have made it meanwhile; a link or file in its place is refused.
  private static func makeOrOpen(_ name: String, in folder: RootedDirectory, owner: UInt32?) throws -> RootedDirectory {
    do {
      let made = try folder.makeDirectory(name, mode: 0o755)
      if let owner { try made.chown(uid: owner, gid: owner) }
      return RootedDirectory(made, confinement: .beneath)
    } catch let error as SystemError where error.errno == EEXIST {
      return RootedDirectory(
        try folder.open(name, flags: O_PATH | O_DIRECTORY | O_NOFOLLOW), confinement: .beneath)
    }
  }

  /// The entry of `hostPaths.allowed` for this very path, clean.
  public func allowedExactly(_ path: String) -> HostPathRule? { policy.hostPaths.allowed.first { $0.path == path } }

  /// Follows a bind's links and checks where they lead. What may not be bound is refused in the same words whether it is there or
  /// not, so that nobody learns of paths by asking. Throws as `resolveHostPath` and `checkHostPath`. Blocks.
  public func resolveAllowed(
    _ path: String, readOnly: Bool, isForPod: Bool
  ) throws -> (path: ResolvedHostPath, terms: HostPathTerms) {
    let resolved: ResolvedHostPath
    do {
      resolved = try Self.resolveHostPath(path)
    } catch let error as PlatformError where error.cause is SystemError {
      _ = try checkHostPath(FileSystem.resolved(path), readOnly: readOnly, isForPod: isForPod)
      throw error
    }
    return (resolved, try checkHostPath(resolved.path, readOnly: readOnly, isForPod: isForPod))
  }

  /// Whether a host path, links followed, may be bound, and on what terms.
  /// - Parameter isForPod: pods are made by anybody whom the cluster lets: they get what the policy allows by name, and nothing of
  ///   what is merely not denied.
  public func checkHostPath(_ resolvedPath: String, readOnly: Bool, isForPod: Bool = false) throws -> HostPathTerms {
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
    if isForPod, rule == nil {
      throw refusal(
        "the host path \(path) may not be mounted into pods", rule: "hostPaths.allowed",
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
