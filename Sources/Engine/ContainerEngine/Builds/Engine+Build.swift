import Builder
import ImageCatalog
import Isolation
import LinuxSystem
import Model
import RegistryClient

extension Engine {
  /// Takes a build context as `docker build` sends it: a tar archive, packed or not. Blocks.
  public func receiveContext(from archive: Descriptor) throws -> BuildContext { try builder.receive(archive) }

  /// Fetches a commit of a git repository, as far as the policy lets builds reach out.
  func fetch(_ address: GitAddress, into folder: String) async throws -> GitCommit {
    let host = try await distribution.checked(address.repository, inner: policy.builds.hosts)
    let fetch = try GitFetch(executor: executor, folder: folder, host: host) { [snapshots] in
      try snapshots.sizeBytes(upper: $0)
    }
    return try await fetch.run(address)
  }

  /// A commit's files as a build context.
  public func receiveContext(from address: GitAddress) async throws -> BuildContext {
    let folder = "\(paths.builds)/steps/\(ContainerID.random().short)"
    try FileSystem.makeDirectories(folder, mode: 0o755)
    defer { try? FileSystem.removeTree(folder) }
    let commit = try await fetch(address, into: folder)
    let contexts = buildContexts
    return try await executor.run {
      try GitContexts.folder(address.folder, of: try GitContexts.context(of: commit, in: contexts))
    }
  }

  /// Lets a build ask the agents of its client; see `AgentSession`.
  /// - Parameters:
  ///   - id: made up by the client: 32 hexadecimal digits, from 128 random bits.
  ///   - user: the client's; nobody else may lend connections.
  /// - Throws: `invalidArgument`, `conflict` for an id that a build has.
  public func openAgents(_ id: String, user: UInt32, agents: Set<String>) throws -> AgentLease {
    try agentSessions.open(id, user: user, agents: agents)
  }

  /// - Throws: `notFound` where this user has no such build.
  public func agents(_ id: String, user: UInt32) throws -> AgentSession { try agentSessions.find(id, user: user) }

  /// Builds an image.
  /// - Parameters:
  ///   - agents: those that `request` names, asked as long as the build runs.
  ///   - credentials: for the registry of a base image.
  public func build(
    _ request: BuildRequest, context: BuildContext, creator: ClientIdentity?, agents: AgentSession? = nil,
    credentials: @escaping @Sendable (ImageReference) -> RegistryCredentials, report: @escaping BuildReport
  ) async throws -> Digest {
    if case .host = request.settings.network {
      // Refused before anything is done, and once more at each step.
      try policyCheck.check(StepContainer.settings(RunStepSettings(request.settings), image: "build"))
    }
    let runner = ContainerStepRunner(engine: self, creator: creator, agents: agents, credentials: credentials)
    let id = try await builder.build(request, context: context, runner: runner, report: report)
    events.emit(.image, "build", id: id.description, attributes: [:])
    for reference in request.references {
      events.emit(.image, "tag", id: id.description, attributes: ["name": reference.withDefaultTag.familiar])
    }
    return id
  }

  /// Every step in the build cache, the one used last first.
  public func buildCache() -> [(key: Digest, step: CachedStep)] { builder.cache.list() }

  /// Removes steps from the build cache.
  /// - Parameters:
  ///   - all: contexts too; cache mounts go unless steps are named or bytes are to be kept.
  ///   - keepBytes: stop when the cache has no more than these; 0 keeps nothing.
  ///   - unusedSince: only steps that were not used since, in nanoseconds since 1970.
  public func pruneBuildCache(
    all: Bool, keepBytes: Int64, unusedSince: Int64?, ids: Set<Digest>?
  ) throws -> (removed: [Digest], reclaimedBytes: Int64) {
    // Steps are listed under their keys; without a filter by id all may go.
    let chosen = ids.map { ids in Set(builder.cache.list().filter { ids.contains($0.key) }.map(\.step)) }
    return try builder.prune(
      all: all && ids == nil, keepBytes: keepBytes, cacheMounts: ids == nil ? unusedSince ?? Int64.max : nil
    ) { step in
      if let chosen, !chosen.contains(step) { return false }
      return unusedSince.map { step.lastUsedAt < $0 } ?? true
    }
  }
}
