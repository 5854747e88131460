import ContentStore
import Layers
import LinuxSystem
import Model
import OCITypes
import Snapshots

/// What an archive of images brought: its blobs are in the content store, its layers perhaps unpacked already.
struct ArchiveContent {
  struct File {
    var digest: Digest
    var sizeBytes: Int64
  }
  /// Files by their path in the archive.
  var files: [String: File] = [:]
  /// Links from old archives: path to path.
  var links: [String: String] = [:]
  /// Small documents at the top: `manifest.json`, `index.json`, `oci-layout`.
  var documents: [String: [UInt8]] = [:]
  /// Layers that were unpacked while they came, by their blob's digest.
  var unpacked: [Digest: UnpackedLayer] = [:]

  /// The blob at a path, through at most a few links.
  func file(_ path: String) throws -> File {
    var path = path
    for _ in 0..<8 {
      if let file = files[path] { return file }
      guard let target = links[path] else { break }
      path = target
    }
    throw PlatformError(.invalidArgument, "the archive names '\(path.prefix(200))' but does not hold it")
  }
}

/// A layer that lies unpacked in staging.
struct UnpackedLayer: Sendable {
  var staging: LayerStaging
  var layer: AppliedLayer
}

/// Reads an archive of `docker save` or an OCI layout once, from a stream: each file goes into the content store as it
/// comes, and what looks like a layer is unpacked at the same time by another thread.
final class ArchiveReader {
  /// Files in one archive: layers, configurations, and the small files of old formats.
  private static let maximumFiles = 20_000
  private static let blobPrefix = "blobs/sha256/"
  private static let documentNames: Set<String> = [
    ArchiveManifestItem.fileName, OCILayoutMarker.fileName, OCILayoutMarker.indexName,
  ]

  private let content: ContentStore
  private let snapshots: SnapshotStore
  private let limits: LayerLimits
  private let lease: ContentLease
  private let progress: (String) -> Void
  private var result = ArchiveContent()

  init(
    content: ContentStore, snapshots: SnapshotStore, limits: LayerLimits, lease: ContentLease,
    progress: @escaping (String) -> Void
  ) {
    self.content = content
    self.snapshots = snapshots
    self.limits = limits
    self.lease = lease
    self.progress = progress
  }

  /// Reads the stream, packed or not, to its end. After an error nothing stays in staging.
  func read(_ source: sending any ByteSource) throws -> ArchiveContent {
    let reader = TarReader(try UnpackedStream.open(source, limits: limits), limits: limits)
    do {
      while let entry = try reader.nextEntry() { try take(entry, reader) }
      try reader.drain()
    } catch {
      discard()
      throw error
    }
    return result
  }

  func discard() {
    for layer in result.unpacked.values { try? snapshots.discard(layer.staging) }
    result.unpacked = [:]
  }

  private func take(_ entry: TarEntry, _ reader: TarReader) throws {
    let path = try Self.path(entry.name)
    guard result.files.count + result.links.count < Self.maximumFiles else {
      throw PlatformError(.resourceExhausted, "the archive has more than \(Self.maximumFiles) files")
    }
    switch entry.kind {
    case .directory: return
    case .symbolicLink, .hardLink:
      result.links[path] = try Self.target(of: entry, at: path)
    case .file:
      if Self.documentNames.contains(path) {
        result.documents[path] = try reader.readAll(maxBytes: ImageDocuments.maximumManifestBytes)
      } else {
        try store(entry, path, reader)
      }
    default:
      throw PlatformError(
        .invalidArgument, "the archive holds '\(TarEntry.printable(entry.name))', which is no part of an image")
    }
  }

  private func store(_ entry: TarEntry, _ path: String, _ reader: TarReader) throws {
    var expected: Digest?
    if path.hasPrefix(Self.blobPrefix) { expected = try Digest(hex: String(path.dropFirst(Self.blobPrefix.count))) }
    if let expected {
      lease.hold(expected)
      // The bytes in the store had this digest when they were written; these here are passed over unseen.
      if try content.contains(expected), try content.size(expected) == entry.sizeBytes {
        result.files[path] = .init(digest: expected, sizeBytes: entry.sizeBytes)
        return
      }
    }
    var piece = try reader.readContent()
    let isLayer = LayerSniffer.looksLikeLayer(piece, sizeBytes: entry.sizeBytes)
    let intake = try LayerIntake(
      content: content, snapshots: snapshots, limits: limits, lease: lease, expected: expected,
      sizeBytes: entry.sizeBytes, unpacks: isLayer)
    if isLayer { progress("Loading layer \(path)") }
    do {
      while !piece.isEmpty {
        try intake.append(piece)
        piece = try reader.readContent()
      }
    } catch {
      intake.abandon(error)
      throw error
    }
    let (digest, sizeBytes, layer) = try intake.finish()
    result.files[path] = .init(digest: digest, sizeBytes: sizeBytes)
    guard let layer else { return }
    if result.unpacked[digest] == nil {
      result.unpacked[digest] = layer
    } else {
      try snapshots.discard(layer.staging)
    }
  }

  /// A path inside the archive, without "." and leading slashes.
  private static func path(_ name: [UInt8]) throws -> String {
    guard name.count <= 1_024, let text = String(validating: name, as: UTF8.self), !text.contains("\0") else {
      throw PlatformError(.invalidArgument, "the archive holds a file with an unusable name")
    }
    let parts = text.split(separator: "/").filter { $0 != "." }
    guard !parts.contains("..") else {
      throw PlatformError(
        .invalidArgument, "the name '\(TarEntry.printable(name))' in the archive leads upwards, out of its root")
    }
    return parts.joined(separator: "/")
  }

  /// Where a link of an old archive leads (`../<id>/layer.tar`), as a path inside the archive.
  private static func target(of entry: TarEntry, at path: String) throws -> String {
    var parts = entry.kind == .symbolicLink ? path.split(separator: "/").dropLast() : []
    for part in String(decoding: entry.linkName.prefix(1_024), as: UTF8.self).split(separator: "/") where part != "." {
      if part == ".." {
        guard parts.popLast() != nil else {
          throw PlatformError(
            .invalidArgument, "the link '\(TarEntry.printable(entry.name))' in the archive leads out of it")
        }
      } else {
        parts.append(part)
      }
    }
    return parts.joined(separator: "/")
  }
}
