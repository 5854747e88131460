import CLinuxShim
import Glibc

/// Files without a name that live in memory (memfd_create(2)).
public enum MemoryFile {
  /// A file with these bytes, positioned at its start.
  public static func make(_ bytes: [UInt8]) throws -> Descriptor {
    let file = Descriptor(owning: try systemCall("memfd_create") { bh_memfd_create("bulkhead", closeOnExec) })
    try file.write(all: bytes)
    try file.rewind()
    return file
  }

  /// A program with these bytes that nobody can change any more: sealed against writing, growing, shrinking and further
  /// seals (F_ADD_SEALS, fcntl(2)), which are exactly the seals that runtimes look for on themselves.
  public static func makeProgram(_ bytes: [UInt8], name: String) throws -> Descriptor {
    let flags = closeOnExec | allowSealing
    // Kernels before 6.3 know no MFD_EXEC and make every memory file executable.
    var number = bh_memfd_create(name, flags | executable)
    if number < 0, errno == EINVAL { number = bh_memfd_create(name, flags) }
    let file = Descriptor(owning: try systemCall("memfd_create", name) { number })
    try file.write(all: bytes)
    try systemCall("fcntl", name) { fcntl(file.raw, addSeals, sealAll) }
    return file
  }

  // memfd_create(2), fcntl(2).
  private static let closeOnExec: UInt32 = 0x1
  private static let allowSealing: UInt32 = 0x2
  private static let executable: UInt32 = 0x10
  private static let addSeals: Int32 = 1033
  /// F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE.
  private static let sealAll: Int32 = 0x1 | 0x2 | 0x4 | 0x8
}
