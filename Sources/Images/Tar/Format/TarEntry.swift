import LinuxSystem
import Model

/// What a tar header describes.
public enum TarEntryKind: Sendable, Hashable {
  case file, hardLink, symbolicLink, characterDevice, blockDevice, directory, fifo
}

/// One header of a tar archive, with what its extended headers said.
public struct TarEntry: Sendable, Hashable {
  public var kind: TarEntryKind
  /// The name's bytes as they were in the archive.
  public var name: [UInt8]
  /// Target of a link; empty otherwise.
  public var linkName: [UInt8] = []
  /// Permission bits with set-user-id, set-group-id and sticky (07777).
  public var mode: UInt32 = 0o644
  public var uid: Int64 = 0
  public var gid: Int64 = 0
  /// Bytes that follow; 0 for everything but a file.
  public var sizeBytes: Int64 = 0
  public var modified = FileTime(seconds: 0)
  public var device = DeviceNumber(major: 0, minor: 0)
  /// Extended attributes as docker and containerd write them (`SCHILY.xattr.`), in the archive's order.
  public var attributes: [(name: [UInt8], value: [UInt8])] = []

  public init(kind: TarEntryKind, name: [UInt8]) {
    self.kind = kind
    self.name = name
  }

  public static func == (left: TarEntry, right: TarEntry) -> Bool {
    left.kind == right.kind && left.name == right.name && left.linkName == right.linkName && left.mode == right.mode
      && left.uid == right.uid && left.gid == right.gid && left.sizeBytes == right.sizeBytes
      && left.modified == right.modified && left.device == right.device
      && left.attributes.elementsEqual(right.attributes) { $0.name == $1.name && $0.value == $1.value }
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(kind)
  }

  /// A name from outside made fit for a message or a log line: control and other unprintable characters escaped, cut.
  public static func printable(_ name: some Sequence<UInt8>) -> String {
    var text = ""
    for scalar in PathText.text(of: name).unicodeScalars {
      if text.utf8.count >= 200 { return text + "…" }
      let isPlain =
        scalar.value >= 0x20 && scalar.value != 0x7F && !(0x80...0x9F).contains(scalar.value)
        && !(0xF780...0xF7FF).contains(scalar.value)
      let isMark = (0x200B...0x200F).contains(scalar.value) || (0x2028...0x202E).contains(scalar.value)
      if isPlain && !isMark {
        text.unicodeScalars.append(scalar)
      } else {
        text += "\\u{\(String(scalar.value, radix: 16))}"
      }
    }
    return text
  }
}
