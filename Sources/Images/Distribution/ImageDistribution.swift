import ContentStore
import ImageCatalog
import LinuxSystem
import Logging
import Model
import OCITypes
import Persistence
import RegistryClient

/// Bounds on transfers with registries.
public struct DistributionLimits: Sendable, Hashable {
  /// Layers of one image that come at once.
  public var downloads = 3
  /// Layers of one image that go at once.
  public var uploads = 5
  /// Tags that `--all-tags` takes.
  public var tags = 1_000

  public init() {}
}

/// Pulls images into the catalog and pushes them from it.
///
/// Layers go and come side by side; disk work happens on threads of its own, which exist while there is work.
public final class ImageDistribution: Sendable {
  private static let maximumThreads = 64

  let catalog: ImageCatalog
  let content: ContentStore
  let client: RegistryClient
  let memory: TransferMemory
  let executor: BlockingExecutor
  let limits: DistributionLimits
  let logger: Logger

  public init(
    catalog: ImageCatalog, content: ContentStore, database: Database, settings: RegistrySettings,
    limits: DistributionLimits = DistributionLimits(), logger: Logger
  ) throws {
    self.catalog = catalog
    self.content = content
    self.limits = limits
    self.logger = logger
    executor = try BlockingExecutor(maxThreads: Self.maximumThreads, name: "distribution")
    client = RegistryClient(settings: settings, executor: executor, logger: logger)
    memory = try TransferMemory(database: database)
  }

  /// Ends connections that idle.
  public func shutDown() {
    client.close()
    executor.shutdown()
  }

  /// Fetches a file that a build names: `RegistryClient.fetch`.
  public func fetch(
    _ address: String, inner: [String], limitBytes: Int64, _ take: (UnsafeRawBufferPointer) throws -> Void
  ) async throws -> String? {
    try await client.fetch(address, inner: inner, limitBytes: limitBytes, take)
  }

  /// Finds the host of an address that a build names: `RegistryClient.checked`.
  public func checked(_ address: String, inner: [String]) async throws -> (
    url: String, host: String, port: Int, address: String
  ) {
    try await client.checked(address, inner: inner)
  }

  // MARK: - Questions

  /// Proves credentials to a registry.
  /// - Parameter server: as docker's client writes it: a host, or an address such as `https://index.docker.io/v1/`.
  /// - Returns: a token to be kept in place of the password, where the registry gives one.
  public func logIn(server: String, credentials: RegistryCredentials) async throws -> String? {
    let host = try Self.host(ofServer: server)
    do {
      return try await client.registry(host, credentials: credentials).logIn()
    } catch let error as RegistryFailure {
      if error.kind == .unauthorized || error.kind == .denied {
        throw PlatformError(.unauthenticated, "login to \(host) failed: \(error.message)")
      }
      throw error.platformError("log in to \(host)")
    }
  }

  /// Looks for repositories by a word; `HOST/word` asks another registry than docker's.
  public func search(_ term: String, limit: Int, credentials: RegistryCredentials) async throws -> [SearchResult] {
    let host = try Self.searchHost(term)
    let word =
      host.name == "docker.io" && !term.hasPrefix("docker.io/") ? term : String(term.drop { $0 != "/" }.dropFirst())
    do {
      return try await client.registry(host, credentials: credentials).search(word, limit: limit)
    } catch let error as RegistryFailure {
      throw error.platformError("search \(host)")
    }
  }

  /// What a registry has under a name, without pulling it: the descriptor, and the platforms it is for.
  public func inspect(
    _ reference: ImageReference, credentials: RegistryCredentials
  ) async throws -> (descriptor: ContentDescriptor, platforms: [Platform]) {
    let (manifest, source) = try await find(reference.withDefaultTag, credentials: credentials)
    if manifest.mediaType.isIndex {
      let entries = try Self.translating(reference) { try manifest.index().manifests.filter { !$0.isAttestation } }
      return (manifest.descriptor, entries.compactMap(\.platform))
    }
    let image = try Self.translating(reference) { try manifest.manifest() }
    guard image.config.mediaType.isConfig else { return (manifest.descriptor, []) }
    do {
      let bytes = try await source.blob(
        image.config.digest, sizeBytes: image.config.size, limit: ImageDocuments.maximumConfigBytes)
      return (manifest.descriptor, [try ImageDocuments.config(from: bytes).platform])
    } catch let error as RegistryFailure {
      throw error.platformError("inspect '\(reference.familiar)'")
    }
  }

  // MARK: - Parts

  /// The manifest of a name from the first source that has it.
  public func find(
    _ reference: ImageReference, credentials: RegistryCredentials
  ) async throws -> (manifest: RemoteManifest, source: RemoteRepository) {
    let name: ManifestName = reference.digest.map { .digest($0) } ?? .tag(reference.tag ?? ImageReference.defaultTag)
    let sources = try client.sources(RegistryHost(reference.domain), reference.path, credentials: credentials)
    for source in sources.dropLast() {
      do {
        return (try await source.manifest(name), source)
      } catch let error as RegistryFailure {
        logger.debug("mirror \(source.name) is passed over: \(error.message)")
      }
    }
    guard let last = sources.last else {
      throw PlatformError(.internal, "'\(reference.familiar)' has no source")
    }
    do {
      return (try await last.manifest(name), last)
    } catch let error as RegistryFailure {
      throw TransferWords.pull(error, reference)
    }
  }

  static func translating<Value>(_ reference: ImageReference, _ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch let error as RegistryFailure {
      throw TransferWords.pull(error, reference)
    }
  }

  /// The registry that a search asks: docker's, or the one that the word begins with.
  public static func searchHost(_ term: String) throws -> RegistryHost {
    let parts = term.split(separator: "/", maxSplits: 1).map(String.init)
    let isHost = parts.count == 2 && (parts[0].contains(".") || parts[0].contains(":") || parts[0] == "localhost")
    return try RegistryHost(isHost ? parts[0] : "docker.io")
  }

  /// The host of what docker's client calls a server's address.
  public static func host(ofServer server: String) throws -> RegistryHost {
    var text = server[...]
    for scheme in ["https://", "http://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
    text = text.prefix { $0 != "/" }
    return try RegistryHost(
      text.isEmpty || text == "index.docker.io" || text == "registry-1.docker.io" ? "docker.io" : String(text))
  }
}
