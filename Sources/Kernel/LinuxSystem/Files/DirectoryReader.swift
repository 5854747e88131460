import CLinuxShim
import Glibc

/// Reads the entries of directories (getdents64(2)), with one buffer for all of them.
final class DirectoryReader {
  struct Entry {
    /// The name's bytes.
    var name: [UInt8]
    /// DT_DIR, DT_REG, … or DT_UNKNOWN.
    var type: UInt8
    var inode: UInt64
  }

  private static let bufferBytes = 32 << 10
  // struct linux_dirent64: ino (8), off (8), reclen (2), type (1), name.
  private static let lengthOffset = 16
  private static let typeOffset = 18
  private static let nameOffset = 19

  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferBytes, alignment: 8)

  deinit {
    buffer.deallocate()
  }

  /// All entries from the descriptor's position on, without "." and "..".
  func entries(of directory: Descriptor, maxEntries: Int = Limits.directoryEntries) throws -> [Entry] {
    var result: [Entry] = []
    while true {
      let filled = try systemCall("getdents64") { bh_getdents(directory.raw, buffer.baseAddress, buffer.count) }
      if filled == 0 { return result }
      var offset = 0
      while offset + Self.nameOffset < filled {
        let length = Int(buffer.loadUnaligned(fromByteOffset: offset + Self.lengthOffset, as: UInt16.self))
        if length <= Self.nameOffset || offset + length > filled {
          throw SystemError(errno: EIO, operation: "getdents64")
        }
        let name = buffer[(offset + Self.nameOffset)..<(offset + length)].prefix { $0 != 0 }
        if !isDotOrDotDot(name) {
          if result.count == maxEntries { throw SystemError(errno: EOVERFLOW, operation: "getdents64") }
          let inode = buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
          result.append(Entry(name: Array(name), type: buffer[offset + Self.typeOffset], inode: inode))
        }
        offset += length
      }
    }
  }

  private func isDotOrDotDot(_ name: Slice<UnsafeMutableRawBufferPointer>) -> Bool {
    name.count <= 2 && name.allSatisfy { $0 == UInt8(ascii: ".") }
  }
}
