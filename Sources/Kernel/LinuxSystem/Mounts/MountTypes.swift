import Glibc

/// Attributes of one mount (mount_setattr(2), MOUNT_ATTR_*).
public struct MountAttributes: OptionSet, Sendable {
  public let rawValue: UInt64

  public init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  public static let readOnly = MountAttributes(rawValue: 0x1)
  public static let noSetUID = MountAttributes(rawValue: 0x2)
  public static let noDevices = MountAttributes(rawValue: 0x4)
  public static let noExecution = MountAttributes(rawValue: 0x8)
  public static let noAccessTime = MountAttributes(rawValue: 0x10)
  public static let strictAccessTime = MountAttributes(rawValue: 0x20)
  /// All access-time bits: to be cleared when one of them is set.
  public static let accessTimeMask = MountAttributes(rawValue: 0x70)
  public static let noDirectoryAccessTime = MountAttributes(rawValue: 0x80)
  public static let idMapped = MountAttributes(rawValue: 0x10_0000)
  public static let noSymbolicLinks = MountAttributes(rawValue: 0x20_0000)
}

/// Flags of mount(2) (MS_*).
public struct MountFlags: OptionSet, Sendable {
  public let rawValue: UInt

  public init(rawValue: UInt) {
    self.rawValue = rawValue
  }

  public static let readOnly = MountFlags(rawValue: 1)
  public static let noSetUID = MountFlags(rawValue: 2)
  public static let noDevices = MountFlags(rawValue: 4)
  public static let noExecution = MountFlags(rawValue: 8)
  public static let remount = MountFlags(rawValue: 32)
  public static let noAccessTime = MountFlags(rawValue: 1024)
  public static let bind = MountFlags(rawValue: 4096)
  public static let move = MountFlags(rawValue: 8192)
  public static let recursive = MountFlags(rawValue: 16384)
  public static let relativeAccessTime = MountFlags(rawValue: 1 << 21)
}

/// How mounts spread between mount namespaces (mount_namespaces(7)).
public enum MountPropagation: Sendable {
  case shared, slave, `private`, unbindable

  /// The MS_* constant.
  public var flag: UInt {
    switch self {
    case .unbindable: 1 << 17
    case .private: 1 << 18
    case .slave: 1 << 19
    case .shared: 1 << 20
    }
  }
}
