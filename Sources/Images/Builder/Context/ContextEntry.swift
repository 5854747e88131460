import LinuxSystem
import Model

/// A file, directory or link of a build context. Owners do not belong to a context: what is copied from it is root's
/// unless the instruction says otherwise.
public struct ContextEntry: Sendable, Hashable {
  public enum Kind: Sendable, Hashable {
    case directory
    case file(sizeBytes: Int64, digest: Digest)
    /// Not looked at; `BuildContext.resolve` follows it within the context.
    case symbolicLink(target: String)
  }

  /// Relative, parted by single slashes, without `.` and `..`; a text as `PathText` makes it.
  public let path: String
  public let kind: Kind
  /// Permission bits (07777); of a link nothing.
  public let mode: UInt32
  public let modified: FileTime
  /// The path's bytes, by which entries are ordered.
  let bytes: [UInt8]

  init(bytes: [UInt8], kind: Kind, mode: UInt32, modified: FileTime) {
    path = PathText.text(of: bytes)
    self.kind = kind
    self.mode = mode & 0o7777
    self.modified = modified
    self.bytes = bytes
  }

  public static func == (left: ContextEntry, right: ContextEntry) -> Bool {
    left.bytes == right.bytes && left.kind == right.kind && left.mode == right.mode && left.modified == right.modified
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

  /// The order of a walk: a directory, then everything below it, then its next neighbour. A slash sorts before all else.
  static func precedes(_ left: some Sequence<UInt8>, _ right: some Sequence<UInt8>) -> Bool {
    left.lexicographicallyPrecedes(right) { rank($0) < rank($1) }
  }

  private static func rank(_ byte: UInt8) -> UInt16 { byte == UInt8(ascii: "/") ? 0 : UInt16(byte) + 1 }
}
