/// A mount of `volumes`.
public struct ComposeMount: Sendable, Equatable {
  public enum Kind: String, Sendable, CaseIterable { case bind, volume, tmpfs }

  public var kind: Kind
  /// bind: an absolute path of the host. volume: the key of the top-level entry, nil for an anonymous one.
  public var source: String?
  public var target: String
  public var readOnly = false
  /// bind: `rprivate`, `rslave` …
  public var propagation: String?
  /// bind: the host's folder is made where it is missing (true for the short form).
  public var createHostPath = false
  /// bind: false where the mounts below are left out.
  public var recursive = true
  public var noCopy = false
  public var subpath: String?
  public var volumeLabels: [String: String] = [:]
  public var tmpfsSizeBytes: Int64?
  public var tmpfsMode: UInt32?

  public init(_ kind: Kind, source: String?, target: String) {
    self.kind = kind
    self.source = source
    self.target = target
  }
}

/// One of `volumes_from`.
public struct ComposeVolumesFrom: Sendable, Equatable {
  public var source: ComposeNamespace
  public var readOnly: Bool

  public init(_ source: ComposeNamespace, readOnly: Bool) {
    self.source = source
    self.readOnly = readOnly
  }
}

/// A config or secret as a file inside.
public struct ComposeFileUse: Sendable, Equatable {
  /// The key of the top-level entry.
  public var source: String
  /// Absolute: `/run/secrets/NAME` and `/NAME` where the file says nothing.
  public var target: String
  public var uid: String?
  public var gid: String?
  /// nil: 0444.
  public var mode: UInt32?

  public init(source: String, target: String) {
    self.source = source
    self.target = target
  }
}

public struct ComposeBuild: Sendable, Equatable {
  /// What `FROM NAME` and `COPY --from=NAME` mean in the Dockerfile.
  public enum Context: Sendable, Equatable {
    static let imagePrefix = "docker-image://"

    /// Absolute.
    case folder(String)
    case image(String)
    /// The image of a service, which is built before.
    case service(String)

    init(_ text: String) {
      if text.hasPrefix("service:") {
        self = .service(String(text.dropFirst(8)))
      } else if text.hasPrefix(Self.imagePrefix) {
        self = .image(String(text.dropFirst(Self.imagePrefix.count)))
      } else {
        self = .folder(text)
      }
    }
  }

  /// An absolute path, or the address of a repository or archive.
  public var context: String
  /// Relative to the context, or absolute.
  public var dockerfile: String?
  public var dockerfileInline: String?
  public var arguments: [String: String?] = [:]
  public var labels: [String: String] = [:]
  public var target: String?
  public var network: String?
  public var platforms: [String] = []
  public var tags: [String] = []
  public var cacheFrom: [String] = []
  public var cacheTo: [String] = []
  /// SSH agents by id: an absolute path of a socket; empty: the environment's.
  public var agents: [String: String] = [:]
  public var secrets: [ComposeFileUse] = []
  /// `additional_contexts`
  public var contexts: [String: Context] = [:]
  public var extraHosts: [String] = []
  public var sharedMemorySizeBytes: Int64?
  /// `NAME=SOFT:HARD`
  public var ulimits: [String] = []
  public var noCache = false
  public var pull = false

  public init(context: String) { self.context = context }

  /// The services whose images it is made from, sorted.
  public var services: [String] {
    contexts.values.compactMap { if case .service(let name) = $0 { name } else { nil } }.sorted()
  }
}
