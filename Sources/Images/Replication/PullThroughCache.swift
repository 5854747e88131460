import FoundationEssentials
import LinuxSystem
import Logging
import Model
import OCITypes
import Registry
import RegistryClient
import Synchronization

/// Serves cache projects: asks their upstreams for what is not here and keeps it.
///
/// A tag is believed for the project's `freshSeconds`; then its upstream is asked. While the upstream is away, fails (5xx) or
/// answers 429, what is kept is served, and the upstream rests for `restSeconds`. Manifests by digest never change and are
/// asked for once. Requests that want the same at the same time share one fetch.
public final class PullThroughCache: Sendable {
  static let restSeconds: Int64 = 30
  /// Larger indexes are not kept.
  static let maximumIndexBytes = 512 << 10

  private struct Upstream: Sendable {
    var cache: CacheProject
    /// Tries again for as long as that may help.
    var patient: RemoteRegistry
    /// Gives up at once; for where something can be served without it.
    var quick: RemoteRegistry
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
  private let client: RegistryClient
  private let upstreams = Mutex<[String: Result<Upstream, PlatformError>]>([:])
  private let fetches = Mutex<[String: Task<CachedManifest, any Error>]>([:])

  /// Takes up the cache projects of the store. Blocks.
  public init(
    client: RegistryClient, registry: Registry, store: ReplicationStore, executor: BlockingExecutor, logger: Logger,
    now: @escaping @Sendable () -> Int64 = { Int64(Clock.realTimeNanoseconds() / 1_000_000_000) }
  ) throws {
    self.client = client
    self.registry = registry
    self.store = store
    self.executor = executor
    self.logger = logger
    self.now = now
    try reload()
  }

  /// Looks at the store's cache projects and their peers anew. Blocks.
  public func reload() throws {
    var fresh: [String: Result<Upstream, PlatformError>] = [:]
    for cache in try store.cacheProjects() {
      do {
        let peer = try store.peer(cache.peer)
        let patient = try peer.registry(by: client, executor: executor, logger: logger)
        let quick = try peer.registry(by: client, executor: executor, logger: logger) { settings in
          settings.retry.attempts = 1
          settings.connectSeconds = 5
          settings.idleSeconds = 15
        }
        fresh[cache.project] = .success(Upstream(cache: cache, patient: patient, quick: quick))
      } catch let error as PlatformError {
        // The others are served; this one stays a cache, which says why it is none at present.
        logger.error("the cache project '\(cache.project)' cannot be served: \(error.message)")
        let message = "the cache project '\(cache.project)' cannot be served: its peer has to be set again"
        fresh[cache.project] = .failure(PlatformError(.unavailable, message, cause: error))
      }
    }
    let caches = fresh
    upstreams.withLock { $0 = caches }
  }

  public func isCache(_ repository: RepositoryName) -> Bool {
    upstreams.withLock { $0[repository.project] != nil }
  }

  private func upstream(of repository: RepositoryName) throws -> Upstream {
    guard let upstream = upstreams.withLock({ $0[repository.project] }) else {
      throw PlatformError(.notFound, "repository '\(repository)' is not known")
    }
    return try upstream.get()
  }

  private static func remote(
    _ registry: RemoteRegistry, _ cache: CacheProject, _ name: RepositoryName
  ) throws -> RemoteRepository {
    do {
      return try registry.repository(cache.path(of: name))
    } catch {
      throw PlatformError(.notFound, "repository '\(name)' is not known", cause: error)
    }
  }

  /// A manifest as the upstream has it or had it last. When an image's manifest is returned, its blobs are in the registry;
  /// those of an index's images come when these are asked for.
  ///
  /// Throws `notFound`, `unavailable`, and what else the upstream's answer makes it; `resourceExhausted` when too many
  /// fetches are under way.
  public func manifest(_ reference: ManifestReference, in repository: RepositoryName) async throws -> CachedManifest {
    let upstream = try upstream(of: repository)
    let remote = try Self.remote(upstream.patient, upstream.cache, repository)
    if let known = try await fresh(reference, in: repository, upstream.cache) { return known }
    return try await together("\(repository)@\(reference)") { [self] in
      do {
        switch reference {
        case .digest(let digest): return try await bring(.digest(digest), from: remote, into: repository)
        case .tag(let tag): return try await refresh(tag, from: remote, into: repository, upstream)
        }
      } catch let error as RegistryFailure {
        throw error.platformError("fetch '\(repository)@\(reference)' from \(upstream.patient.host)")
      } catch let error as RegistryError {
        throw Self.refusal(error)
      }
    }
  }

  /// What does not hold when it is stored is the upstream's fault; that there is no room for it is not.
  private static func refusal(_ error: RegistryError) -> any Error {
    switch error.code {
    case .quotaExceeded: error
    case .uploadTooLarge: RegistryError(.quotaExceeded, error.message)
    default: error.platformError
    }
  }

  /// The tags of a repository as its upstream has them; while that is away, those that are kept. In the order of their bytes.
  public func tags(in repository: RepositoryName) async throws -> [String] {
    let upstream = try upstream(of: repository)
    let remote = try Self.remote(upstream.quick, upstream.cache, repository)
    do {
      return try await remote.tags().filter(ImageReference.isTag).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    } catch let error as RegistryFailure where error.mayPass {
      let kept = try await executor.run { [store] in
        try store.cachedTags(of: repository.description, limit: RemoteRegistry.maximumNames)
      }
      guard !kept.isEmpty else { throw error.platformError("list the tags of '\(repository)'") }
      return kept
    } catch let error as RegistryFailure {
      throw error.platformError("list the tags of '\(repository)'")
    }
  }

  /// Forgets a tag or an index, which comes again when it is asked for; false where it was not known. Blocks.
  public func forget(_ reference: ManifestReference, in repository: RepositoryName) throws -> Bool {
    switch reference {
    case .tag(let tag): try store.removeCachedTag("\(repository):\(tag)")
    case .digest(let digest): try store.removeCachedIndex("\(repository)@\(digest.hex)")
    }
  }

  /// What may be served without asking anybody.
  private func fresh(
    _ reference: ManifestReference, in repository: RepositoryName, _ cache: CacheProject
  ) async throws -> CachedManifest? {
    try await executor.run { [self] in
      switch reference {
      case .digest(let digest): return try kept(digest, in: repository)
      case .tag(let tag):
        guard let record = try store.cachedTag("\(repository):\(tag)") else { return nil }
        let time = now()
        let isFresh = time >= record.checkedAt && time - record.checkedAt < cache.freshSeconds
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
      let quick = try Self.remote(upstream.quick, upstream.cache, repository)
      if let old, try await quick.manifestDescriptor(.tag(tag))?.digest == old.digest {
        try store.setCachedTag(id, .init(digest: old.digest, checkedAt: now()))
        return old
      }
      let found = try await bring(.tag(tag), from: remote, into: repository)
      try store.setCachedTag(id, .init(digest: found.digest, checkedAt: now()))
      return found
    } catch let error as RegistryFailure where error.mayPass {
      guard var record, var old else { throw error }
      logger.warning("'\(id)' is served from the cache: \(error.message)")
      record.restsUntil = now() + Self.restSeconds
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
      guard manifest.bytes.count <= Self.maximumIndexBytes else {
        throw RegistryFailure(.badContent, "the index has more than \(Self.maximumIndexBytes) bytes")
      }
      // The project may have gone meanwhile: nothing may bring its repositories back.
      _ = try self.upstream(of: repository)
      try store.setCachedIndex(
        "\(repository)@\(manifest.digest.hex)",
        .init(mediaType: manifest.mediaType.rawValue, bytes: Data(manifest.bytes)))
    } else {
      try await ImageTransfer(registry: registry, executor: executor).take(
        manifest, tag: nil, from: remote, into: repository, author: Self.author
      ) { [self] in _ = try self.upstream(of: repository) }
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
