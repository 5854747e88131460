import ContentStore
import Model
import NIOHTTP1
import OCITypes

/// One repository of a registry, as one user sees it.
public final class RemoteRepository: Sendable {
  public let registry: RemoteRegistry
  /// For example `library/debian`.
  public let path: String

  init(registry: RemoteRegistry, path: String) throws {
    // The grammar of names is the same everywhere; a name that passes can stand in a path.
    let reference = try ImageReference(parsing: "registry.invalid/\(path)")
    guard reference.path == path, reference.isNameOnly else {
      throw PlatformError(.invalidArgument, "invalid repository name '\(path.prefix(255))'")
    }
    self.registry = registry
    self.path = path
  }

  /// `HOST/PATH`.
  public var name: String { "\(registry.host)/\(path)" }

  var pull: Set<TokenScope> { [.repository(path, [.pull])] }
  var push: Set<TokenScope> { [.repository(path, [.pull, .push])] }
  var deletion: Set<TokenScope> { [.repository(path, [.delete])] }

  // MARK: - Manifests

  /// A manifest or index by tag or digest. Its digest has been checked, its bytes are bounded (ATT-015, ATT-017).
  public func manifest(_ reference: ManifestName) async throws -> RemoteManifest {
    let response = try await registry.send(
      .GET, "\(path)/manifests/\(reference)", scopes: pull, headers: Self.acceptance)
    try await response.expecting([200], "manifest '\(reference)' of \(name)")
    let bytes = try await response.collect(
      limit: ImageDocuments.maximumManifestBytes, named: "the manifest '\(reference)'")
    return try RemoteManifest(
      bytes: bytes, contentType: response.headers.first(name: "Content-Type"),
      announced: response.headers.first(name: "Docker-Content-Digest"), reference: reference)
  }

  /// Digest and size of a manifest without its bytes; nil where there is none.
  public func manifestDescriptor(_ reference: ManifestName) async throws -> ContentDescriptor? {
    let response = try await registry.send(
      .HEAD, "\(path)/manifests/\(reference)", scopes: pull, headers: Self.acceptance)
    if response.status == 404 { return nil }
    try await response.expecting([200], "manifest '\(reference)' of \(name)")
    guard let text = response.headers.first(name: "Docker-Content-Digest"),
      let digest = try? Digest(parsing: text, algorithms: [reference.algorithm]),
      let size = response.announcedBytes
    else { return try await manifest(reference).descriptor }
    if case .digest(let wanted) = reference, wanted != digest {
      throw RegistryFailure(.badContent, "\(name) answers for manifest \(wanted) with \(digest)")
    }
    return ContentDescriptor(
      mediaType: RemoteManifest.mediaType(response.headers.first(name: "Content-Type")) ?? .ociManifest, digest: digest,
      size: size)
  }

  /// Stores a manifest under a tag or its digest.
  /// - Returns: true where the registry has taken note of its `subject` (OCI-Subject).
  @discardableResult
  public func put(_ bytes: [UInt8], mediaType: MediaType, as reference: ManifestName) async throws -> Bool {
    let digest = ContentHasher.digest(of: bytes, by: reference.algorithm)
    let response = try await registry.send(
      .PUT, "\(path)/manifests/\(reference)", scopes: push, headers: ["Content-Type": mediaType.rawValue], body: bytes)
    try await response.expecting([201, 200, 202], "manifest '\(reference)' of \(name)")
    await response.drain()
    if let text = response.headers.first(name: "Docker-Content-Digest"), text != digest.description {
      throw RegistryFailure(.badContent, "\(name) stored manifest \(digest) as \(ErrorAnswer.printable(text))")
    }
    return response.headers.contains(name: "OCI-Subject")
  }

  /// Removes a tag, or a manifest by its digest; false where there was none.
  public func deleteManifest(_ reference: ManifestName) async throws -> Bool {
    try await delete("\(path)/manifests/\(reference)", "delete '\(reference)' of \(name)")
  }

  public func deleteBlob(_ digest: Digest) async throws -> Bool {
    try await delete("\(path)/blobs/\(digest)", "delete blob \(digest) of \(name)")
  }

  private func delete(_ path: String, _ action: String) async throws -> Bool {
    let response = try await registry.send(.DELETE, path, scopes: deletion)
    if response.status == 404 { return false }
    try await response.expecting([202, 200, 204], action)
    await response.drain()
    return true
  }

  // MARK: - Lists

  /// All tags, in the registry's order.
  public func tags() async throws -> [String] {
    struct Page: Decodable { var tags: [String]? }
    return try await registry.pages("\(path)/tags/list?n=1000", scopes: pull, "list the tags of \(path)") { bytes in
      try RemoteRegistry.decode(Page.self, bytes, "the list of tags").tags ?? []
    }
  }

  /// What refers to a manifest: signatures, bills of materials (OCI distribution specification, *Listing Referrers*), also
  /// where the registry has only the fallback tag.
  public func referrers(of subject: Digest, artifactType: String? = nil) async throws -> [ContentDescriptor] {
    let query = artifactType.map { "?artifactType=\(WireURL.escape($0))" } ?? ""
    let response = try await registry.send(.GET, "\(path)/referrers/\(subject)\(query)", scopes: pull)
    let index: ImageIndex
    if response.status == 404 || response.status == 405 || response.status == 400 {
      await response.drain()
      do {
        let manifest = try await manifest(.tag("sha256-\(subject.hex)"))
        guard manifest.mediaType.isIndex else { return [] }
        index = try manifest.index()
      } catch let error as RegistryFailure where error.kind == .notFound {
        return []
      }
    } else {
      try await response.expecting([200], "referrers of \(subject) in \(name)")
      let bytes = try await response.collect(limit: ImageDocuments.maximumManifestBytes, named: "the list of referrers")
      index = try RemoteRegistry.decode(ImageIndex.self, bytes, "the list of referrers")
    }
    return index.manifests.filter { artifactType == nil || $0.artifactType == artifactType }
  }

  /// Every type of document that this client can make use of.
  static let acceptance: HTTPHeaders = [
    "Accept": [MediaType.ociIndex, .dockerManifestList, .ociManifest, .dockerManifest].map(\.rawValue)
      .joined(separator: ", ")
  ]
}

/// How a manifest is asked for.
public enum ManifestName: Sendable, Hashable, CustomStringConvertible {
  /// Must be a tag by the grammar of names.
  case tag(String)
  case digest(Digest)

  /// By which the manifest's digest is told and checked; what goes by a tag has a SHA-256.
  var algorithm: DigestAlgorithm {
    if case .digest(let digest) = self { digest.algorithm } else { .sha256 }
  }

  public var description: String {
    switch self {
    case .tag(let tag): tag
    case .digest(let digest): digest.description
    }
  }
}
