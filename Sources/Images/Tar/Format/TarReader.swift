import LinuxSystem
import Model

/// Reads a tar archive from a stream, entry by entry, exactly and within bounds.
///
/// Understands V7, ustar, pax and GNU's long names and binary numbers. Names come out byte for byte; what cannot be stored
/// exactly (a zero byte, a sparse map) is refused. After an error the reader must not be used again.
public final class TarReader {
  private let source: any ChunkSource
  private let limits: LayerLimits
  private var chunk = UnsafeRawBufferPointer(start: nil, count: 0)
  /// Bytes of the current entry's content that were not taken yet, and its padding.
  private var remaining: Int64 = 0
  private var padding = 0
  private var atEnd = false
  private var headerBlock = [UInt8](repeating: 0, count: TarHeader.blockBytes)
  private var headersSeen = 0

  /// Bytes of the archive taken so far.
  public private(set) var consumedBytes: Int64 = 0

  public init(_ source: any ChunkSource, limits: LayerLimits = .standard) {
    self.source = source
    self.limits = limits
  }

  /// The next entry, or nil at the archive's end. Content of the entry before that was not read is passed over.
  public func nextEntry() throws -> TarEntry? {
    if atEnd { return nil }
    try skipContent()
    var pax = PaxRecords()
    var longName: [UInt8]?
    var longLink: [UInt8]?
    var extensions = 0
    while let header = try nextHeader() {
      switch header.type {
      case UInt8(ascii: "x"), UInt8(ascii: "X"): pax = try PaxRecords(try extensionBody(header))
      case UInt8(ascii: "L"): longName = try longText(header)
      case UInt8(ascii: "K"): longLink = try longText(header)
      // Global headers (git's commit id, for one) and volume labels say nothing about files.
      case UInt8(ascii: "g"): _ = try extensionBody(header)
      case UInt8(ascii: "V"): try skip(header)
      default:
        let entry = try entry(header, pax: pax, longName: longName, longLink: longLink)
        remaining = entry.sizeBytes
        padding = Int(-entry.sizeBytes & 511)
        return entry
      }
      extensions += 1
      // One of each kind may precede an entry; more is somebody playing.
      if extensions > 16 { throw TarHeader.malformed("an entry has too many extended headers") }
    }
    if extensions > 0 && (longName != nil || longLink != nil || pax.path != nil) {
      throw TarHeader.malformed("it ends behind an extended header")
    }
    return nil
  }

  /// The next piece of the current entry's content, valid until the next call of any method; empty at its end.
  public func readContent() throws -> UnsafeRawBufferPointer {
    if remaining == 0 { return UnsafeRawBufferPointer(start: nil, count: 0) }
    let piece = try take(upTo: Int(clamping: remaining))
    if piece.isEmpty { throw TarHeader.malformed("it ends in the middle of a file") }
    remaining -= Int64(piece.count)
    return piece
  }

  /// Reads the current entry's whole content.
  /// - Throws: `resourceExhausted` above `maxBytes`.
  public func readAll(maxBytes: Int) throws -> [UInt8] {
    guard remaining <= Int64(maxBytes) else {
      throw PlatformError(
        .resourceExhausted, "a file in the archive has \(remaining) bytes; at most \(maxBytes) fit here")
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(remaining))
    while remaining > 0 { bytes.append(contentsOf: try readContent()) }
    return bytes
  }

  /// Reads the stream to its very end, behind the archive's own.
  public func drain() throws {
    while true {
      if chunk.isEmpty { chunk = try source.nextChunk() }
      if chunk.isEmpty { return }
      try count(chunk.count)
      chunk = UnsafeRawBufferPointer(start: nil, count: 0)
    }
  }

  // MARK: - Headers

  private func nextHeader() throws -> TarHeader? {
    guard try readBlock() else {
      atEnd = true
      if headersSeen == 0 { throw TarHeader.malformed("it is empty") }
      return nil
    }
    let header = try headerBlock.withUnsafeBytes { try TarHeader($0) }
    guard let header else {
      atEnd = true
      return nil
    }
    headersSeen += 1
    if header.sizeBytes > limits.totalBytes { throw Self.tooLarge(limits) }
    return header
  }

  private func entry(
    _ header: TarHeader, pax: PaxRecords, longName: [UInt8]?, longLink: [UInt8]?
  ) throws -> TarEntry {
    let name = pax.path ?? longName ?? header.name
    var entry = TarEntry(kind: try Self.kind(header, name: name), name: name)
    entry.mode = header.mode
    entry.uid = pax.uid ?? header.uid
    entry.gid = pax.gid ?? header.gid
    entry.modified = pax.modified ?? FileTime(seconds: header.modifiedSeconds)
    entry.attributes = pax.attributes
    entry.device = header.device
    if entry.kind == .hardLink || entry.kind == .symbolicLink {
      entry.linkName = pax.linkPath ?? longLink ?? header.linkName
    }
    // Only files have content; other types carry sizes that mean nothing.
    if entry.kind == .file { entry.sizeBytes = pax.sizeBytes ?? header.sizeBytes }
    if entry.sizeBytes > limits.totalBytes - min(consumedBytes, limits.totalBytes) { throw Self.tooLarge(limits) }
    return entry
  }

  private static func kind(_ header: TarHeader, name: [UInt8]) throws -> TarEntryKind {
    switch header.type {
    // V7 had no type for directories but a slash at the end.
    case 0: return name.last == UInt8(ascii: "/") ? .directory : .file
    case UInt8(ascii: "0"), UInt8(ascii: "7"): return .file
    case UInt8(ascii: "1"): return .hardLink
    case UInt8(ascii: "2"): return .symbolicLink
    case UInt8(ascii: "3"): return .characterDevice
    case UInt8(ascii: "4"): return .blockDevice
    case UInt8(ascii: "5"): return .directory
    case UInt8(ascii: "6"): return .fifo
    case UInt8(ascii: "S"): throw PaxRecords.sparse
    default:
      let type = TarEntry.printable([header.type])
      throw PlatformError(.invalidArgument, "the archive has an entry of the unknown type '\(type)'")
    }
  }

  private func extensionBody(_ header: TarHeader) throws -> [UInt8] {
    guard header.sizeBytes <= Int64(limits.extendedHeaderBytes) else {
      throw PlatformError(
        .resourceExhausted,
        "an extended header of the archive has \(header.sizeBytes) bytes; at most \(limits.extendedHeaderBytes) are accepted"
      )
    }
    remaining = header.sizeBytes
    padding = Int(-header.sizeBytes & 511)
    let body = try readAll(maxBytes: limits.extendedHeaderBytes)
    try skipContent()
    return body
  }

  /// GNU's long names end with a zero byte.
  private func longText(_ header: TarHeader) throws -> [UInt8] {
    var text = try extensionBody(header)[...]
    while text.last == 0 { text.removeLast() }
    if text.contains(0) { throw TarHeader.malformed("the name '\(TarEntry.printable(text))' has a zero byte") }
    return Array(text)
  }

  private func skip(_ header: TarHeader) throws {
    remaining = header.sizeBytes
    padding = Int(-header.sizeBytes & 511)
    try skipContent()
  }

  // MARK: - Bytes

  private func skipContent() throws {
    while remaining > 0 { _ = try readContent() }
    while padding > 0 {
      let piece = try take(upTo: padding)
      // Some writers leave out the padding of the last file.
      if piece.isEmpty { padding = 0 }
      padding -= piece.count
    }
  }

  /// Fills `headerBlock`; false at the stream's end.
  private func readBlock() throws -> Bool {
    var filled = 0
    while filled < TarHeader.blockBytes {
      let piece = try take(upTo: TarHeader.blockBytes - filled)
      if piece.isEmpty {
        if filled == 0 { return false }
        throw TarHeader.malformed("it ends in the middle of a header")
      }
      headerBlock.withUnsafeMutableBytes { block in
        UnsafeMutableRawBufferPointer(rebasing: block[filled...]).copyMemory(from: piece)
      }
      filled += piece.count
    }
    return true
  }

  private func take(upTo wanted: Int) throws -> UnsafeRawBufferPointer {
    if chunk.isEmpty { chunk = try source.nextChunk() }
    let length = min(wanted, chunk.count)
    let piece = UnsafeRawBufferPointer(rebasing: chunk[..<length])
    chunk = UnsafeRawBufferPointer(rebasing: chunk[length...])
    try count(length)
    return piece
  }

  private func count(_ bytes: Int) throws {
    consumedBytes += Int64(bytes)
    if consumedBytes > limits.totalBytes { throw Self.tooLarge(limits) }
  }

  private static func tooLarge(_ limits: LayerLimits) -> PlatformError {
    PlatformError(.resourceExhausted, "the archive unpacks to more than \(limits.totalBytes) bytes, which is the limit")
  }
}
