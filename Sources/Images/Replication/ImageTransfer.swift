import LinuxSystem
import Model
import OCITypes
import Registry
import RegistryClient

/// Copies images between this registry and a repository of another one. What arrives is checked as a push would be: digest
/// and size of every blob, form and size of every document. Addresses in descriptors (`urls`) are never asked.
///
/// The methods run on threads that may block.
struct ImageTransfer: Sendable {
  /// Indexes within indexes.
  static let maximumDepth = 4
  static let maximumManifests = 1_000

  let registry: Registry
  let executor: BlockingExecutor
  /// Blobs of one image on their way at once.
  var parallelBlobs = 3

  enum Outcome: Sendable, Hashable { case copied, skipped }

  // MARK: - To here

  /// Brings a tag. `skipped`: it is here already, or another one is and may not be replaced.
  func pull(
    tag: String, from remote: RemoteRepository, into local: RepositoryName, since epoch: ProjectEpoch,
    replaces: Bool, author: String
  ) async throws -> Outcome {
    try await withTaskExecutorPreference(executor) {
      if let here = try digest(of: tag, in: local) {
        guard replaces, try await remote.manifestDescriptor(.tag(tag))?.digest != here else { return .skipped }
      }
      let manifest = try await remote.manifest(.tag(tag))
      try await take(manifest, tag: tag, from: remote, into: local, since: epoch, author: author)
      return .copied
    }
  }

  /// Brings a manifest with all that it names and stores it, under a tag or its digest alone; nothing of it once the project's
  /// epoch is over.
  func take(
    _ manifest: RemoteManifest, tag: String?, from remote: RemoteRepository, into local: RepositoryName,
    since epoch: ProjectEpoch, author: String, depth: Int = 0
  ) async throws {
    if manifest.mediaType.isIndex {
      for child in try children(of: manifest.index(), depth: depth) where try !has(child.digest, in: local) {
        let fetched = try await remote.manifest(.digest(child.digest))
        guard Int64(fetched.bytes.count) == child.size else {
          throw RegistryFailure(
            .badContent, "manifest \(child.digest) has \(fetched.bytes.count) bytes but should have \(child.size)")
        }
        try await take(fetched, tag: nil, from: remote, into: local, since: epoch, author: author, depth: depth + 1)
      }
    } else {
      try await bounded(Self.blobs(of: manifest.manifest()), limit: parallelBlobs) { blob in
        try await fetch(blob, from: remote, into: local, since: epoch)
      }
    }
    try registry.putManifest(
      manifest.bytes, as: tag.map { .tag($0) } ?? .digest(manifest.digest), mediaType: manifest.mediaType.rawValue,
      in: local, since: epoch, by: author)
  }

  private func fetch(
    _ blob: ContentDescriptor, from remote: RemoteRepository, into local: RepositoryName, since epoch: ProjectEpoch
  ) async throws {
    guard try !promises(blob.digest, in: local) else { return }
    let upload = try registry.startUpload(in: local, since: epoch)
    do {
      try registry.begin(upload)
      try await remote.download(blob.digest, sizeBytes: blob.size, verify: .byTaker) { piece in
        try piece.withUnsafeReadableBytes { try upload.append($0) }
      }
      try registry.finish(upload, expected: blob.digest)
    } catch {
      // Over already where `finish` has refused it; the first failure is what counts.
      try? registry.cancel(upload)
      throw error
    }
  }

  // MARK: - To there

  /// Sends a tag. `skipped`: the other side has it, or has another one that may not be replaced.
  func push(
    tag: String, of local: RepositoryName, to remote: RemoteRepository, replaces: Bool
  ) async throws -> Outcome {
    try await withTaskExecutorPreference(executor) {
      let stored = try registry.manifest(.tag(tag), in: local)
      if let there = try await remote.manifestDescriptor(.tag(tag)) {
        guard replaces, there.digest != stored.digest else { return .skipped }
      }
      try await send(stored, of: local, to: remote)
      try await remote.put(stored.bytes, mediaType: MediaType(rawValue: stored.mediaType), as: .tag(tag))
      return .copied
    }
  }

  /// Sends what a manifest names.
  private func send(
    _ stored: StoredManifest, of local: RepositoryName, to remote: RemoteRepository, depth: Int = 0
  ) async throws {
    guard MediaType(rawValue: stored.mediaType).isIndex else {
      return try await bounded(
        Self.blobs(of: ImageDocuments.manifest(from: stored.bytes)), limit: parallelBlobs
      ) { blob in
        guard try await remote.blobSize(blob.digest) == nil else { return }
        let (file, size) = try registry.openBlob(blob.digest, in: local)
        try await remote.upload(blob.digest, sizeBytes: size) { offset in
          FilePieces(file, offset: offset, count: size - offset, executor: executor)
        }
      }
    }
    for child in try children(of: ImageDocuments.index(from: stored.bytes), depth: depth) {
      let manifest = try registry.manifest(.digest(child.digest), in: local)
      if try await remote.manifestDescriptor(.digest(child.digest)) != nil { continue }
      try await send(manifest, of: local, to: remote, depth: depth + 1)
      try await remote.put(
        manifest.bytes, mediaType: MediaType(rawValue: manifest.mediaType), as: .digest(child.digest))
    }
  }

  // MARK: - Parts

  private func children(of index: ImageIndex, depth: Int) throws -> [ContentDescriptor] {
    guard depth < Self.maximumDepth, index.manifests.count <= Self.maximumManifests else {
      throw RegistryFailure(
        .badContent,
        "the index has more than \(Self.maximumManifests) manifests, or lies more than \(Self.maximumDepth) deep")
    }
    return Self.unique(index.manifests)
  }

  /// Configuration and layers, each once, without layers that are not to be distributed.
  private static func blobs(of manifest: ImageManifest) -> [ContentDescriptor] {
    let foreign: Set<MediaType> = [
      .ociForeignLayer, .ociForeignLayerGzip, .ociForeignLayerZstd, .dockerForeignLayerGzip,
    ]
    return unique([manifest.config] + manifest.layers.filter { !foreign.contains($0.mediaType) })
  }

  private static func unique(_ descriptors: [ContentDescriptor]) -> [ContentDescriptor] {
    var known: Set<Digest> = []
    return descriptors.filter { known.insert($0.digest).inserted }
  }

  private func digest(of tag: String, in local: RepositoryName) throws -> Digest? {
    try Self.known([.manifestUnknown, .nameUnknown]) { try registry.resolve(.tag(tag), in: local).digest }
  }

  private func has(_ digest: Digest, in local: RepositoryName) throws -> Bool {
    try Self.known([.manifestUnknown, .nameUnknown]) { try registry.resolve(.digest(digest), in: local) } != nil
  }

  /// The blob is here, and no collection takes it before the manifest comes.
  private func promises(_ digest: Digest, in local: RepositoryName) throws -> Bool {
    try Self.known([.blobUnknown, .nameUnknown]) { try registry.promiseBlob(digest, in: local) } != nil
  }

  /// nil where the registry answers with one of the codes.
  static func known<R>(_ codes: Set<RegistryError.Code>, _ body: () throws -> R) throws -> R? {
    do {
      return try body()
    } catch let error as RegistryError where codes.contains(error.code) {
      return nil
    }
  }
}
