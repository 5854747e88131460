import LinuxSystem
import Logging
import Model

/// Speaks the OCI distribution protocol 1.1 and docker's registry API v2 with any number of registries.
///
/// Nothing here touches images of this machine: blobs are streams in and out. Closures that take or give bytes run on the
/// caller's executor, so a caller that writes to disk runs on threads that may block (`BlockingExecutor`); what this client
/// reads itself, it reads on the executor it was given. Close it by `close`; it holds nothing before its first request.
public final class RegistryClient: Sendable {
  let wire: Wire
  public var settings: RegistrySettings { wire.settings }

  public init(settings: RegistrySettings = RegistrySettings(), executor: BlockingExecutor, logger: Logger) {
    wire = Wire(settings: settings, executor: executor, logger: logger)
  }

  /// Ends idle connections; those in use end with their requests, and no new ones begin. Letting the client and all that it
  /// gave go does the same.
  public func close() { wire.close() }

  /// One registry, as one user. Tokens are kept in the value returned, not here.
  public func registry(_ host: RegistryHost, credentials: RegistryCredentials = .anonymous) -> RemoteRegistry {
    RemoteRegistry(host: host, credentials: credentials, wire: wire)
  }

  /// One repository of a registry, as one user.
  public func repository(
    _ host: RegistryHost, _ path: String, credentials: RegistryCredentials = .anonymous
  ) throws -> RemoteRepository {
    try RemoteRepository(registry: registry(host, credentials: credentials), path: path)
  }

  /// Where a name is pulled from, in the order in which to ask: its mirrors, at last its own registry, unless a mirror
  /// stands in its place. Only the registry itself gets the credentials.
  public func sources(
    _ host: RegistryHost, _ path: String, credentials: RegistryCredentials
  ) throws -> [RemoteRepository] {
    var sources: [RemoteRepository] = []
    for mirror in settings.mirrors {
      guard let name = mirror.rewrite("\(host.authority)/\(path)") else { continue }
      let parts = name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else {
        throw PlatformError(
          .invalidArgument, "the mirror '\(mirror.replacement)' of '\(mirror.prefix)' names no repository")
      }
      sources.append(try repository(try RegistryHost(String(parts[0])), String(parts[1])))
      if !mirror.fallsBack { return sources }
    }
    return sources + [try repository(host, path, credentials: credentials)]
  }
}
