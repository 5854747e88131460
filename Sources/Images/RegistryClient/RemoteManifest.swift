import ContentStore
import Model
import OCITypes

/// A manifest or index as a registry sent it: the bytes have the digest.
public struct RemoteManifest: Sendable {
  public let bytes: [UInt8]
  public let mediaType: MediaType
  public let digest: Digest

  public var descriptor: ContentDescriptor {
    ContentDescriptor(mediaType: mediaType, digest: digest, size: Int64(bytes.count))
  }

  /// The document as an image's manifest; throws `RegistryFailure` for anything else.
  public func manifest() throws(RegistryFailure) -> ImageManifest {
    do {
      return try ImageDocuments.manifest(from: bytes)
    } catch {
      throw RegistryFailure(.badContent, (error as? PlatformError)?.message ?? "the manifest cannot be read")
    }
  }

  public func index() throws(RegistryFailure) -> ImageIndex {
    do {
      return try ImageDocuments.index(from: bytes)
    } catch {
      throw RegistryFailure(.badContent, (error as? PlatformError)?.message ?? "the index cannot be read")
    }
  }

  private struct Outline: Decodable {
    struct Anything: Decodable { init(from decoder: any Decoder) throws {} }
    var schemaVersion: Int?
    var mediaType: MediaType?
    var manifests: Anything?
    var layers: Anything?
    var config: Anything?
    var fsLayers: Anything?
  }

  /// Checks what a registry sent.
  /// - Parameters:
  ///   - contentType: of the answer; decides the type together with the document's own word.
  ///   - announced: `Docker-Content-Digest`.
  init(
    bytes: [UInt8], contentType: String?, announced: String?, reference: ManifestName
  ) throws(RegistryFailure) {
    digest = ContentHasher.digest(of: bytes, by: reference.algorithm)
    self.bytes = bytes
    if case .digest(let wanted) = reference, wanted != digest {
      throw RegistryFailure(.badContent, "the registry sent manifest \(digest) in place of \(wanted)")
    }
    if let announced, announced.hasPrefix("\(reference.algorithm.rawValue):"), announced != digest.description {
      throw RegistryFailure(
        .badContent, "the registry announced manifest \(ErrorAnswer.printable(announced)) and sent \(digest)")
    }
    let outline = try RemoteRegistry.decode(Outline.self, bytes, "the manifest '\(reference)'")
    if outline.schemaVersion == 1 || outline.fsLayers != nil {
      throw RegistryFailure(.unsupported, "the manifest '\(reference)' has docker's old schema 1: push the image anew")
    }
    // A document that can be read in two ways is refused (OCI image specification, CVE-2021-41190).
    guard outline.manifests == nil || outline.layers == nil && outline.config == nil else {
      throw RegistryFailure(.badContent, "the manifest '\(reference)' is manifest and index at once")
    }
    let fitting: MediaType = outline.manifests == nil ? .ociManifest : .ociIndex
    mediaType =
      outline.mediaType ?? Self.mediaType(contentType).flatMap { $0.isIndex || $0.isManifest ? $0 : nil } ?? fitting
    guard mediaType.isIndex || mediaType.isManifest else {
      throw RegistryFailure(
        .unsupported,
        "the manifest '\(reference)' has the type '\(ErrorAnswer.printable(mediaType.rawValue))', which is not known")
    }
    guard mediaType.isIndex == fitting.isIndex else {
      throw RegistryFailure(.badContent, "the manifest '\(reference)' is not what its type \(mediaType) says")
    }
  }

  static func mediaType(_ contentType: String?) -> MediaType? {
    contentType.map { text in
      MediaType(rawValue: String(text.prefix { $0 != ";" && $0 != " " }))
    }
  }
}
