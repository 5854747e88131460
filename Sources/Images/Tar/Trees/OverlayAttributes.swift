import LinuxSystem

/// Extended attributes by which overlay and the kernel steer themselves, and what becomes of them in archives.
package enum OverlayAttributes {
  /// On a directory: what lower layers have at this place is hidden (overlayfs.rst, *opaque directories*).
  package static let opaque = "trusted.overlay.opaque"
  package static let yes = Array("y".utf8)

  package static let capability = "security.capability"
  private static let userPrefix = "user."
  /// Overlay's own attributes in the form for unprivileged mounts.
  private static let userOverlayPrefix = "user.overlay."

  /// The value to be stored for an attribute that came from outside or goes outside; nil drops it.
  ///
  /// Kept are file capabilities and users' own attributes. Dropped are overlay's control attributes, security labels of
  /// another host, integrity signatures, and access lists, whose ids would be of another range.
  package static func filtered(name: String, value: [UInt8]) -> [UInt8]? {
    if name == capability { return FileCapability.plain(value) }
    if name.hasPrefix(userOverlayPrefix) { return nil }
    return name.hasPrefix(userPrefix) ? value : nil
  }
}

/// The value of `security.capability` (capabilities(7), *File capability extended attribute versioning*).
package enum FileCapability {
  private static let plainBytes = 20
  private static let rootedBytes = 24
  private static let revision2: UInt8 = 2
  private static let revision3: UInt8 = 3

  /// The form without a root id, as images carry it. nil for what belongs to another user namespace or is malformed.
  package static func plain(_ value: [UInt8], root: UInt32 = 0) -> [UInt8]? {
    guard value.count >= 4 else { return nil }
    switch (value[3], value.count) {
    case (revision2, plainBytes): return value
    case (revision3, rootedBytes):
      let owner = value[20...].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      guard owner == root else { return nil }
      var plain = Array(value[..<plainBytes])
      plain[3] = revision2
      return plain
    default: return nil
    }
  }

  /// The form that holds in a user namespace whose root has the host's id `root`.
  package static func rooted(_ plain: [UInt8], root: UInt32) -> [UInt8] {
    guard root != 0, plain.count == plainBytes else { return plain }
    var value = plain
    value[3] = revision3
    for shift in stride(from: 0, to: 32, by: 8) { value.append(UInt8(truncatingIfNeeded: root >> UInt32(shift))) }
    return value
  }
}
