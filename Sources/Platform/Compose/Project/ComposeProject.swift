import Model

/// A project as its files, the environment and the chosen profiles make it: nothing is left to be looked up.
public struct ComposeProject: Sendable, Equatable {
  public var name: String
  /// The project's folder, absolute; relative paths of the files start here.
  public var directory: String
  /// The files that were read, absolute, in the order of merging; included ones are not among them.
  public var files: [String]
  /// The files of variables that were read for it.
  public var environmentFiles: [String] = []
  /// The variables that the files were read with.
  public var environment: [String: String] = [:]
  /// Services of the active profiles and without one, sorted by name.
  public var services: [ComposeService]
  /// Services that no active profile chooses, sorted by name.
  public var disabledServices: [ComposeService]
  /// The networks that services use, `default` where a service names none, and all others of the files; sorted by key.
  public var networks: [ComposeNetwork]
  public var volumes: [ComposeVolume]
  public var configs: [ComposeFile]
  public var secrets: [ComposeFile]
  /// The whole project as `compose config` prints it.
  public var canonical: ComposeValue
  /// nil for a project that is known by its labels alone.
  public var source: ComposeSource?

  public init(name: String, directory: String) {
    self.name = name
    self.directory = directory
    files = []
    services = []
    disabledServices = []
    networks = []
    volumes = []
    configs = []
    secrets = []
    canonical = .map([:])
  }

  /// An active service; nil where there is none of that name.
  public func service(_ name: String) -> ComposeService? { services.first { $0.name == name } }
  public func network(_ key: String) -> ComposeNetwork? { networks.first { $0.key == key } }
  public func volume(_ key: String) -> ComposeVolume? { volumes.first { $0.key == key } }
  /// Notes what is in the files of configs and secrets, so that containers are replaced when it changes.
  /// - Parameter hash: of the content of a file; nil where it cannot be read.
  public mutating func noteContents(_ hash: (_ path: String) -> String?) {
    func note(_ file: inout ComposeFile) {
      if case .file(let path) = file.origin { file.contentHash = hash(path) }
    }
    for index in configs.indices { note(&configs[index]) }
    for index in secrets.indices { note(&secrets[index]) }
  }

  public func config(_ key: String) -> ComposeFile? { configs.first { $0.key == key } }
  public func secret(_ key: String) -> ComposeFile? { secrets.first { $0.key == key } }
}

/// An entry of the top-level `networks`.
public struct ComposeNetwork: Sendable, Equatable {
  /// The name inside the files.
  public var key: String
  /// The name that the engine knows: `project_key` where the file gives none.
  public var name: String
  public var location: ComposeLocation?
  /// Not made and not removed by compose; has to be there.
  public var isExternal = false
  public var driver: String?
  public var driverOptions: [String: String] = [:]
  public var isInternal = false
  public var isAttachable = false
  public var enableIPv6: Bool?
  public var ipamDriver: String?
  public var ipamOptions: [String: String] = [:]
  public var pools: [ComposeAddressPool] = []
  /// The file's own; those of compose (`ComposeLabel`) are not among them.
  public var labels: [String: String] = [:]

  public init(key: String, name: String) {
    self.key = key
    self.name = name
  }
}

/// One of `ipam.config`.
public struct ComposeAddressPool: Sendable, Equatable {
  public var subnet: String?
  public var ipRange: String?
  public var gateway: String?

  public init() {}
}

/// An entry of the top-level `volumes`.
public struct ComposeVolume: Sendable, Equatable {
  public var key: String
  /// The name that the engine knows: `project_key` where the file gives none.
  public var name: String
  public var location: ComposeLocation?
  public var isExternal = false
  public var driver: String?
  public var driverOptions: [String: String] = [:]
  public var labels: [String: String] = [:]

  public init(key: String, name: String) {
    self.key = key
    self.name = name
  }
}

/// An entry of the top-level `configs` or `secrets`.
public struct ComposeFile: Sendable, Equatable {
  public enum Origin: Sendable, Equatable {
    /// A file of the host, absolute.
    case file(String)
    /// The value of a variable that was set when the project was loaded.
    case environment(name: String, value: String)
    case content(String)
    /// Kept by an engine of a cluster: not supported where a service uses it.
    case external
  }

  public var key: String
  public var name: String
  public var location: ComposeLocation?
  public var origin: Origin
  /// Of a file that could be read: changes with its content.
  public var contentHash: String?
  public var labels: [String: String] = [:]

  public init(key: String, name: String, origin: Origin) {
    self.key = key
    self.name = name
    self.origin = origin
  }
}
