import Glibc
import LinuxSystem

/// Writes a file's content from its start; blocks of zeroes become holes where that is wanted.
struct FileContent {
  private static let blockBytes = 64 << 10

  private let file: Descriptor
  private let makesHoles: Bool
  /// Zeroes that were passed over at the end of what is written.
  private var hole = 0
  private var sizeBytes: Int64 = 0

  init(_ file: Descriptor, makesHoles: Bool) {
    self.file = file
    self.makesHoles = makesHoles
  }

  mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
    sizeBytes += Int64(bytes.count)
    guard makesHoles else { return try file.write(all: bytes) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let block = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.blockBytes))
      rest = rest.dropFirst(block.count)
      if Self.isZero(block) {
        hole += block.count
      } else {
        try skip()
        try file.write(all: block)
      }
    }
  }

  /// Gives the file its length where it ends with a hole.
  mutating func finish() throws {
    guard hole > 0 else { return }
    try systemCall("ftruncate") { ftruncate(file.raw, off_t(sizeBytes)) }
    hole = 0
  }

  private mutating func skip() throws {
    guard hole > 0 else { return }
    try systemCall("lseek") { lseek(file.raw, off_t(hole), SEEK_CUR) }
    hole = 0
  }

  private static func isZero(_ block: UnsafeRawBufferPointer) -> Bool {
    guard let start = block.baseAddress, block[0] == 0 else { return false }
    // Each byte is the one before it, and the first is zero.
    return memcmp(start, start + 1, block.count - 1) == 0
  }
}
