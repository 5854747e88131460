import Distribution
import ImageCatalog
import Isolation
import Model
import OCITypes
import RegistryClient

extension Engine {
  /// Finds an image at its registry; what is returned brings it in. Fails with docker's words where there is none.
  public func findImage(
    _ reference: ImageReference, platform: Platform?, credentials: RegistryCredentials
  ) async throws -> ImagePull {
    try policyCheck.checkRegistry(reference)
    return try await distribution.pull(reference, platform: platform, credentials: credentials)
  }

  /// The names of all tags that a registry has of a repository.
  public func remoteTags(
    _ repository: ImageReference, credentials: RegistryCredentials
  ) async throws -> [ImageReference] {
    try policyCheck.checkRegistry(repository)
    return try await distribution.tags(of: repository, credentials: credentials)
  }

  /// Brings in an image that was found.
  public func pullImage(_ pull: ImagePull, report: @escaping TransferReport) async throws -> PulledImage {
    let pulled = try await pull.run(report)
    let name = pull.reference.familiar
    events.emit(.image, "pull", id: name, attributes: ["name": pull.reference.familiarName])
    return pulled
  }

  /// Sends an image to the registry of its name.
  public func pushImage(
    _ reference: ImageReference, allTags: Bool, credentials: RegistryCredentials, report: @escaping TransferReport
  ) async throws {
    try policyCheck.checkRegistry(reference)
    try await distribution.push(reference, allTags: allTags, credentials: credentials, report)
    events.emit(.image, "push", id: reference.familiar, attributes: ["name": reference.familiarName])
  }

  /// Proves credentials to a registry.
  /// - Returns: a token to be kept in place of the password, where the registry gives one.
  public func logIn(server: String, credentials: RegistryCredentials) async throws -> String? {
    try policyCheck.checkRegistry(host: try ImageDistribution.host(ofServer: server).authority)
    return try await distribution.logIn(server: server, credentials: credentials)
  }

  /// Looks for repositories by a word.
  public func searchImages(
    _ term: String, limit: Int, credentials: RegistryCredentials
  ) async throws -> [SearchResult] {
    try policyCheck.checkRegistry(host: try ImageDistribution.searchHost(term).authority)
    return try await distribution.search(term, limit: limit, credentials: credentials)
  }

  /// What a registry has under a name.
  public func inspectRemote(
    _ reference: ImageReference, credentials: RegistryCredentials
  ) async throws -> (descriptor: ContentDescriptor, platforms: [Platform]) {
    try policyCheck.checkRegistry(reference)
    return try await distribution.inspect(reference, credentials: credentials)
  }

  /// The document that a registry has under a name.
  public func remoteManifest(
    _ reference: ImageReference, credentials: RegistryCredentials
  ) async throws -> RemoteManifest {
    try policyCheck.checkRegistry(reference)
    return try await distribution.find(reference.withDefaultTag, credentials: credentials).manifest
  }

  static func registrySettings(_ policy: EnginePolicy.Registries, version: String) -> RegistrySettings {
    var settings = RegistrySettings()
    settings.insecure = policy.insecure
    settings.mirrors = policy.mirrors.map {
      RegistryMirror(prefix: $0.prefix, replacement: $0.location, fallsBack: $0.fallsBack)
    }
    settings.tokenServers = policy.tokenServers
    settings.certificateFolders = policy.certificateFolders
    settings.userAgent = "bulkhead/\(version)"
    return settings
  }

  static func distributionLimits(_ policy: EnginePolicy.Registries) -> DistributionLimits {
    var limits = DistributionLimits()
    limits.downloads = policy.downloads
    limits.uploads = policy.uploads
    return limits
  }
}
