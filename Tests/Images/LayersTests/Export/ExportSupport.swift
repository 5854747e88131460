import Glibc
import LinuxSystem
import Model
import Synchronization
import Testing

@testable import Layers

/// What the tests of archives share.
enum Export {
  /// A container's ids.
  static let ids = IDRange(first: 0x7000_0000)
  /// `security.capability` with cap_net_raw, effective (VFS_CAP_REVISION_2).
  static let capability: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0] + [UInt8](repeating: 0, count: 12)

  /// Runs a program found on PATH and returns what it printed.
  static func run(_ arguments: [String]) throws -> String {
    let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/sbin:/usr/bin:/sbin:/bin"
    let output = try LinuxProcessSpawner().run(
      ProcessRequest(
        executable: "/usr/bin/env", arguments: ["env"] + arguments,
        environment: ["PATH=\(path)", "LC_ALL=C.UTF-8", "TZ=UTC"]))
    #expect(output.status.isSuccess, "\(arguments): \(String(decoding: output.stderr, as: UTF8.self))")
    return String(decoding: output.stdout, as: UTF8.self)
  }

  /// Runs shell commands in a mount namespace of their own.
  static func shell(_ script: String) throws { _ = try run(["unshare", "-m", "/bin/sh", "-euc", script]) }

  static func create(_ path: String) throws -> Descriptor {
    try Descriptor.open(path, flags: O_RDWR | O_CREAT | O_TRUNC, mode: 0o600)
  }

  static func open(_ path: String) throws -> Descriptor { try Descriptor.open(path, flags: O_RDONLY) }

  /// The entries of an archive.
  static func entries(_ path: String) throws -> [TarEntry] {
    let reader = TarReader(BufferedSource(DescriptorSource(try open(path))))
    var entries: [TarEntry] = []
    while let entry = try reader.nextEntry() { entries.append(entry) }
    return entries
  }

  static func names(_ path: String) throws -> [String] { try entries(path).map { PathText.text(of: $0.name) } }

  static func write(_ path: String, _ text: String, mode: UInt32 = 0o644) throws {
    try FileSystem.atomicWrite(path, Array(text.utf8), mode: mode, durable: false)
  }

  static func setTime(_ path: String, _ seconds: Int) throws {
    let times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)]
    try systemCall("utimensat", path) { utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) }
  }

  static func setOwner(_ path: String, _ uid: UInt32, _ gid: UInt32) throws {
    try systemCall("lchown", path) { lchown(path, uid, gid) }
  }

  static func setAttribute(_ path: String, _ name: String, _ value: [UInt8]) throws {
    try open(path).setxattr(name, value)
  }

  /// Mounts a new file system in the calling thread's namespace.
  static func mount(_ type: String, at path: String) throws {
    try MountAPI.moveMount(from: FileSystemContext(type: type).mount(), to: path)
  }
}

/// Repeats something on a thread of its own until it is told to stop.
final class Disturbance: Sendable {
  private final class Flag: Sendable {
    let isSet = Atomic(false)
  }

  private let stopped: Flag
  private let outcome: ThreadOutcome<Int>

  init(_ body: @escaping @Sendable () throws -> Void) throws {
    let stopped = Flag()
    self.stopped = stopped
    outcome = try ThreadOutcome {
      var rounds = 0
      while !stopped.isSet.load(ordering: .relaxed) {
        try body()
        rounds += 1
      }
      return rounds
    }
  }

  deinit { stopped.isSet.store(true, ordering: .relaxed) }

  /// Returns how often it was done.
  func stop() throws -> Int {
    stopped.isSet.store(true, ordering: .relaxed)
    return try outcome.wait()
  }
}
