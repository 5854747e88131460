import FoundationEssentials
import LinuxSystem
import Logging
import Model
import OCITypes
import Registry
import RegistryClient

/// Serves cache projects: asks their upstreams for what is not here and keeps it.
///
/// A tag is believed for the project's `freshSeconds`; then its upstream is asked. While the upstream is away, fails (5xx) or
/// answers 429, what is kept is served, and the upstream rests for `restSeconds`. Manifests by digest never change and are
/// asked for once. Requests that want the same at the same time share one fetch. Who waits for something that is not here hears
/// within `askSeconds` that the upstream is away.
public final class PullThroughCache: Sendable {
  static let restSeconds: Int64 = 30
  /// Larger indexes are not kept.
  static let maximumIndexBytes = 512 << 10

  /// Within which the upstream has to answer for a document.
  static let askSeconds: Int64 = 10
  /// Within which an image has to be here, with all its blobs; those that came stay for the next try.
  static let fetchSeconds: Int64 = 1_800

  private struct Upstream: Sendable {
    var cache: CacheProject
    /// For documents: somebody waits, so it gives up at once.
    var quick: RemoteRegistry
    /// For blobs: takes up what broke off.
    var patient: RemoteRegistry
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
  /// Fetches of one project that are under way together.
  static let maximumFetches = 64

  private let registry: Registry
  private let store: ReplicationStore
  private let executor: BlockingExecutor
  private let logger: Logger
  private let now: @Sendable () -> Int64
  private let client: RegistryClient
  private let upstreams = Locked<[String: Result<Upstream, PlatformError>]>([:])
  private let fetches: SharedFetches<CachedManifest>
  private let pause: @Sendable (Int64) async throws -> Void

  /// Takes up the cache projects of the store. Blocks.
  public init(
    client: RegistryClient, registry: Registry, store: ReplicationStore, executor: BlockingExecutor, logger: Logger,
    now: @escaping @Sendable () -> Int64 = { Int64(Clock.realTimeNanoseconds() / 1_000_000_000) },
    pause: @escaping @Sendable (Int64) async throws -> Void = { try await Task.sleep(for: .seconds($0)) }
  ) throws {
    self.client = client
    self.registry = registry
    self.store = store
    self.executor = executor
    self.logger = logger
    self.now = now
    self.pause = pause
    fetches = SharedFetches(
      limit: Self.maximumFetches, executor: executor, deadline: { try await pause(Self.fetchSeconds) },
      late: UpstreamFailure(
        kind: .silent, message: "the upstream took more than \(Self.fetchSeconds) seconds for an image"))
    try reload()
  }

  /// Looks at the store's cache projects and their peers anew. Blocks.
  public func reload() throws {
    var fresh: [String: Result<Upstream, PlatformError>] = [:]
    for cache in try store.cacheProjects() {
      do {
        let peer = try store.peer(cache.peer)
        let quick = try peer.registry(by: client, executor: executor, logger: logger) { settings in
          settings.retry.attempts = 1
          settings.connectSeconds = 4
          settings.idleSeconds = Self.askSeconds
        }
        let attempts = client.settings.retry.attempts
        let patient = quick.adjusted { settings in
          settings.retry.attempts = min(attempts, 3)
          settings.retry.maximumSeconds = 2
          settings.retry.maximumWishSeconds = 5
        }
        fresh[cache.project] = .success(Upstream(cache: cache, quick: quick, patient: patient))
      } catch let error as PlatformError {
        // The others are served; this one stays a cache, which says why it is none at present.
        logger.error("the cache project '\(cache.project)' cannot be served: \(error.message)")
        let message = "the cache project '\(cache.project)' cannot be served: its peer has to be set again"
        fresh[cache.project] = .failure(PlatformError(.unavailable, message, cause: error))
      }
    }
    let caches = fresh
    upstreams.withLock { $0 = caches }
    fetches.end(where: { caches[$0.project] == nil }, PlatformError(.notFound, "the project is not there any more"))
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
  /// Throws `UpstreamFailure`, `notFound`, and what else the upstream's answer makes it; `resourceExhausted` when too many
  /// fetches of the project are under way, `CancellationError` when the caller is cancelled, whether others wait or not.
  /// - Parameter epoch: taken before it was looked at who may; nil: now.
  public func manifest(
    _ reference: ManifestReference, in repository: RepositoryName, since epoch: ProjectEpoch? = nil
  ) async throws -> CachedManifest {
    let epoch = epoch ?? registry.epoch(of: repository.project)
    let upstream = try upstream(of: repository)
    _ = try Self.remote(upstream.quick, upstream.cache, repository)
    if let known = try await fresh(reference, in: repository, upstream.cache) { return known }
    let key = SharedFetches<CachedManifest>.Key(
      project: repository.project, epoch: epoch, subject: "\(repository)@\(reference)")
    return try await fetches.value(key) { [self] in
      do {
        switch reference {
        case .digest(let digest): return try await bring(.digest(digest), into: repository, upstream, epoch)
        case .tag(let tag): return try await refresh(tag, into: repository, upstream, epoch)
        }
      } catch let error as RegistryFailure {
        throw Self.failure(error, "fetch '\(repository)@\(reference)' from \(upstream.quick.host)")
      } catch let error as RegistryError {
        throw Self.refusal(error)
      }
    }
  }

  /// What the upstream's failure is to who asked.
  private static func failure(_ error: RegistryFailure, _ action: String) -> any Error {
    switch error.kind {
    case .unreachable, .unavailable:
      UpstreamFailure(kind: .failed, message: "failed to \(action): \(error.message)")
    default: error.platformError(action)
    }
  }

  /// Asks the upstream for a document, for which somebody waits.
  private func ask<R: Sendable>(
    _ upstream: Upstream, _ body: @escaping @Sendable () async throws -> R
  ) async throws -> R {
    let late = UpstreamFailure(
      kind: .silent, message: "\(upstream.quick.host) has not answered within \(Self.askSeconds) seconds")
    return try await within({ [pause] in try await pause(Self.askSeconds) }, on: executor, late: late, body)
  }

  /// The upstream is away, or wants patience; nothing is wrong with what was asked.
  private static func mayPass(_ error: any Error) -> Bool {
    (error as? RegistryFailure)?.mayPass ?? (error is UpstreamFailure)
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
      return try await ask(upstream) { try await remote.tags() }
        .filter(ImageReference.isTag).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    } catch let error where Self.mayPass(error) {
      let kept = try await executor.run { [store] in
        try store.cachedTags(of: repository.description, limit: RemoteRegistry.maximumNames)
      }
      if !kept.isEmpty { return kept }
      throw (error as? RegistryFailure).map { Self.failure($0, "list the tags of '\(repository)'") } ?? error
    } catch let error as RegistryFailure {
      throw error.platformError("list the tags of '\(repository)'")
    }
  }

  /// Forgets a tag or an index, which comes again when it is asked for; false where it was not known. Blocks.
  public func forget(_ reference: ManifestReference, in repository: RepositoryName) throws -> Bool {
    switch reference {
    case .tag(let tag): try store.forget(.tag(tag, of: repository))
    case .digest(let digest): try store.forget(.index(digest, of: repository))
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
        guard let record = try store.cachedTag(tag, of: repository) else { return nil }
        let time = now()
        let isFresh = time >= record.checkedAt && time - record.checkedAt < cache.freshSeconds
        guard isFresh || time < record.restsUntil else { return nil }
        var found = try kept(record.digest, in: repository)
        found?.isStale = !isFresh
        try store.touch(.tag(tag, of: repository), now: time)
        return found
      }
    }
  }

  // MARK: - Asking the upstream

  private func refresh(
    _ tag: String, into repository: RepositoryName, _ upstream: Upstream, _ epoch: ProjectEpoch
  ) async throws -> CachedManifest {
    let record = try store.cachedTag(tag, of: repository)
    let old = try record.flatMap { try kept($0.digest, in: repository) }
    func keep(_ record: ReplicationStore.CachedTag) throws {
      try store.setCachedTag(tag, of: repository, record, by: upstream.cache, now: now())
    }
    do {
      let quick = try Self.remote(upstream.quick, upstream.cache, repository)
      if let old {
        let there = try await ask(upstream) { try await quick.manifestDescriptor(.tag(tag)) }
        if there?.digest == old.digest {
          try keep(.init(digest: old.digest, checkedAt: now()))
          return old
        }
      }
      let found = try await bring(.tag(tag), into: repository, upstream, epoch)
      try keep(.init(digest: found.digest, checkedAt: now()))
      return found
    } catch let error where Self.mayPass(error) {
      guard var record, var old else { throw error }
      logger.warning("'\(repository):\(tag)' is served from the cache: \(error)")
      record.restsUntil = now() + Self.restSeconds
      try keep(record)
      old.isStale = true
      return old
    } catch let error as RegistryFailure where error.kind == .notFound {
      try store.forget(.tag(tag, of: repository))
      throw error
    }
  }

  private func bring(
    _ reference: ManifestName, into repository: RepositoryName, _ upstream: Upstream, _ epoch: ProjectEpoch
  ) async throws -> CachedManifest {
    let quick = try Self.remote(upstream.quick, upstream.cache, repository)
    let manifest = try await ask(upstream) { try await quick.manifest(reference) }
    if manifest.mediaType.isIndex {
      let index = try manifest.index()
      guard index.manifests.count <= ImageTransfer.maximumManifests else {
        throw RegistryFailure(.badContent, "the index names more than \(ImageTransfer.maximumManifests) manifests")
      }
      guard manifest.bytes.count <= Self.maximumIndexBytes else {
        throw RegistryFailure(.badContent, "the index has more than \(Self.maximumIndexBytes) bytes")
      }
      try store.setCachedIndex(
        manifest.digest, of: repository,
        .init(mediaType: manifest.mediaType.rawValue, bytes: Data(manifest.bytes)), by: upstream.cache, now: now())
    } else {
      let patient = try Self.remote(upstream.patient, upstream.cache, repository)
      try await ImageTransfer(registry: registry, executor: executor).take(
        manifest, tag: nil, from: patient, into: repository, since: epoch, author: Self.author)
    }
    return CachedManifest(
      digest: manifest.digest, mediaType: manifest.mediaType.rawValue, bytes: manifest.bytes)
  }

  /// What is here under a digest.
  private func kept(_ digest: Digest, in repository: RepositoryName) throws -> CachedManifest? {
    if let index = try store.cachedIndex(digest, of: repository) {
      try store.touch(.index(digest, of: repository), now: now())
      return CachedManifest(digest: digest, mediaType: index.mediaType, bytes: Array(index.bytes))
    }
    return try ImageTransfer.known([.manifestUnknown, .nameUnknown]) {
      let stored = try registry.manifest(.digest(digest), in: repository)
      return CachedManifest(digest: digest, mediaType: stored.mediaType, bytes: stored.bytes)
    }
  }
}
