import Glibc

/// What kind of file an inode is.
public enum FileType: Sendable, Hashable {
  case regular, directory, symbolicLink, blockDevice, characterDevice, fifo, socket

  /// The S_IFMT bits of `st_mode`; nil for none that Linux knows.
  init?(modeBits: UInt32) {
    switch modeBits & 0o170000 {
    case 0o100000: self = .regular
    case 0o040000: self = .directory
    case 0o120000: self = .symbolicLink
    case 0o060000: self = .blockDevice
    case 0o020000: self = .characterDevice
    case 0o010000: self = .fifo
    case 0o140000: self = .socket
    default: return nil
    }
  }

  /// The S_IFMT bits.
  public var modeBits: UInt32 {
    switch self {
    case .regular: 0o100000
    case .directory: 0o040000
    case .symbolicLink: 0o120000
    case .blockDevice: 0o060000
    case .characterDevice: 0o020000
    case .fifo: 0o010000
    case .socket: 0o140000
    }
  }
}

/// A device's number in its two parts (makedev(3)).
public struct DeviceNumber: Sendable, Hashable {
  public var major: UInt32
  public var minor: UInt32

  public init(major: UInt32, minor: UInt32) {
    self.major = major
    self.minor = minor
  }

  /// From `dev_t` as the C library encodes it.
  public init(encoded: UInt64) {
    major = UInt32(truncatingIfNeeded: (encoded >> 8) & 0xFFF | (encoded >> 32) & 0xFFFF_F000)
    minor = UInt32(truncatingIfNeeded: encoded & 0xFF | (encoded >> 12) & 0xFFFF_FF00)
  }

  /// `dev_t` as the C library encodes it.
  public var encoded: UInt64 {
    let (major, minor) = (UInt64(major), UInt64(minor))
    return (major & 0xFFF) << 8 | (major & 0xFFFF_F000) << 32 | minor & 0xFF | (minor & 0xFFFF_FF00) << 12
  }
}

/// A point in time as file systems keep it, since 1970-01-01 UTC.
public struct FileTime: Sendable, Hashable {
  public var seconds: Int64
  public var nanoseconds: UInt32

  public init(seconds: Int64, nanoseconds: UInt32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  init(_ time: timespec) {
    self.init(seconds: Int64(time.tv_sec), nanoseconds: UInt32(truncatingIfNeeded: time.tv_nsec))
  }

  var timespec: timespec {
    Glibc.timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds))
  }
}

/// What fstat(2) tells about a file.
public struct FileStatus: Sendable, Hashable {
  public var type: FileType
  /// Permission bits with set-user-id, set-group-id and sticky (07777).
  public var mode: UInt32
  public var uid: UInt32
  public var gid: UInt32
  public var sizeBytes: Int64
  /// Disk space, in units of 512 bytes.
  public var blocks: Int64
  public var accessTime: FileTime
  public var modificationTime: FileTime
  public var changeTime: FileTime
  /// For device files.
  public var rawDevice: DeviceNumber
  /// The file system it is on.
  public var device: UInt64
  public var inode: UInt64
  public var linkCount: UInt64

  init(_ status: stat) throws {
    guard let type = FileType(modeBits: UInt32(status.st_mode)) else {
      throw SystemError(errno: EINVAL, operation: "fstat")
    }
    self.type = type
    mode = UInt32(status.st_mode) & 0o7777
    uid = status.st_uid
    gid = status.st_gid
    sizeBytes = Int64(status.st_size)
    blocks = Int64(status.st_blocks)
    accessTime = FileTime(status.st_atim)
    modificationTime = FileTime(status.st_mtim)
    changeTime = FileTime(status.st_ctim)
    rawDevice = DeviceNumber(encoded: UInt64(status.st_rdev))
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    linkCount = UInt64(status.st_nlink)
  }
}
