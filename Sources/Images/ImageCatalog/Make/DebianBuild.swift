import ContentStore
import Glibc
import Layers
import LinuxSystem
import Model

/// A run of mmdebstrap(1) that writes a tar archive.
final class DebianBuild: Sendable {
  private static let program = "/usr/bin/mmdebstrap"
  /// util-linux; a part of every Debian.
  private static let unshare = "/usr/bin/unshare"
  private static let keptLines = 5
  private static let maximumLineBytes = 1_000
  /// Removed in the new root: what differs between runs or machines, or belongs to this host.
  private static let removed = [
    "etc/hostname", "etc/resolv.conf", "var/cache/ldconfig/aux-cache", "var/log/alternatives.log",
    "var/log/bootstrap.log", "var/log/dpkg.log", "var/log/apt/history.log", "var/log/apt/term.log",
    "var/log/apt/eipp.log.xz", "var/lib/dbus/machine-id", "var/lib/dpkg/available-old", "var/lib/dpkg/status-old",
    "var/cache/debconf/config.dat-old", "var/cache/debconf/templates.dat-old", "etc/apt/apt.conf.d/99mmdebstrap",
    "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-",
  ]

  /// The archive; it ends when the program does.
  let archive: Descriptor
  private let process: SpawnedProcess
  private let lastLines: ThreadOutcome<[String]>
  private let outcome = Locked<ExitStatus?>(nil)
  private let isStopped = Locked(false)

  /// Starts the program. The calling thread must stay until `finish`: the program ends with it.
  init(
    suite: String, packages: [String], sources: [HostApt.Source], epoch: Int64, scratch: String,
    environment: [String], progress: @escaping @Sendable (String) -> Void
  ) throws {
    guard FileSystem.exists(Self.program) else {
      throw PlatformError(
        .unavailable, "mmdebstrap is missing: install the package mmdebstrap to make images from packages")
    }
    // In namespaces of its own: what it starts, and what it mounts in the new root, goes with it when it is killed.
    var arguments = [Self.unshare, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
    arguments += [Self.program, "--mode=root", "--variant=minbase", "--format=tar"]
    if !packages.isEmpty { arguments.append("--include=\(packages.sorted().joined(separator: ","))") }
    let files = Self.removed.map { "\"$1/\($0)\"" }.joined(separator: " ")
    arguments.append("--customize-hook=rm -f \(files)")
    arguments.append("--customize-hook=if [ -e \"$1/etc/machine-id\" ]; then : > \"$1/etc/machine-id\"; fi")
    arguments += [suite, "-"] + sources.map(\.line)
    let (output, errors) = try translatingSystemErrors("make a pipe") { (try Descriptor.pipe(), try Descriptor.pipe()) }
    archive = output.read
    let request = ProcessRequest(
      executable: Self.unshare, arguments: arguments,
      environment: [
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root", "TMPDIR=\(scratch)",
        "SOURCE_DATE_EPOCH=\(epoch)", "DEBIAN_FRONTEND=noninteractive",
      ] + environment,
      descriptors: [
        DescriptorMapping(child: 1, source: output.write.raw), DescriptorMapping(child: 2, source: errors.write.raw),
      ],
      newSession: true, parentDeathSignal: SIGKILL)
    do {
      process = try withExtendedLifetime((output, errors)) { try LinuxProcessSpawner().spawn(request) }
    } catch let error as SystemError {
      throw platformError("start mmdebstrap", error)
    }
    let lines = errors.read
    lastLines = try ThreadOutcome { Self.lines(of: lines, progress) }
  }

  /// Waits for the program's end and throws with its last words where it failed.
  func finish() throws {
    let status = try outcome.withLock { known in
      if let known { return known }
      let status = try translatingSystemErrors("wait for mmdebstrap") { try process.waitExit() }
      known = status
      return status
    }
    if status.isSuccess || isStopped.withLock({ $0 }) { return }
    let words = (try? lastLines.wait()) ?? []
    throw PlatformError(.unavailable, "mmdebstrap failed (\(status.code)): \(words.joined(separator: " | "))")
  }

  /// Ends the program; its failure is then no news.
  func stop() {
    outcome.withLock { known in
      if known != nil { return }
      isStopped.withLock { $0 = true }
      try? process.signal(SIGKILL)
    }
  }

  /// Hands on each line and keeps the last.
  private static func lines(of descriptor: Descriptor, _ progress: (String) -> Void) -> [String] {
    var kept: [String] = []
    var line: [UInt8] = []
    func end() {
      let text = TarEntry.printable(line)
      line = []
      if text.isEmpty { return }
      progress(text)
      kept = (kept + [text]).suffix(keptLines)
    }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 16)
    defer { buffer.deallocate() }
    while let count = try? descriptor.read(into: buffer), count > 0 {
      for byte in buffer[..<count] {
        // A progress bar draws over its line.
        if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
          end()
        } else if line.count < maximumLineBytes {
          line.append(byte)
        }
      }
    }
    end()
    return kept
  }
}
