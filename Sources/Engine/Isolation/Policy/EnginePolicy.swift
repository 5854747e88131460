import Model

/// What may be asked of the engine at all: the contents of `/etc/bulkhead/engine.yaml`.
///
/// The value made by `EnginePolicy()` is the policy of a host without the file. It allows what users of `docker run`
/// expect, except privileged containers, the host's namespaces other than its network, and host mounts of system paths.
public struct EnginePolicy: Sendable, Equatable {
  /// Where the file is.
  public static let standardPath = "/etc/bulkhead/engine.yaml"

  /// Containers with every capability and device and no user namespace: root on the host.
  public var privileged = false
  public var hostNamespaces = HostNamespaces()
  public var capabilities = Capabilities()
  public var devices = Devices()
  public var hostPaths = HostPaths()
  /// True: no container gains rights by set-user-id programs, and a client cannot switch that off.
  public var noNewPrivileges = false
  public var seccomp = Seccomp()
  public var appArmor = AppArmor()
  public var sysctls = Sysctls()
  public var cgroupParents = CgroupParents()
  public var syslog = Syslog()
  public var registries = Registries()
  public var builds = Builds()
  public var backups = Backups()
  public var engineSocket = EngineSocket.refused
  public var names = Names()
  public var networks = Networks()
  /// OCI runtimes by the name a client may ask for, and their programs.
  public var runtimes = ["crun": "/usr/bin/crun", "runc": "/usr/sbin/runc", "runsc": "/usr/bin/runsc"]
  public var defaultRuntime = "crun"
  public var defaults = Defaults()
  public var limits = Limits()

  public init() {}
}

extension EnginePolicy {
  /// Which of the host's namespaces a container may share.
  public struct HostNamespaces: Sendable, Equatable {
    /// Allowed: the container's root has no rights over the host's network, as that belongs to another user namespace.
    public var network = true
    public var pid = false
    public var ipc = false
    public var uts = false
    /// The host's ids: root inside is root outside.
    public var user = false
    public var cgroup = false
    public init() {}
  }

  /// Which containers that bind the engine's socket get one of their own, which reads their compose project and nothing else.
  public enum EngineSocket: String, Sendable, CaseIterable {
    /// None: each one is one more way to the engine's code.
    case refused
    /// Those that carry `label` with the value `project`.
    case labelled
    /// Each that binds it.
    case bound

    public static let label = "bulkhead.engine-socket"
    public static let labelValue = "project"
  }

  public struct Capabilities: Sendable, Equatable {
    /// What `--cap-add` may name, and what `--cap-add ALL` means.
    public var addable = Capability.addableByDefault
    public init() {}
  }

  public struct Devices: Sendable, Equatable {
    /// Patterns of host paths (`*` and `?` do not cross a slash).
    public var allowed = [
      "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/fuse", "/dev/net/tun",
    ]
    /// Rules of `--device-cgroup-rule`.
    public var cgroupRules = false
    public init() {}
  }

  /// Which paths of the host may be bound into containers. A path is refused when it is, lies below, or contains a
  /// denied one, unless an allowed entry that is as deep or deeper than the denied one covers it.
  public struct HostPaths: Sendable, Equatable {
    public var denied = [
      "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/root", "/run", "/sbin", "/sys",
      "/usr", "/var/cache", "/var/lib", "/var/log", "/var/run", "/var/spool",
    ]
    public var allowed = [
      HostPathRule(path: "/etc/localtime", readOnly: true),
      HostPathRule(path: "/etc/ssl/certs", readOnly: true),
      HostPathRule(path: "/etc/timezone", readOnly: true),
      HostPathRule(path: "/usr/share/ca-certificates", readOnly: true),
      HostPathRule(path: "/usr/share/zoneinfo", readOnly: true),
    ]
    /// Whose ids the files in other paths have.
    public var ownership = HostPathOwnership.mapped
    public init() {}
  }

  public struct Seccomp: Sendable, Equatable {
    /// Allowed: the user namespace is the wall, and debuggers and old programs need this. Hosts with clients that are
    /// not trusted with the kernel's whole interface switch it off.
    public var unconfined = true
    /// A client's own profile can allow everything, so this goes with `unconfined`.
    public var custom = true
    public init() {}
  }

  public struct AppArmor: Sendable, Equatable {
    /// The profile of containers whose client names none; nil: none. It has to be loaded by the host.
    public var defaultProfile: String?
    public var unconfined = true
    /// Patterns of names a client may choose.
    public var allowed = ["*"]
    public init() {}
  }

  public struct Sysctls: Sendable, Equatable {
    /// Patterns; only settings that belong to a namespace of the container are ever accepted.
    public var allowed = ["kernel.msg*", "kernel.sem", "kernel.shm*", "fs.mqueue.*", "net.*"]
    public init() {}
  }

  public struct CgroupParents: Sendable, Equatable {
    /// Control groups that containers may be put below, besides the engine's own.
    public var allowed: [String] = []
    public init() {}
  }

  public struct Syslog: Sendable, Equatable {
    /// Patterns of addresses that the driver `syslog` may send to, such as `udp://192.0.2.1:514`. The engine connects to
    /// them with the host's rights and from the host's own network.
    public var allowed = ["unixgram:///dev/log"]
    public init() {}
  }

  /// Which registries clients may use, and how they are reached.
  public struct Registries: Sendable, Equatable {
    /// Patterns of `HOST[:PORT]/PATH` (`*`: any characters, slashes too); one without a slash stands for all of the host.
    public var allowed = ["*"]
    /// `HOST[:PORT]` or `*.DOMAIN`: plain HTTP or unverified TLS. Nothing is implied, loopback neither.
    public var insecure: [String] = []
    /// In the order in which they are asked.
    public var mirrors: [RegistryMirrorRule] = []
    /// Token servers of other domains that a registry's credentials may go to.
    public var tokenServers: [String: [String]] = [:]
    /// Folders of authorities and client certificates for single registries, `HOST[:PORT]/ca.crt`.
    public var certificateFolders = ["/etc/bulkhead/certs.d", "/etc/docker/certs.d"]
    /// Layers of one image that come or go at once.
    public var downloads = 3
    public var uploads = 5
    public init() {}
  }

  /// Backups of volumes that the engine keeps.
  public struct Backups: Sendable, Equatable {
    /// Where they are; nil: below the engine's own folder.
    public var folder: String?
    /// What scheduled ones are sealed with; nil: not at all. A file of root's that nobody else reads.
    public var passphraseFile: String?

    public init() {}
  }

  /// What networks that clients make may be.
  public struct Networks: Sendable, Equatable {
    /// Subnets, beside those that nobody has outside, which networks may have or lie in, such as `2a00:db8:1::/56`.
    public var subnets: [String] = []
    /// Where pods have their addresses.
    public var pods = "10.244.0.0/24"

    public init() {}
  }

  /// What containers are told of names outside.
  public struct Names: Sendable, Equatable {
    /// Which addresses answers from outside may not have: those of containers, all private ones, or none.
    public enum Rebinding: String, Sendable, CaseIterable { case containers, `private`, off }

    public var rebinding = Rebinding.containers
    /// Domains that may have every address: themselves and all below.
    public var privateDomains: [String] = []
    public init() {}
  }

  /// What builds may reach from the engine itself; their steps have a container's network.
  public struct Builds: Sendable, Equatable {
    /// `HOST[:PORT]` or `*.DOMAIN` of this machine and of private networks that `ADD`, and git for builds, may fetch from;
    /// others outside all.
    public var hosts: [String] = []
    public init() {}
  }

  /// What a container gets when its client does not say.
  public struct Defaults: Sendable, Equatable {
    public var logDriver = "json-file"
    public var logMaxSizeBytes: Int64 = 20_000_000
    /// Files kept, the present one included.
    public var logMaxFiles = 5
    /// Seconds; 0: no bound by age.
    public var logMaxAgeSeconds: Int64 = 30 * 86_400
    /// 0: no bound.
    public var pidsLimit: Int64 = 4096
    public var sharedMemorySizeBytes: Int64 = 67_108_864
    /// Starts containers again whose health check fails, where their restart policy allows a start.
    public var restartUnhealthy = false
    public var stopTimeoutSeconds = 10
    public init() {}
  }

  /// Bounds of the whole engine.
  public struct Limits: Sendable, Equatable {
    /// Each has a range of ids; there are `IDRange.perEngine` less the volumes' own.
    public var containers = 1000
    public var execsPerContainer = 128
    public var networks = 1024
    public var volumes = 16_384
    public init() {}
  }
}

/// A host path that may be bound, with the terms.
public struct HostPathRule: Sendable, Equatable {
  public var path: String
  /// True: a client that asks for a writable mount is refused.
  public var readOnly: Bool
  /// nil: what `hostPaths.ownership` says.
  public var ownership: HostPathOwnership?
  public init(path: String, readOnly: Bool = false, ownership: HostPathOwnership? = nil) {
    self.path = path
    self.readOnly = readOnly
    self.ownership = ownership
  }
}

/// Another place that names are pulled from.
public struct RegistryMirrorRule: Sendable, Equatable {
  /// A registry, or a registry and the start of a path.
  public var prefix: String
  /// What stands in its place: `HOST[:PORT]` with or without a path.
  public var location: String
  /// False: the registry itself is not asked.
  public var fallsBack: Bool
  public init(prefix: String, location: String, fallsBack: Bool = true) {
    self.prefix = prefix
    self.location = location
    self.fallsBack = fallsBack
  }
}

/// How the ids of files below a bound host path look inside, and whose files are made there.
public enum HostPathOwnership: String, Sendable, CaseIterable {
  /// The container's user acts as the owner of the bound path where the container's client is that owner or root, or where
  /// this is said of the very path; everybody else has the volumes' ids. What root owns is bound as it is. See
  /// `BindOwnership`.
  case mapped
  /// Ids are the same inside and outside, root included, as docker does it. A container's root can then leave
  /// set-user-id programs of the host's root in that path.
  case host
  /// No mapping: files made inside belong to the container's own range, and the host's files show as nobody's.
  case none
}
