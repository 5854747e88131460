import Glibc
import LinuxSystem

extension OverlayAttributes {
  /// Marks an empty regular file as overlay's sign for "deleted" where devices cannot be made (overlayfs.rst, *whiteouts*).
  package static let whiteout = "trusted.overlay.whiteout"

  /// Whether an attribute can go into an archive at all. A pax record's key ends at "=".
  package static func mayBeExported(_ name: String) -> Bool {
    (name == capability || name.hasPrefix("user.")) && !name.utf8.contains(UInt8(ascii: "="))
  }

  /// The value that an archive carries for a file of a container; nil drops it.
  /// - Parameter root: the host's id of the container's root.
  package static func exported(name: String, value: [UInt8], root: UInt32) -> [UInt8]? {
    name == capability ? FileCapability.plain(value, root: root) : filtered(name: name, value: value)
  }

  /// Whether overlay takes a file in a layer's directory for "deleted".
  package static func isWhiteout(_ file: Descriptor, _ status: FileStatus) throws -> Bool {
    if Tar.isWhiteout(status) { return true }
    guard status.type == .regular, status.sizeBytes == 0 else { return false }
    return try attribute(whiteout, of: file) != nil
  }

  /// Whether a layer's directory hides what lower layers have at its place.
  package static func isOpaque(_ directory: Descriptor) throws -> Bool {
    try attribute(opaque, of: directory) == yes
  }

  private static func attribute(_ name: String, of file: Descriptor) throws -> [UInt8]? {
    do {
      return try file.getxattr(name)
    } catch let error as SystemError where [ENODATA, EOPNOTSUPP].contains(error.errno) {
      return nil
    }
  }
}
