import Glibc
import LinuxSystem

/// The process that has a socket open.
struct SocketOwner: Sendable, Equatable {
  var processID: Int32
  /// The name of the program; of this product's daemon with its role.
  var program: String
  /// 64 hexadecimal digits out of the process's control group, where it may be a container's.
  var container: String?

  private static let maximumProcesses = 1 << 20
  private static let maximumTextBytes = 1 << 16
  private static let containerDigits = 64

  /// The owners of sockets by inode, those with the lowest pid. Sockets of processes that may not be looked at, or that have
  /// ended meanwhile, are missing. Blocking: walks /proc.
  static func find(_ inodes: Set<UInt64>) throws -> [UInt64: SocketOwner] {
    var owners: [UInt64: SocketOwner] = [:]
    let processes = try FileSystem.list("/proc", maxEntries: maximumProcesses).compactMap { Int32($0) }.sorted()
    for process in processes {
      guard owners.count < inodes.count else { break }
      // Processes end at any time, and some are not ours to look at.
      guard let files = try? FileSystem.list("/proc/\(process)/fd", maxEntries: maximumProcesses) else { continue }
      let held = files.compactMap { inode(of: "/proc/\(process)/fd/\($0)") }
        .filter { inodes.contains($0) && owners[$0] == nil }
      guard !held.isEmpty else { continue }
      let owner = SocketOwner(
        processID: process, program: program(of: process), container: container(in: text("/proc/\(process)/cgroup")))
      for inode in held { owners[inode] = owner }
    }
    return owners
  }

  private static func text(_ path: String) -> String {
    String(decoding: (try? FileSystem.read(path, maxBytes: maximumTextBytes)) ?? [], as: UTF8.self)
  }

  private static func inode(of path: String) -> UInt64? {
    guard let target = try? Descriptor.open(path, flags: O_PATH | O_NOFOLLOW).readLink(),
      target.hasPrefix("socket:["), target.hasSuffix("]")
    else { return nil }
    return UInt64(target.dropFirst(8).dropLast())
  }

  /// Programs name themselves: control characters are no part of what is shown.
  private static func program(of process: Int32) -> String {
    let name = clean(text("/proc/\(process)/comm"))
    guard name == "bulkheadd" else { return name }
    let words = text("/proc/\(process)/cmdline").split(separator: "\0")
    return words.count > 1 ? "\(name) \(clean(words[1].prefix(16)))" : name
  }

  private static func clean(_ text: some StringProtocol) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.value >= 32 && $0.value != 127 }))
  }

  /// The last part of a cgroup(7) path that is a container's id.
  static func container(in cgroups: String) -> String? {
    cgroups.split { "/\n-.:".contains($0) }.last { part in
      part.utf8.count == containerDigits
        && part.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }.map(String.init)
  }
}
