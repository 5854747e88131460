import Isolation
import Model

/// Where an engine keeps what, and which programs it calls.
public struct EngineConfiguration: Sendable {
  /// Everything that must survive: `/var/lib/bulkhead/engine`.
  public var root: String
  /// Sockets and what lives as long as the host does not reboot: `/run/bulkhead`.
  public var run: String
  public var policy: EnginePolicy
  public var version: String
  public var conmonPath: String
  /// Ends processes of `--init` containers; nil where the host has none.
  public var initPath: String?
  /// What pods mount and where their logs go besides what the policy allows; nil: there is no agent on this host.
  public var podFolders: PodFolders?
  /// The engine's own program, which `FileWorker` starts once more. The kernel's name for it holds through an upgrade.
  public var program = "/proc/self/exe"
  /// Name of the engine's nftables table and control groups; made from `root` so that engines run side by side.
  public var instance: String

  public init(
    root: String, run: String, policy: EnginePolicy, version: String, conmonPath: String = "/usr/bin/conmon",
    initPath: String?
  ) {
    self.root = root
    self.run = run
    self.policy = policy
    self.version = version
    self.conmonPath = conmonPath
    self.initPath = initPath
    self.instance = Self.instance(of: root)
  }

  /// Eight hexadecimal digits that name the engine with this root (FNV-1a).
  static func instance(of root: String) -> String {
    let hash = root.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
    let text = String(hash, radix: 16)
    return String(repeating: "0", count: 8 - text.count) + text
  }
}

/// The engine's folders.
struct EnginePaths: Sendable {
  let root: String
  let run: String

  var database: String { "\(root)/engine.sqlite" }
  var content: String { "\(root)/content" }
  var snapshots: String { "\(root)/snapshots" }
  var builds: String { "\(root)/builds" }
  var volumes: String { "\(root)/volumes" }
  var backups: String { "\(root)/backups" }
  var buildContexts: String { "\(root)/contexts" }
  var containers: String { "\(root)/containers" }
  var trash: String { "\(root)/trash" }
  var bundles: String { "\(run)/c" }
  var exits: String { "\(run)/exits" }
  var runtimeState: String { "\(run)/runtime" }
  var networking: String { "\(run)/network" }
  var socket: String { "\(run)/docker.sock" }
  /// Sockets of containers, below a folder that only root enters.
  var sockets: String { "\(run)/s" }

  /// Namespaces of sandboxes.
  var sandboxes: String { "\(run)/p" }

  func sandbox(_ id: ContainerID) -> String { "\(sandboxes)/\(id.hex)" }
  func container(_ id: ContainerID) -> String { "\(containers)/\(id.hex)" }
  func bundle(_ id: ContainerID) -> String { "\(bundles)/\(id.hex)" }
  /// Short, as the path of a socket may have 107 bytes (unix(7)).
  func socket(of id: ContainerID) -> String { "\(sockets)/\(id.short)" }
  func log(_ id: ContainerID) -> String { "\(containers)/\(id.hex)/container.log" }
  func volumeData(_ name: String) -> String { "\(volumes)/\(name)/_data" }
}
