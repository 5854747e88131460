import FoundationEssentials
import LinuxSystem
import Logging
import Model
import OCITypes
import Registry
import RegistryClient
import Synchronization

/// A project that shows another registry's repositories and keeps what was asked for.
///
/// A tag is believed for `freshSeconds`; then its upstream is asked. While the upstream is away, fails (5xx) or answers 429, what
/// is kept is served, and the upstream rests for `restSeconds`. Manifests by digest never change and are asked for once.
/// Requests that want the same at the same time share one fetch.
public final class PullThroughCache: Sendable {
  public struct Upstream: Sendable {
    /// The project here: `hub` shows the repositories `hub/…`.
    public var project: String
    public var registry: RemoteRegistry
    /// What stands there in place of the project; empty: nothing.
    public var remotePath: String
    public var freshSeconds: Int64 = 300
    public var restSeconds: Int64 = 30

    public init(project: String, registry: RemoteRegistry, remotePath: String) {
      self.project = project
      self.registry = registry
      self.remotePath = remotePath
    }
  }

  /// A manifest or index to be served.
  public struct CachedManifest: Sendable, Hashable {
    public let digest: Digest
    public let mediaType: String
    public let bytes: [UInt8]
    /// The upstream could not be asked, and what is served may be old.
    public var isStale = false
  }

  private static let author = "cache"
  /// Fetches that are under way together.
  private static let maximumFetches = 256

  private let registry: Registry
  private let store: ReplicationStore
  private let executor: BlockingExecutor
  private let logger: Logger
  private let now: @Sendable () -> Int64
  private let upstreams: [String: Upstream]
  private let fetches = Mutex<[String: Task<CachedManifest, any Error>]>([:])

  public init(
    upstreams: [Upstream], registry: Registry, store: ReplicationStore, executor: BlockingExecutor, logger: Logger,
    now: @escaping @Sendable () -> Int64 = { Int64(Clock.realTimeNanoseconds() / 1_000_000_000) }
  ) {
    self.upstreams = Dictionary(upstreams.map { ($0.project, $0) }) { $1 }
    self.registry = registry
    self.store = store
    self.executor = executor
    self.logger = logger
    self.now = now
  }

  public func isCache(_ repository: RepositoryName) -> Bool { upstreams[repository.project] != nil }

  /// A manifest as the upstream has it or had it last. When an image's manifest is returned, its blobs are in the registry;
  /// those of an index's images come when these are asked for.
  ///
  /// Throws `notFound`, `unavailable`, and what else the upstream's answer makes it; `resourceExhausted` when too many
  /// fetches are under way.
  public func manifest(_ reference: ManifestReference, in repository: RepositoryName) async throws -> CachedManifest {
    guard let upstream = upstreams[repository.project],
      let remote = try? upstream.registry.repository(upstream.path(of: repository))
    else { throw PlatformError(.notFound, "repository '\(repository)' is not known") }
    if let known = try await fresh(reference, in: repository, upstream) { return known }
    return try await together("\(repository)@\(reference)") { [self] in
      do {
        switch reference {
        case .digest(let digest): return try await bring(.digest(digest), from: remote, into: repository)
        case .tag(let tag): return try await refresh(tag, from: remote, into: repository, upstream)
        }
      } catch let error as RegistryFailure {
        throw error.platformError("fetch '\(repository)@\(reference)' from \(upstream.registry.host)")
      }
    }
  }

  /// What may be served without asking anybody.
  private func fresh(
    _ reference: ManifestReference, in repository: RepositoryName, _ upstream: Upstream
  ) async throws -> CachedManifest? {
    try await executor.run { [self] in
      switch reference {
      case .digest(let digest): return try kept(digest, in: repository)
      case .tag(let tag):
        guard let record = try store.cachedTag("\(repository):\(tag)") else { return nil }
        let time = now()
        let isFresh = time >= record.checkedAt && time - record.checkedAt < upstream.freshSeconds
        guard isFresh || time < record.restsUntil else { return nil }
        var found = try kept(record.digest, in: repository)
        found?.isStale = !isFresh
        return found
      }
    }
  }

  /// Runs `fetch` unless the same is being fetched already; then its outcome is this one's, too.
  private func together(
    _ key: String, _ fetch: @escaping @Sendable () async throws -> CachedManifest
  ) async throws -> CachedManifest {
    let task = try fetches.withLock { fetches in
      if let task = fetches[key] { return task }
      guard fetches.count < Self.maximumFetches else {
        throw PlatformError(.resourceExhausted, "too many images are being fetched; try again later")
      }
      // Owned by `fetches`; goes on when the client that began it leaves, as others may wait for it.
      let task = Task(executorPreference: executor) { [self] in
        defer { forget(key) }
        return try await fetch()
      }
      fetches[key] = task
      return task
    }
    return try await task.value
  }

  private func forget(_ key: String) { _ = fetches.withLock { $0.removeValue(forKey: key) } }

  // MARK: - Asking the upstream

  private func refresh(
    _ tag: String, from remote: RemoteRepository, into repository: RepositoryName, _ upstream: Upstream
  ) async throws -> CachedManifest {
    let id = "\(repository):\(tag)"
    let record = try store.cachedTag(id)
    let old = try record.flatMap { try kept($0.digest, in: repository) }
    do {
      if let old, try await remote.manifestDescriptor(.tag(tag))?.digest == old.digest {
        try store.setCachedTag(id, .init(digest: old.digest, checkedAt: now()))
        return old
      }
      let found = try await bring(.tag(tag), from: remote, into: repository)
      try store.setCachedTag(id, .init(digest: found.digest, checkedAt: now()))
      return found
    } catch let error as RegistryFailure where error.mayPass {
      guard var record, var old else { throw error }
      logger.warning("'\(id)' is served from the cache: \(error.message)")
      record.restsUntil = now() + upstream.restSeconds
      try store.setCachedTag(id, record)
      old.isStale = true
      return old
    } catch let error as RegistryFailure where error.kind == .notFound {
      try store.removeCachedTag(id)
      throw error
    }
  }

  private func bring(
    _ reference: ManifestName, from remote: RemoteRepository, into repository: RepositoryName
  ) async throws -> CachedManifest {
    let manifest = try await remote.manifest(reference)
    if manifest.mediaType.isIndex {
      let index = try manifest.index()
      guard index.manifests.count <= ImageTransfer.maximumManifests else {
        throw RegistryFailure(.badContent, "the index names more than \(ImageTransfer.maximumManifests) manifests")
      }
      try store.setCachedIndex(
        "\(repository)@\(manifest.digest.hex)",
        .init(mediaType: manifest.mediaType.rawValue, bytes: Data(manifest.bytes)))
    } else {
      try await ImageTransfer(registry: registry, executor: executor).take(
        manifest, tag: nil, from: remote, into: repository, author: Self.author)
    }
    return CachedManifest(
      digest: manifest.digest, mediaType: manifest.mediaType.rawValue, bytes: manifest.bytes)
  }

  /// What is here under a digest.
  private func kept(_ digest: Digest, in repository: RepositoryName) throws -> CachedManifest? {
    if let index = try store.cachedIndex("\(repository)@\(digest.hex)") {
      return CachedManifest(digest: digest, mediaType: index.mediaType, bytes: Array(index.bytes))
    }
    return try ImageTransfer.known([.manifestUnknown, .nameUnknown]) {
      let stored = try registry.manifest(.digest(digest), in: repository)
      return CachedManifest(digest: digest, mediaType: stored.mediaType, bytes: stored.bytes)
    }
  }
}

extension PullThroughCache.Upstream {
  /// The repository there of a repository here.
  func path(of repository: RepositoryName) -> String {
    let rest = repository.description.dropFirst(project.count + 1)
    return remotePath.isEmpty ? String(rest) : rest.isEmpty ? remotePath : "\(remotePath)/\(rest)"
  }
}
