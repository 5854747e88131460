import LinuxSystem
import Model
import OCITypes

/// Everything `SpecBuilder` needs: plain values, all paths and names resolved by the caller.
public struct SpecInput: Sendable {
  public var settings: ContainerSettings
  public var policy: EnginePolicy
  public var host: HostProfile
  /// Entry point and command together, not empty.
  public var arguments: [String]
  /// `NAME=value`, image and client merged.
  public var environment: [String]
  public var workingDirectory: String
  public var user: ResolvedUser
  public var hostname: String
  /// The container's ids on the host; `.host` without a user namespace.
  public var ids: IDRange
  /// Absolute. Every folder on the way must let others pass (mode bit x), as the runtime enters it as the mapped root.
  public var rootPath: String
  /// Binds in any order: volumes, host paths, /etc/hosts and the like.
  public var mounts: [ResolvedMount] = []
  public var devices: [ResolvedDevice] = []
  public var namespaces = NamespacePlan()
  /// Path of the container's own control group below each hierarchy's root, starting with `/`.
  public var cgroupsPath: String
  /// The engine's own control group, see `PolicyCheck.cgroupParent`.
  public var engineCgroupParent = "/bulkhead"
  /// A folder to be bound to /dev/shm instead of a fresh tmpfs: for `shareable` and joined ipc namespaces.
  public var sharedMemoryPath: String?
  /// The host's static init program, where `--init` was asked for.
  public var initProgram: String?
  /// The runtime is crun, which takes a finished system-call filter by annotation: 2 ms less at each start. A runtime
  /// that does not know the annotation kills the container at its first system call, so that a mistake here is seen at
  /// once.
  public var runtimeTakesFilterPrograms = false
  /// Device numbers of the block devices named in the resource settings, by path.
  public var blockDevices: [String: DeviceNumber] = [:]

  public init(
    settings: ContainerSettings, policy: EnginePolicy, host: HostProfile, arguments: [String], environment: [String],
    workingDirectory: String, user: ResolvedUser, hostname: String, ids: IDRange, rootPath: String, cgroupsPath: String
  ) {
    self.settings = settings
    self.policy = policy
    self.host = host
    self.arguments = arguments
    self.environment = environment
    self.workingDirectory = workingDirectory
    self.user = user
    self.hostname = hostname
    self.ids = ids
    self.rootPath = rootPath
    self.cgroupsPath = cgroupsPath
  }
}

/// Where each namespace of a container comes from.
public struct NamespacePlan: Sendable, Equatable {
  public enum Origin: Sendable, Equatable {
    case new
    case host
    /// An open namespace, `/proc/PID/ns/…` or a bind mount of one.
    case path(String)
  }
  public var pid = Origin.new
  public var network = Origin.new
  public var ipc = Origin.new
  public var uts = Origin.new
  public var user = Origin.new
  public var cgroup = Origin.new
  /// Whether a network namespace given by path was made inside the user namespace given by path: only then can the
  /// container mount its own /sys and have network sysctls set. (pid_namespaces(7), network_namespaces(7).)
  public var networkBelongsToUser = false
  public init() {}

  /// The container's user namespace has rights over its network namespace.
  var ownsNetwork: Bool {
    switch network {
    case .new: true
    case .host: user == .host
    case .path: networkBelongsToUser || user == .host
    }
  }
}

/// The ids a process runs with inside.
public struct ResolvedUser: Sendable, Equatable {
  public var uid: UInt32
  public var gid: UInt32
  public var additionalGids: [UInt32]
  /// The home folder of the passwd entry; `/` where there is none.
  public var home: String
  public init(uid: UInt32 = 0, gid: UInt32 = 0, additionalGids: [UInt32] = [], home: String = "/") {
    self.uid = uid
    self.gid = gid
    self.additionalGids = additionalGids
    self.home = home
  }
}

/// A bind mount with its source found, checked and, where needed, id-mapped.
public struct ResolvedMount: Sendable, Equatable {
  public var source: String
  public var destination: String
  public var readOnly: Bool
  /// `rprivate` where nil.
  public var propagation: String?
  public var recursive: Bool
  /// Further mount options (`nosuid`, `noexec`).
  public var options: [String]
  public init(
    source: String, destination: String, readOnly: Bool = false, propagation: String? = nil, recursive: Bool = true,
    options: [String] = []
  ) {
    self.source = source
    self.destination = destination
    self.readOnly = readOnly
    self.propagation = propagation
    self.recursive = recursive
    self.options = options
  }
}

/// A device node to be seen inside.
public struct ResolvedDevice: Sendable, Equatable {
  public enum Kind: String, Sendable { case character = "c", block = "b" }
  /// The node that is bound. With a user namespace this is best one of the engine's own making (mknod(2) in a folder of
  /// the container's record), owned by the container's root on the host: the host's own node is closed to it by its
  /// mode.
  public var source: String
  public var destination: String
  public var kind: Kind
  public var number: DeviceNumber
  /// Some of `rwm`.
  public var permissions: String
  /// Permission bits; used where the runtime makes the node (no user namespace).
  public var mode: UInt32
  public init(
    source: String, destination: String, kind: Kind, number: DeviceNumber, permissions: String = "rwm",
    mode: UInt32 = 0o666
  ) {
    self.source = source
    self.destination = destination
    self.kind = kind
    self.number = number
    self.permissions = permissions
    self.mode = mode
  }
}
