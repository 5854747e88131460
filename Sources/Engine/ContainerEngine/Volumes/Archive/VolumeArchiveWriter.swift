import ContentStore
import Layers
import LinuxSystem
import Model

/// Names within a volume's archive, a tar archive that other programs can read as well:
/// `tar -xf FILE && sha256sum -c SHA256SUMS && cat data.tar.zst/* | zstd -d | tar -x`.
enum ArchiveNames {
  static let manifest = "manifest.json"
  static let sums = "SHA256SUMS"
  /// Only where the archive is sealed.
  static let seal = "SHA256SUMS.seal"
  /// Of each piece, beside it: a reader need not come to the end to know.
  static let sumAttribute = "user.sha256"

  static func piece(_ number: UInt64) -> String {
    let digits = String(number)
    return "data.tar.zst/" + String(repeating: "0", count: max(0, 8 - digits.utf8.count)) + digits
  }

  static func line(_ sum: Digest, _ name: String) -> [UInt8] { Array("\(sum.hex)  \(name)\n".utf8) }
}

/// Writes a volume's archive: the manifest, then what comes in (a tar archive of the files) packed, in pieces that are sealed
/// where there is a key, then the checksums of all. Memory for one piece. Blocks.
final class VolumeArchiveWriter {
  static let pieceBytes = 4 << 20

  private let tar: TarWriter
  private let encoder: ZstdEncoder
  private let key: ArchiveKey?
  private let modified: FileTime
  private let pieceBytes: Int
  private var piece: [UInt8] = []
  private var pieces: UInt64 = 0
  private var sums: [UInt8] = []

  /// - Parameters:
  ///   - pieceBytes: at most the standard size, which readers take.
  ///   - output: in blocking mode.
  init(
    _ manifest: VolumeManifest, key: ArchiveKey?, pieceBytes: Int = VolumeArchiveWriter.pieceBytes,
    to output: Descriptor
  ) throws {
    self.key = key
    self.pieceBytes = pieceBytes
    tar = TarWriter(to: output)
    encoder = try ZstdEncoder()
    modified = FileTime(seconds: manifest.createdAt / 1_000_000_000)
    var manifest = manifest
    manifest.encryption = key?.parameters
    piece.reserveCapacity(pieceBytes)
    try add(ArchiveNames.manifest, try manifest.encoded())
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws { try encoder.pack(bytes) { try take($0) } }

  func finish() throws {
    try encoder.pack(UnsafeRawBufferPointer(start: nil, count: 0), isLast: true) { try take($0) }
    if !piece.isEmpty { try addPiece() }
    let list = sums
    try add(ArchiveNames.sums, list)
    if let key { try add(ArchiveNames.seal, try key.sealEnd(list, pieces: pieces)) }
    try tar.finish()
  }

  private func take(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let part = UnsafeRawBufferPointer(rebasing: rest.prefix(pieceBytes - piece.count))
      piece.append(contentsOf: part)
      rest = rest.dropFirst(part.count)
      if piece.count == pieceBytes { try addPiece() }
    }
  }

  private func addPiece() throws {
    try add(ArchiveNames.piece(pieces), try key?.seal(piece, piece: pieces) ?? piece)
    pieces += 1
    piece.removeAll(keepingCapacity: true)
  }

  private func add(_ name: String, _ bytes: [UInt8]) throws {
    let sum = ContentHasher.digest(of: bytes)
    sums += ArchiveNames.line(sum, name)
    var entry = TarEntry(kind: .file, name: Array(name.utf8))
    entry.mode = 0o600
    entry.sizeBytes = Int64(bytes.count)
    entry.modified = modified
    entry.attributes = [(Array(ArchiveNames.sumAttribute.utf8), Array(sum.hex.utf8))]
    try tar.add(entry)
    try tar.write(bytes)
  }
}
