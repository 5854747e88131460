import Glibc
import LinuxSystem
import Model
import OCITypes

@testable import Isolation

/// A busybox root and a real runtime to try specifications on.
struct LiveContainer {
  enum Failure: Error { case noBusybox, failed(String) }

  static let canRun =
    getuid() == 0 && FileSystem.exists("/usr/bin/busybox") && FileSystem.exists("/usr/bin/crun")
  static let canRunRunc = canRun && FileSystem.exists("/usr/sbin/runc")
  static let ids = IDRange(first: 1_500_000_000)

  let name: String
  let folder: String
  var input: SpecInput

  /// Makes a bundle with a root that belongs to `ids`.
  init(_ ids: IDRange = LiveContainer.ids) throws {
    name = "isolation-test-" + ContainerID.random().short
    folder = "/tmp/" + name
    let root = folder + "/root"
    for path in ["bin", "sbin", "dev", "etc", "proc", "sys", "tmp", "mnt"] {
      try FileSystem.makeDirectories(root + "/" + path)
    }
    let busybox = try FileSystem.read("/usr/bin/busybox", maxBytes: 16 << 20)
    try FileSystem.atomicWrite(root + "/bin/busybox", busybox, mode: 0o755, durable: false)
    let owner = try Descriptor.open(root, flags: O_RDONLY | O_DIRECTORY)
    let tree = RootedDirectory(owner)
    for applet in ["sh", "id", "cat", "grep", "ls", "mount", "hostname", "touch", "mknod", "chmod", "echo", "sleep"] {
      try tree.symlink("busybox", at: "/bin/" + applet)
    }
    try tree.walk { entry in
      try tree.chown(entry.path, uid: ids.first, gid: ids.first)
      return .enter
    }
    try tree.chown("/", uid: ids.first, gid: ids.first)
    input = SpecInput(
      settings: ContainerSettings(image: "busybox"), policy: EnginePolicy(), host: LiveContainer.host(),
      arguments: ["sh"], environment: ["PATH=/bin:/sbin"], workingDirectory: "/", user: ResolvedUser(),
      hostname: "compartment", ids: ids, rootPath: root, cgroupsPath: "/bulkhead-isolation-tests/" + name)
  }

  /// What this machine has, as far as the tests need it.
  static func host() -> HostProfile {
    let hybrid = FileSystem.exists("/sys/fs/cgroup/memory")
    let status = (try? FileSystem.read("/proc/self/status", maxBytes: 1 << 16)) ?? []
    return HostProfile(
      cgroupMode: hybrid ? .hybrid : .v2,
      controllers: hybrid ? ["cpu", "cpuset", "blkio", "memory", "pids"] : ["cpu", "cpuset", "io", "memory", "pids"],
      swapLimits: !hybrid || FileSystem.exists("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"),
      boundingCapabilities: HostProfile.capabilities(status: String(decoding: status, as: UTF8.self)))
  }

  /// Runs a shell script as the container's command and gives what it printed on both streams.
  func run(_ script: String, runtime: String = "/usr/bin/crun") throws -> (code: Int32, text: String) {
    var input = input
    input.arguments = ["sh", "-c", script]
    return try run(spec: SpecBuilder.build(input), runtime: runtime)
  }

  func run(spec: RuntimeSpec, runtime: String = "/usr/bin/crun") throws -> (code: Int32, text: String) {
    try FileSystem.atomicWrite(folder + "/config.json", spec.json(), durable: false)
    // crun gives its standard streams to the container's root: the host's own /dev/null, which would then be open to
    // chmod(2) from inside. Through a read-only mount it cannot; the descriptor has to be opened after that mount.
    let script = """
      exec 2>&1
      mount --bind /dev/null /dev/null && mount -o remount,bind,ro /dev/null || exit 99
      exec </dev/null
      umount /sys/fs/cgroup/unified 2>/dev/null
      cd \(folder) && exec \(runtime) run \(name)
      """
    let output = try LinuxProcessSpawner().run(
      ProcessRequest(
        executable: "/usr/bin/unshare", arguments: ["unshare", "-m", "/bin/sh", "-c", script],
        environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]),
      deadlineSeconds: 30)
    return (output.status.code, String(decoding: output.stdout + output.stderr, as: UTF8.self))
  }

  /// Shows the host's /usr inside, for tests that need more than busybox has.
  mutating func bindHostPrograms() throws {
    input.mounts.append(ResolvedMount(source: "/usr", destination: "/usr", readOnly: true))
    for name in ["lib", "lib64"] { symlink("usr/" + name, input.rootPath + "/" + name) }
    input.environment = ["PATH=/bin:/sbin:/usr/bin"]
  }

  /// Removes the bundle and the groups the runtime made above the container's own.
  func remove() {
    try? FileSystem.removeTree(folder)
    for hierarchy in (try? FileSystem.list("/sys/fs/cgroup")) ?? [] {
      rmdir("/sys/fs/cgroup/\(hierarchy)/bulkhead-isolation-tests")
    }
    rmdir("/sys/fs/cgroup/bulkhead-isolation-tests")
  }
}
