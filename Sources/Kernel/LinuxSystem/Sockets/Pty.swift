import CLinuxShim
import Glibc

/// Size of a terminal in characters.
public struct TerminalSize: Sendable, Hashable {
  public var columns: UInt16
  public var rows: UInt16

  public init(columns: UInt16, rows: UInt16) {
    self.columns = columns
    self.rows = rows
  }
}

/// Pseudoterminals (pty(7)).
public struct Pty: Sendable {
  // asm-generic/ioctls.h
  private static let getPeer: UInt = 0x5441
  private static let setLock: UInt = 0x4004_5431
  private static let setWindowSize: UInt = 0x5414
  private static let getWindowSize: UInt = 0x5413

  public let master: Descriptor
  public let slave: Descriptor

  /// Opens a new pair; neither side becomes anybody's controlling terminal.
  public static func open() throws -> Pty {
    let master = try Descriptor.open("/dev/ptmx", flags: O_RDWR | O_NOCTTY)
    var unlocked: Int32 = 0
    try systemCall("ioctl", "TIOCSPTLCK") { bh_ioctl_pointer(master.raw, setLock, &unlocked) }
    // The peer is opened from the master itself: no name below /dev/pts that somebody could have replaced.
    let slave = try systemCall("ioctl", "TIOCGPTPEER") {
      bh_ioctl_pointer(master.raw, getPeer, UnsafeMutableRawPointer(bitPattern: Int(O_RDWR | O_NOCTTY | O_CLOEXEC)))
    }
    return Pty(master: master, slave: Descriptor(owning: slave))
  }

  /// Sets a terminal's size by any of its descriptors; its foreground processes get SIGWINCH.
  public static func setSize(_ terminal: Descriptor, _ size: TerminalSize) throws {
    var window = winsize(ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0)
    try systemCall("ioctl", "TIOCSWINSZ") { bh_ioctl_pointer(terminal.raw, setWindowSize, &window) }
  }

  public static func size(_ terminal: Descriptor) throws -> TerminalSize {
    var window = winsize()
    try systemCall("ioctl", "TIOCGWINSZ") { bh_ioctl_pointer(terminal.raw, getWindowSize, &window) }
    return TerminalSize(columns: window.ws_col, rows: window.ws_row)
  }
}
