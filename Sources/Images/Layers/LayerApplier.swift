import ContentStore
import Glibc
import LinuxSystem
import Model

/// What became of a layer's stream.
public struct AppliedLayer: Sendable {
  /// Digest of the unpacked tar stream, as image configurations name it.
  public var diffID: Digest
  /// Digest and size of the stream as it came, packed or not.
  public var contentDigest: Digest
  public var contentBytes: Int64
  public var compression: CompressionFormat
  /// Bytes of the unpacked tar stream.
  public var tarBytes: Int64
  /// Bytes of the files, as docker counts an image's size.
  public var fileBytes: Int64
  public var entries: Int
  /// Directories that entries lie in but that have no entry themselves, parents first; see `adoptDirectories`.
  public var impliedDirectories: [String]
  /// What was left out and why, one line each, at most 100.
  public var notes: [String]
}

/// Unpacks a layer's stream into a directory that only overlay and root will see.
///
/// Reading with hashing, decompression, and unpacking each have a thread, with a megabyte of buffers between them. Files
/// get the image's own ids (0…65535), whiteouts overlay's form. Nothing is flushed to disk here. The directory must be
/// empty, on a file system with `trusted.*` attributes, and seen by nobody; after an error it holds a part.
public struct LayerApplier: Sendable {
  public let limits: LayerLimits

  public init(limits: LayerLimits = .standard) { self.limits = limits }

  /// Reads `source` to its end.
  /// - Parameters:
  ///   - sink: takes the stream as it came, on the reading thread; its digest then becomes `contentDigest`. The caller
  ///     commits it.
  ///   - expectedDiffID: what the unpacked stream must hash to.
  /// - Throws: `invalidArgument` for a damaged or hostile stream, `resourceExhausted` over a limit or a full disk.
  public func apply(
    _ source: sending any ByteSource, to directory: String, sink: (any BlobWriter)? = nil, expectedDiffID: Digest? = nil
  ) throws -> AppliedLayer {
    let meter = StreamMeter(sink: sink)
    let stream = try PrefetchingSource(MeteredSource(source, meter: meter))
    return try apply(
      chunks: stream, to: directory, progress: { meter.progress() }, expectedDiffID: expectedDiffID)
  }

  /// Reads a stream that another thread feeds and hashes.
  /// - Parameter progress: digest and size of what was fed so far, final once the stream has ended.
  public func apply(
    chunks: sending any ChunkSource, to directory: String,
    progress: @escaping @Sendable () -> (digest: Digest, sizeBytes: Int64), expectedDiffID: Digest? = nil
  ) throws -> AppliedLayer {
    let root = try translatingSystemErrors("unpack a layer") { try RootedDirectory(path: directory) }
    let peeked = try PeekedSource(chunks)
    let format = CompressionFormat.detect(peeked.first)
    let diffID: Digest
    let outcome: Outcome
    if format == .none {
      outcome = try unpackAll(peeked, to: root)
      diffID = progress().digest
    } else {
      (diffID, outcome) = try unpackCompressed(peeked, format: format, to: root, progress: progress)
    }
    if let expectedDiffID, expectedDiffID != diffID {
      throw PlatformError(
        .invalidArgument, "the layer unpacks to \(diffID), but the image says \(expectedDiffID)")
    }
    let (contentDigest, contentBytes) = progress()
    return AppliedLayer(
      diffID: diffID, contentDigest: contentDigest, contentBytes: contentBytes, compression: format,
      tarBytes: outcome.tarBytes, fileBytes: outcome.fileBytes, entries: outcome.entries,
      impliedDirectories: outcome.impliedDirectories, notes: outcome.notes)
  }

  /// Decompresses on another thread; hashes and unpacks on this one.
  private func unpackCompressed(
    _ packed: sending any ChunkSource, format: CompressionFormat, to root: RootedDirectory,
    progress: () -> (digest: Digest, sizeBytes: Int64)
  ) throws -> (diffID: Digest, outcome: Outcome) {
    let source = try UnpackedStream.decompress(packed, format: format, limits: limits)
    let tapped = HashingSource(source)
    return try withoutActuallyEscaping(progress) { progress in
      tapped.check = { [limits] hasher in
        let out = hasher.sizeBytes
        if out > limits.ratioGraceBytes, out / limits.ratio > progress().sizeBytes {
          throw PlatformError(
            .resourceExhausted, "the archive unpacks to more than \(limits.ratio) times its size, which is the limit")
        }
      }
      defer { tapped.check = nil }
      let outcome = try unpackAll(tapped, to: root)
      return (tapped.hasher.digest(), outcome)
    }
  }

  private struct Outcome {
    var tarBytes: Int64
    var fileBytes: Int64
    var entries: Int
    var impliedDirectories: [String]
    var notes: [String]
  }

  private func unpackAll(_ stream: any ChunkSource, to root: RootedDirectory) throws -> Outcome {
    let unpacker = LayerUnpacker(directory: root, limits: limits)
    let reader = TarReader(stream, limits: limits)
    while let entry = try reader.nextEntry() { try unpacker.unpack(entry, content: reader) }
    try reader.drain()
    try unpacker.finish()
    return Outcome(
      tarBytes: reader.consumedBytes, fileBytes: unpacker.fileBytes, entries: unpacker.entries,
      impliedDirectories: unpacker.impliedDirectories, notes: unpacker.notes)
  }
}

/// Hashes what passes, on the thread that pulls.
private final class HashingSource: ChunkSource {
  private let source: any ChunkSource
  private(set) var hasher = ContentHasher()
  /// Called after each chunk; may stop the stream.
  var check: ((ContentHasher) throws -> Void)?

  init(_ source: any ChunkSource) { self.source = source }

  func nextChunk() throws -> UnsafeRawBufferPointer {
    let chunk = try source.nextChunk()
    if !chunk.isEmpty {
      hasher.update(chunk)
      try check?(hasher)
    }
    return chunk
  }
}

/// Counts and hashes a stream on the thread that reads it; asked from others.
final class StreamMeter: Sendable {
  private let sink: (any BlobWriter)?
  private let hasher = Locked(ContentHasher())

  init(sink: (any BlobWriter)?) { self.sink = sink }

  func take(_ bytes: UnsafeRawBufferPointer) throws {
    if let sink { return try sink.append(bytes) }
    hasher.withLock { $0.update(bytes) }
  }

  func progress() -> (digest: Digest, sizeBytes: Int64) {
    sink?.progress() ?? hasher.withLock { ($0.digest(), $0.sizeBytes) }
  }
}

/// Shows a meter what is read.
final class MeteredSource: ByteSource {
  private let source: any ByteSource
  private let meter: StreamMeter

  init(_ source: any ByteSource, meter: StreamMeter) {
    self.source = source
    self.meter = meter
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try source.read(into: buffer)
    if count > 0 { try meter.take(UnsafeRawBufferPointer(rebasing: buffer[..<count])) }
    return count
  }
}

/// A source whose first chunk can be looked at before it is read.
final class PeekedSource: ChunkSource {
  private let source: any ChunkSource
  let first: UnsafeRawBufferPointer
  private var isFirst = true

  init(_ source: any ChunkSource) throws {
    self.source = source
    first = try source.nextChunk()
  }

  func nextChunk() throws -> UnsafeRawBufferPointer {
    if isFirst {
      isFirst = false
      return first
    }
    return try source.nextChunk()
  }
}
