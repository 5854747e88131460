import Glibc
import LinuxSystem

/// Copies of runtimes in sealed memory, made once for each version of a program on disk.
///
/// A process of a container could reach the runtime's program through /proc/self/exe while it is being set up, so runtimes
/// copy themselves and start anew before they do anything (CVE-2019-5736). Started from a sealed copy they see that nobody
/// can change it, which spares half of their start.
final class SealedPrograms: Sendable {
  /// A program as it lies on disk; an upgrade makes another one of it.
  private struct Version: Hashable {
    var path: String
    var device: UInt64
    var inode: UInt64
    var sizeBytes: Int64
    var modified: FileTime
  }

  private static let limitBytes = 64 << 20

  /// Holds a folder with a link for each copy, so that processes are called by the program's name and not by a descriptor's number.
  private let directory: String
  private let copies = Locked<[Version: Descriptor]>([:])

  init(directory: String) { self.directory = directory }

  /// A path that starts the copy of a program, good for as long as this process lives.
  func path(of program: String) throws -> String {
    let status = try Descriptor.open(program, flags: O_PATH).status()
    let version = Version(
      path: program, device: status.device, inode: status.inode, sizeBytes: status.sizeBytes,
      modified: status.modificationTime)
    let name = program.split(separator: "/").last.map(String.init) ?? program
    return try copies.withLock { copies in
      if let copy = copies[version] { return "\(folder(of: copy))/\(name)" }
      let copy = try MemoryFile.makeProgram(FileSystem.read(program, maxBytes: Self.limitBytes), name: name)
      let folder = folder(of: copy)
      try FileSystem.makeDirectories(folder, mode: 0o700)
      // Through /proc, because conmon starts the runtime and has other descriptors than the engine. What is there already
      // is of an earlier engine.
      let link = "\(folder)/\(name)"
      try FileSystem.removeFile(link)
      try systemCall("symlink", link) { symlink("/proc/\(getpid())/fd/\(copy.raw)", link) }
      copies[version] = copy
      return link
    }
  }

  /// A descriptor's number belongs to one copy for as long as this process lives.
  private func folder(of copy: Descriptor) -> String { "\(directory)/\(copy.raw)" }
}
