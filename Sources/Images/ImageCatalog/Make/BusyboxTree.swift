import ContentStore
import Glibc
import Layers
import LinuxSystem
import Model

/// The files of a busybox image: the host's static busybox, its commands as links, and what a root file system needs.
struct BusyboxTree {
  static let program = "/bin/busybox"
  private static let copyright = "/usr/share/doc/busybox-static/copyright"
  private static let maximumProgramBytes = 16 << 20
  private static let directories: [(String, UInt32)] = [
    ("bin", 0o755), ("dev", 0o755), ("etc", 0o755), ("home", 0o755), ("proc", 0o755), ("root", 0o700), ("sbin", 0o755),
    ("sys", 0o755), ("tmp", 0o1777), ("usr", 0o755), ("usr/bin", 0o755), ("usr/sbin", 0o755), ("usr/share", 0o755),
    ("usr/share/doc", 0o755), ("usr/share/doc/busybox-static", 0o755), ("var", 0o755), ("var/spool", 0o755),
    ("var/tmp", 0o1777), ("var/www", 0o755),
  ]
  private static let files: [(String, String, UInt32)] = [
    (
      "etc/passwd",
      """
      root:x:0:0:root:/root:/bin/sh
      daemon:x:1:1:daemon:/usr/sbin:/bin/false
      bin:x:2:2:bin:/bin:/bin/false
      sys:x:3:3:sys:/dev:/bin/false
      www-data:x:33:33:www-data:/var/www:/bin/false
      nobody:x:65534:65534:nobody:/home:/bin/false

      """, 0o644
    ),
    (
      "etc/group",
      """
      root:x:0:
      daemon:x:1:
      bin:x:2:
      sys:x:3:
      tty:x:5:
      www-data:x:33:
      users:x:100:
      nogroup:x:65534:

      """, 0o644
    ),
    ("etc/shadow", "root:*:::::::\n", 0o640), ("etc/nsswitch.conf", "hosts: files dns\n", 0o644),
  ]

  /// Paths of the commands, relative to the root.
  let commands: [String]
  /// The program's own time, which every file gets.
  let modified: FileTime
  private let bytes: [UInt8]
  private let notice: [UInt8]

  /// Reads the host's busybox.
  /// - Throws: `unavailable` where it is missing or not linked statically.
  init() throws {
    do {
      let file = try Descriptor.open(Self.program, flags: O_RDONLY)
      modified = FileTime(seconds: try file.status().modificationTime.seconds)
      bytes = try file.readAll(maxBytes: Self.maximumProgramBytes)
      notice = (try? FileSystem.read(Self.copyright, maxBytes: 1 << 20)) ?? []
      let request = ProcessRequest(executable: Self.program, arguments: ["busybox", "--list-full"])
      let output = try LinuxProcessSpawner().run(request, deadlineSeconds: 10)
      guard output.status.isSuccess else { throw SystemError(errno: ENOEXEC, operation: "busybox --list-full") }
      let known = Set(Self.directories.map(\.0))
      commands = String(decoding: output.stdout, as: UTF8.self).split(separator: "\n").map(String.init)
        .filter { $0 != "bin/busybox" && known.contains(FileSystem.parent(of: $0)) }.sorted()
    } catch let error as SystemError {
      throw PlatformError(
        .unavailable, "\(Self.program) cannot be used: install the package busybox-static", cause: error)
    }
    // A dynamic program names its interpreter (ELF, PT_INTERP).
    guard !bytes.prefix(4_096).contains(Array("/ld-linux".utf8)) else {
      throw PlatformError(.unavailable, "\(Self.program) needs libraries: install the package busybox-static")
    }
  }

  /// The tree as an archive; the same program gives the same bytes.
  func archive() throws -> [UInt8] {
    var result: [UInt8] = []
    let writer = TarWriter { result.append(contentsOf: $0) }
    func add(_ kind: TarEntryKind, _ name: String, mode: UInt32, link: String = "", content: [UInt8] = []) throws {
      var entry = TarEntry(kind: kind, name: Array(name.utf8))
      entry.mode = mode
      entry.linkName = Array(link.utf8)
      entry.modified = modified
      entry.sizeBytes = Int64(content.count)
      try writer.add(entry)
      try writer.write(content)
    }
    for (name, mode) in Self.directories { try add(.directory, name, mode: mode) }
    try add(.file, "bin/busybox", mode: 0o755, content: bytes)
    for command in commands { try add(.hardLink, command, mode: 0o755, link: "bin/busybox") }
    for (name, text, mode) in Self.files { try add(.file, name, mode: mode, content: Array(text.utf8)) }
    try add(.file, "usr/share/doc/busybox-static/copyright", mode: 0o644, content: notice)
    try writer.finish()
    return result
  }
}
