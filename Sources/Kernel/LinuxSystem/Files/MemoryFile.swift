import CLinuxShim
import Glibc

/// Files without a name that live in memory (memfd_create(2)).
public enum MemoryFile {
  /// A file with these bytes, positioned at its start.
  public static func make(_ bytes: [UInt8]) throws -> Descriptor {
    let closeOnExec: UInt32 = 1
    let file = Descriptor(owning: try systemCall("memfd_create") { bh_memfd_create("bulkhead", closeOnExec) })
    try file.write(all: bytes)
    try systemCall("lseek") { lseek(file.raw, 0, SEEK_SET) }
    return file
  }
}
