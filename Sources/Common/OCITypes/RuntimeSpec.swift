/// The `config.json` of an OCI runtime bundle, as far as Bulkhead writes it.
///
/// Property names are the JSON names. `nil` is left out of the JSON. Source: OCI runtime specification 1.1, config.md
/// and config-linux.md (everything here but `domainname` is in 1.0.2 already, which crun and runc of Debian 12 speak).
public struct RuntimeSpec: Codable, Sendable, Equatable {
  /// The version Bulkhead writes.
  public static let version = "1.0.2"

  public var ociVersion: String
  public var process: ProcessSpec
  public var root: Root
  public var hostname: String?
  public var domainname: String?
  public var mounts: [Mount]
  public var annotations: [String: String]?
  public var linux: Linux

  public init(process: ProcessSpec, root: Root, mounts: [Mount] = [], linux: Linux = Linux()) {
    self.ociVersion = Self.version
    self.process = process
    self.root = root
    self.mounts = mounts
    self.linux = linux
  }
}

extension RuntimeSpec {
  /// The container's root file system.
  public struct Root: Codable, Sendable, Equatable {
    /// Absolute, or relative to the bundle.
    public var path: String
    public var readonly: Bool
    public init(path: String, readonly: Bool = false) {
      self.path = path
      self.readonly = readonly
    }
  }

  /// One mount; they are made in the order of the list.
  public struct Mount: Codable, Sendable, Equatable {
    public var destination: String
    public var type: String?
    public var source: String?
    public var options: [String]?
    public init(destination: String, type: String?, source: String?, options: [String]? = nil) {
      self.destination = destination
      self.type = type
      self.source = source
      self.options = options
    }
  }
}
