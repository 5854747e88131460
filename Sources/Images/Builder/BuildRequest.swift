import Model

/// What a client wants built.
public struct BuildRequest: Sendable {
  /// Within the context, or only a name for errors where `dockerfileBytes` is given.
  public var dockerfile = "Dockerfile"
  /// A Dockerfile that need not be in the context, whose sender has left out already what is to be ignored.
  public var dockerfileBytes: [UInt8]?
  /// A stage's name or number; empty: the last.
  public var target = ""
  public var arguments: [String: String] = [:]
  public var labels: [String: String] = [:]
  public var references: [ImageReference] = []
  public var usesCache = true
  /// Images and caches whose steps count as known, too.
  public var cacheSources: [CacheSource] = []
  /// Where to leave the steps for other builds.
  public var cacheTargets: [CacheTarget] = []
  /// Ask the registry for base images although they are here.
  public var pulls = false
  public var settings = StepSettings()
  /// By id. They reach only the steps that name them.
  public var secrets: [String: [UInt8]] = [:]
  /// SSH agents that the client offers to the steps that name them.
  public var agents: Set<String> = []
  /// What names in `FROM`, `COPY --from` and `RUN --mount=from` stand for, before stages and images; in small letters.
  public var contexts: [String: NamedContext] = [:]

  public init() {}
}

/// What `--build-context` names.
public enum NamedContext: Sendable {
  case files(BuildContext)
  /// An image, by its name.
  case image(String)

  public static let maximumCount = 64
  public static let maximumNameBytes = 128

  /// A name that a Dockerfile can have in `FROM` and that is no stage's number: letters, digits and `._-/:@`.
  public static func isName(_ text: String) -> Bool {
    guard (1...maximumNameBytes).contains(text.utf8.count), Int(text) == nil, text != "scratch" else { return false }
    return text.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || "._-/:@".utf8.contains(byte)
    }
  }
}

/// A name of a registry that `--cache-to` gives the build's steps.
public struct CacheTarget: Sendable, Hashable {
  public var reference: ImageReference
  /// The steps of all stages, not only of those that the image lies on (`mode=max`).
  public var takesAllStages: Bool
  /// A failure is told and does not end the build.
  public var ignoresErrors: Bool

  public init(reference: ImageReference, takesAllStages: Bool, ignoresErrors: Bool) {
    self.reference = reference
    self.takesAllStages = takesAllStages
    self.ignoresErrors = ignoresErrors
  }
}

/// An image or a cache that `--cache-from` names.
public struct CacheSource: Sendable, Hashable {
  public var name: String
  /// It is asked for at its registry although it is here.
  public var pulls: Bool

  public init(name: String, pulls: Bool) {
    self.name = name
    self.pulls = pulls
  }
}

/// What holds for each RUN of a build.
public struct StepSettings: Sendable {
  public var network: StepNetwork = .standard
  /// `host:address`.
  public var extraHosts: [String] = []
  public var resources = ResourceSettings()
  public var sharedMemorySizeBytes: Int64?
  public var resourceLimits: [ResourceLimit] = []

  public init() {}
}

/// The network of a step.
public enum StepNetwork: Sendable, Hashable {
  case standard
  case none
  /// Only where the engine's policy allows it.
  case host
  case named(String)
}

/// One step as progress shows it.
public struct BuildStepName: Sendable, Hashable {
  /// Counted from 1 over the stages that are built.
  public var number: Int
  public var total: Int
  public var stage: String
  /// The instruction as written.
  public var text: String
}

/// What happens in a build, in the order in which it happens; stages that do not depend on each other mix.
public enum BuildEvent: Sendable {
  case started(BuildStepName)
  /// The step's result was known.
  case cached(BuildStepName)
  /// A container runs the step.
  case running(BuildStepName, container: String)
  case output(BuildStepName, isError: Bool, [UInt8])
  /// The step is done; the id names what there is now.
  case finished(BuildStepName, id: Digest)
  case triggers(BuildStepName, count: Int)
  case warning(String)
  case built(Digest)
  case tagged(ImageReference)
}

/// Takes what happens; it may make the build wait, and its error ends the build.
public typealias BuildReport = @Sendable (BuildEvent) async throws -> Void
