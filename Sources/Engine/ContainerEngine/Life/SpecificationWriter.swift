import Glibc
import Isolation
import LinuxSystem
import Model
import OCITypes

/// Finishes a container's runtime specification once its root file system is there to be read, and writes `config.json`.
///
/// Everything here runs in the container's mount namespace; paths inside its root are resolved with openat2(2) only.
struct SpecificationWriter: Sendable {
  let record: ContainerRecord
  let policy: EnginePolicy
  let host: HostProfile
  let namespaces: NamespacePlan
  let plan: AssemblyPlan
  let initProgram: String?
  let cgroupsPath: String
  /// The engine's own control group.
  let engineCgroupParent: String
  let bundle: String
  /// Numbers of the block devices that limits name.
  let blockDevices: [String: DeviceNumber]
  /// The runtime takes a compiled system-call filter (crun), which spares each start its compilation.
  let takesFilterPrograms: Bool
  /// Copies what the image has at a path into a volume.
  let populate: @Sendable (_ root: RootedDirectory, _ destination: String, _ volume: String) throws -> Void
  /// `NAME=value`, in place of the record's of these names.
  let secretEnvironment: [String]

  /// - Returns: whether the container's program is where its arguments say.
  func write(root path: String) throws -> CommandLookup {
    let root = try RootedDirectory(path: path)
    try refuseRedirectedFolders(root)
    try makeWorkingDirectory(root)
    for volume in plan.population {
      try populate(root, volume.destination, volume.volume)
    }
    let user = try ContainerSetting.user.blamed {
      try ContainerAccounts.resolve(
        record.user, groups: record.settings.host.additionalGroups, in: root, idCount: record.ids.count)
    }
    var input = SpecInput(
      settings: record.settings, policy: policy, host: host, arguments: record.arguments,
      environment: environment, workingDirectory: record.workingDirectory, user: user, hostname: record.hostname,
      ids: record.ids, rootPath: path, cgroupsPath: cgroupsPath)
    input.engineCgroupParent = engineCgroupParent
    input.mounts = plan.mounts
    input.devices = plan.devices
    input.namespaces = namespaces
    input.sharedMemoryPath = plan.sharedMemoryPath
    input.blockDevices = blockDevices
    input.runtimeTakesFilterPrograms = takesFilterPrograms
    if record.settings.host.useInit == true {
      guard let initProgram else {
        throw PlatformError(.unavailable, "--init needs an init program on the host: install the package catatonit")
          .about(.initProgram)
      }
      input.initProgram = initProgram
    }
    let specification = try SpecBuilder.build(input)
    try FileSystem.atomicWrite("\(bundle)/config.json", try specification.json(), mode: 0o600, durable: false)
    // What an exec takes over from the container, without the rest of the specification.
    try FileSystem.atomicWrite("\(bundle)/process.json", try specification.process.json(), mode: 0o600, durable: false)
    return ProgramLookup.find(
      record.arguments.first ?? "", environment: record.environment, cwd: record.workingDirectory, in: root)
  }

  private var environment: [String] {
    let names = Set(secretEnvironment.map { $0.prefix { $0 != "=" } })
    return record.environment.filter { !names.contains($0.prefix { $0 != "=" }) } + secretEnvironment
  }

  /// An image whose /dev, /proc or /sys leads elsewhere is refused before anything is mounted there.
  private func refuseRedirectedFolders(_ root: RootedDirectory) throws {
    for folder in ["/dev", "/proc", "/sys"] {
      guard let status = try? root.stat(folder) else { continue }
      guard status.type == .directory else {
        throw PlatformError(
          .invalidArgument,
          "refusing to start: '\(folder)' in the image is not a directory; mounts there could be led elsewhere")
      }
    }
  }

  private func makeWorkingDirectory(_ root: RootedDirectory) throws {
    let path = record.workingDirectory
    if path == "/" || (try? root.exists(path)) == true { return }
    if record.mounts.contains(where: { path == $0.destination || path.hasPrefix($0.destination + "/") }) { return }
    do {
      let directory = try root.makeDirectories(path, mode: 0o755)
      let owner = record.ids.isHost ? 0 : record.ids.first
      try directory.chown(uid: owner, gid: owner)
    } catch let error as SystemError {
      throw PlatformError(
        .invalidArgument,
        "cannot make the working directory '\(path.prefix(256))': \(SystemError.message(for: error.errno))",
        cause: error
      ).about(.workingDirectory)
    }
  }
}

/// Looks up a user and groups in a container's own account files.
enum ContainerAccounts {
  private static let fileBytes = 1 << 20

  static func resolve(_ user: String, groups: [String], in root: RootedDirectory, idCount: UInt32) throws
    -> ResolvedUser
  {
    try UserResolver.resolve(
      user: user, groups: groups, passwd: try file("/etc/passwd", in: root), group: try file("/etc/group", in: root),
      idCount: idCount)
  }

  /// User and group as far as they are given by number; root otherwise.
  static func numericIDs(_ user: String) -> (user: UInt32, group: UInt32) {
    let parts = user.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let id = parts.first.flatMap { UInt32($0) } ?? 0
    return (id, parts.count > 1 ? UInt32(parts[1]) ?? 0 : 0)
  }

  private static func file(_ path: String, in root: RootedDirectory) throws -> [UInt8]? {
    do {
      return try root.read(path, maxBytes: fileBytes)
    } catch let error as SystemError where [ENOENT, ENOTDIR, ELOOP, EXDEV].contains(error.errno) {
      return nil
    }
  }
}

/// Finds a program as execvp(3) would, inside a container's root.
enum ProgramLookup {
  static func find(_ program: String, environment: [String], cwd: String, in root: RootedDirectory) -> CommandLookup {
    if program.contains("/") {
      return check(program.hasPrefix("/") ? program : "\(cwd)/\(program)", in: root)
    }
    let path = environment.last { $0.hasPrefix("PATH=") }.map { String($0.dropFirst(5)) } ?? ""
    var worst = CommandLookup.missing
    for folder in path.split(separator: ":") {
      switch check("\(folder)/\(program)", in: root) {
      case .found: return .found
      case .notExecutable: worst = .notExecutable
      case .missing, .isDirectory: break
      }
    }
    return worst
  }

  private static func check(_ path: String, in root: RootedDirectory) -> CommandLookup {
    // What lies on a mount that is not there yet cannot be seen; the runtime's own answer holds then.
    guard let status = try? root.stat(path, followLink: true) else { return .missing }
    if status.type == .directory { return .isDirectory }
    return status.mode & 0o111 == 0 ? .notExecutable : .found
  }
}
