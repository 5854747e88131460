import ImageCatalog
import LinuxSystem
import Model
import OCITypes

/// One RUN, as whoever runs containers needs it.
public struct RunStep: Sendable {
  /// Configuration and layers of what was built so far.
  public var image: ImageRecord
  public var arguments: [String]
  /// `NAME=value`, over those of the image.
  public var environment: [String]
  public var settings: StepSettings
  public var mounts: [StepMount]
  /// `NAME=value`: secrets, which no record of the step keeps.
  public var secretEnvironment: [String] = []
}

/// What a step sees at a place of its file system, as long as it runs.
public struct StepMount: Sendable {
  public enum Source: Sendable {
    /// A folder of the engine's own whose files have the image's ids; `path` is walked below it and never out of it.
    case folder(String, path: String)
    case tmpfs(sizeBytes: Int64?)
    /// A file that is never on a disk, owned by these ids of the image.
    case secret([UInt8], uid: UInt32, gid: UInt32, mode: UInt32)
    /// A socket, owned by these ids of the image, that leads to an SSH agent of the client.
    case agent(String, uid: UInt32, gid: UInt32, mode: UInt32)
  }
  public var source: Source
  public var target: String
  public var isReadOnly: Bool
}

/// What a step has changed: the upper directory of its overlay and the ids that its files have on disk.
public struct StepChanges: Sendable {
  public var upper: String
  public var ids: IDRange

  public init(upper: String, ids: IDRange) {
    self.upper = upper
    self.ids = ids
  }
}

/// What a builder needs of the engine. A step is an ordinary container: the engine's default isolation, its policy, no more.
public protocol StepRunner: Sendable {
  /// Runs a step to its end; nothing of it stays.
  /// - Parameters:
  ///   - started: told the container's id.
  ///   - output: gets what it writes, in order.
  ///   - harvest: called when it has ended well, while its changes are there.
  /// - Returns: the exit code.
  func run(
    _ step: RunStep, started: @escaping @Sendable (String) async throws -> Void,
    output: @escaping @Sendable (_ isError: Bool, _ bytes: [UInt8]) async throws -> Void,
    harvest: @escaping @Sendable (StepChanges) async throws -> Void
  ) async throws -> Int32

  /// Fetches a file by HTTP or HTTPS, as far as the engine's policy lets builds reach out.
  /// - Parameter file: gets the content; at most `limitBytes` of it.
  /// - Returns: `Last-Modified`, as the server sent it.
  func fetch(_ address: String, to file: Descriptor, limitBytes: Int64) async throws -> String?

  /// Fetches a commit of a git repository, as far as the engine's policy lets builds reach out.
  /// - Parameter folder: an empty one that goes with the step.
  func fetch(_ address: GitAddress, into folder: String) async throws -> GitCommit

  /// A base image by its name; brought from its registry where it is not here, or where `pulls` says so.
  func image(_ name: String, pulls: Bool) async throws -> ImageRecord

  /// A cache that a registry has under a name; nil where there is something else, as an image, or it is an image here.
  func cache(_ source: CacheSource) async throws -> StoredCache?

  /// Leaves a cache in a registry.
  /// - Parameter layers: lie in the content store.
  func store(
    cache document: [UInt8], layers: [ContentDescriptor], as reference: ImageReference
  ) async throws -> Digest

  /// The ids for `user`, `uid`, `user:group` or `uid:gid` by an image's account files; one without group has its own number.
  func owner(_ text: String, passwd: [UInt8]?, group: [UInt8]?) throws -> (uid: UInt32, gid: UInt32)
}
