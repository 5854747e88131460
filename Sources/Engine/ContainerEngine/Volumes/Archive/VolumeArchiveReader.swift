import ContentStore
import Layers
import LinuxSystem
import Model

/// Reads what `VolumeArchiveWriter` wrote, within bounds and in order: the packed bytes, piece by piece, each checked before it
/// is lent. The end comes only where the list of checksums is there and fits. Memory for one piece and the list, which grows by
/// 90 bytes with each whole piece: only the last one may be smaller. Blocks.
final class VolumeArchiveReader: ChunkSource {
  /// Bytes of a volume's files as an archive.
  static let maximumBytes: Int64 = 16 << 40

  let manifest: VolumeManifest
  private let tar: TarReader
  private let key: ArchiveKey?
  private let pieceBytes: Int
  private let piece: UnsafeMutableRawBufferPointer
  private var pieces: UInt64 = 0
  private var isShort = false
  private var sums: [UInt8] = []
  private var isAtEnd = false

  static var limits: LayerLimits {
    var limits = LayerLimits.standard
    limits.totalBytes = maximumBytes
    limits.entries = 100_000_000
    limits.directoryNameBytes = 512 << 20
    return limits
  }

  /// What an archive says of itself, without a passphrase.
  static func manifest(of file: Descriptor) throws -> VolumeManifest {
    let tar = TarReader(BufferedSource(DescriptorSource(file)), limits: limits)
    return try manifest(tar).manifest
  }

  private static func manifest(_ tar: TarReader) throws -> (manifest: VolumeManifest, line: [UInt8]) {
    let first: TarEntry?
    do {
      first = try tar.nextEntry()
    } catch let error as PlatformError {
      throw PlatformError(error.code, "this is no archive of a volume: \(error.message)", cause: error)
    }
    guard let first, isFile(first, ArchiveNames.manifest) else {
      throw PlatformError(
        .invalidArgument, "this is no archive of a volume: it does not begin with \(ArchiveNames.manifest)")
    }
    let bytes = try tar.readAll(maxBytes: VolumeManifest.maximumBytes)
    return (try VolumeManifest(parsing: bytes), try checked(first, bytes))
  }

  /// Reads the manifest.
  /// - Parameter pieceBytes: what each piece but the last has.
  /// - Throws: `invalidArgument` for what is no archive, is damaged, or needs a passphrase and got none, or the other way
  ///   round; `forbidden` for the wrong passphrase.
  init(
    _ source: any ChunkSource, passphrase: [UInt8]?, pieceBytes: Int = VolumeArchiveWriter.pieceBytes
  ) throws {
    self.pieceBytes = pieceBytes
    tar = TarReader(source, limits: Self.limits)
    (manifest, sums) = try Self.manifest(tar)
    switch (manifest.encryption, passphrase) {
    case (nil, nil): key = nil
    case (let parameters?, let passphrase?): key = try ArchiveKey(passphrase: passphrase, parameters)
    case (.some, nil):
      throw PlatformError(.invalidArgument, "the archive is encrypted: its passphrase is needed (--passphrase-file)")
    case (nil, .some):
      throw PlatformError(
        .invalidArgument,
        "the archive is not encrypted, but a passphrase was given: it may be another archive than you think"
      )
    }
    piece = .allocate(byteCount: pieceBytes + ArchiveKey.tagBytes, alignment: 16)
  }

  deinit { piece.deallocate() }

  func nextChunk() throws -> UnsafeRawBufferPointer {
    if isAtEnd { return UnsafeRawBufferPointer(start: nil, count: 0) }
    guard let entry = try tar.nextEntry() else { throw Self.damaged("it ends before \(ArchiveNames.sums)") }
    if Self.isFile(entry, ArchiveNames.sums) {
      try readEnd(entry)
      isAtEnd = true
      return UnsafeRawBufferPointer(start: nil, count: 0)
    }
    guard Self.isFile(entry, ArchiveNames.piece(pieces)) else {
      throw Self.damaged("'\(TarEntry.printable(entry.name))' stands where piece \(pieces) is expected")
    }
    guard !isShort else { throw Self.damaged("piece \(pieces) follows one that is no whole piece") }
    var bytes = try tar.readAll(maxBytes: pieceBytes + (key == nil ? 0 : ArchiveKey.tagBytes))
    sums += try Self.checked(entry, bytes)
    if let key { bytes = try key.open(bytes, piece: pieces) }
    guard !bytes.isEmpty else { throw Self.damaged("piece \(pieces) is empty") }
    isShort = bytes.count < pieceBytes
    pieces += 1
    piece.copyBytes(from: bytes)
    return UnsafeRawBufferPointer(rebasing: piece[..<bytes.count])
  }

  private func readEnd(_ entry: TarEntry) throws {
    guard entry.sizeBytes == Int64(sums.count) else {
      throw Self.damaged("\(ArchiveNames.sums) is not the list of what came before it")
    }
    let list = try tar.readAll(maxBytes: sums.count)
    _ = try Self.checked(entry, list)
    guard list == sums else { throw Self.damaged("\(ArchiveNames.sums) is not the list of what came before it") }
    if let key {
      guard let entry = try tar.nextEntry(), Self.isFile(entry, ArchiveNames.seal) else {
        throw Self.damaged("it ends before \(ArchiveNames.seal)")
      }
      try key.checkEnd(try tar.readAll(maxBytes: 1_024), list: list, pieces: pieces)
    }
    if let more = try tar.nextEntry() { throw Self.damaged("'\(TarEntry.printable(more.name))' stands behind its end") }
    try tar.drain()
  }

  /// The line of the list for an entry whose content has the sum beside it.
  private static func checked(_ entry: TarEntry, _ bytes: [UInt8]) throws -> [UInt8] {
    let sum = ContentHasher.digest(of: bytes)
    let name = String(decoding: entry.name, as: UTF8.self)
    let said = entry.attributes.first { $0.name.elementsEqual(ArchiveNames.sumAttribute.utf8) }?.value
    guard let said, said.elementsEqual(sum.hex.utf8) else { throw damaged("\(name) does not have its SHA-256") }
    return ArchiveNames.line(sum, name)
  }

  private static func isFile(_ entry: TarEntry, _ name: String) -> Bool {
    entry.kind == .file && entry.name.elementsEqual(name.utf8)
  }

  private static func damaged(_ reason: String) -> PlatformError {
    PlatformError(.invalidArgument, "the archive is damaged: \(reason)")
  }
}
