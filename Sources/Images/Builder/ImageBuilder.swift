import Dockerfile
import ImageCatalog
import Layers
import LinuxSystem
import Logging
import Model
import OCITypes
import Persistence

/// Builds images from Dockerfiles.
///
/// A build is a graph of stages. Those that the target needs are built side by side, each as soon as what it is made from is
/// there; a step whose inputs are known is not done again. COPY and ADD write layers without a container; RUN is a
/// container of the engine's.
public final class ImageBuilder: Sendable {
  private static let maximumThreads = 32

  public let contexts: ContextStore
  public let cache: BuildCache
  private let catalog: ImageCatalog
  private let folders: StepFolders
  private let limits: BuildLimits
  private let logger: Logger
  private let executor: BlockingExecutor
  private let sizeOf: @Sendable (String) throws -> Int64

  /// Must be made before the catalog collects what nobody needs.
  /// - Parameters:
  ///   - root: a folder of its own.
  ///   - sizeOf: bytes that a folder takes on disk.
  public init(
    root: String, contexts: ContextStore, catalog: ImageCatalog, database: Database,
    limits: BuildLimits = BuildLimits(), logger: Logger, sizeOf: @escaping @Sendable (String) throws -> Int64
  ) throws {
    self.sizeOf = sizeOf
    self.catalog = catalog
    self.limits = limits
    self.logger = logger
    folders = try StepFolders(root: root)
    self.contexts = contexts
    cache = try BuildCache(catalog: catalog, database: database, limits: limits, logger: logger)
    executor = try BlockingExecutor(maxThreads: Self.maximumThreads, name: "build")
  }

  /// Takes a context as `docker build` sends it. Blocks.
  public func receive(_ archive: Descriptor) throws -> BuildContext {
    try contexts.receive(archive: try UnpackedStream.open(DescriptorSource(archive)))
  }

  /// Builds, and gives the image its names.
  /// - Parameter report: told what happens.
  /// - Throws: `PlatformError`; what was done until then stays in the cache.
  public func build(
    _ request: BuildRequest, context: BuildContext, runner: any StepRunner, report: @escaping BuildReport
  ) async throws -> Digest {
    try await withTaskExecutorPreference(executor) {
      let lease = catalog.lease()
      defer {
        do { try cache.save() } catch { logger.warning("the build cache could not be written: \(error)") }
        catalog.end(lease)
        boundCacheMounts()
      }
      return try await build(request, context, runner, report, lease)
    }
  }

  private func build(
    _ request: BuildRequest, _ context: BuildContext, _ runner: any StepRunner, _ report: @escaping BuildReport,
    _ lease: ContentLease
  ) async throws -> Digest {
    let context =
      request.dockerfileBytes == nil
      ? try Self.withoutIgnored(context, dockerfile: request.dockerfile) : (original: context, filtered: context)
    let file = try parse(context.original, request)
    let host = Platform.host
    let platform = BuildArguments.Platform(os: host.os, architecture: host.architecture, variant: host.variant ?? "")
    let arguments = try BuildArguments(
      file, given: request.arguments, target: platform, build: platform, stage: request.target)
    let plan = try BuildPlan(
      file, target: request.target, arguments: arguments, contexts: Set(request.contexts.keys))
    for warning in file.warnings { try await report(.warning("\(warning.position): \(warning.message)")) }
    let epoch = try Self.epoch(request.arguments["SOURCE_DATE_EPOCH"])
    let sources = try await cacheSources(request, runner, report, lease, takesImages: epoch == nil)
    let gathered = request.cacheTargets.isEmpty ? nil : GatheredSteps()
    let session = BuildSession(
      request: request, plan: plan, arguments: arguments, context: context.filtered, runner: runner, report: report,
      catalog: catalog, cache: cache, mounts: folders, contexts: contexts, limits: limits, lease: lease,
      imported: sources.images,
      remote: sources.caches, gathered: gathered, epoch: epoch)
    let state = try await StageGraph(session: session, executor: executor).build()
    try await storeCaches(session)
    let image = try catalog.addBuilt(
      state.config, layers: state.layers, references: request.references, lease: lease)
    let unused = arguments.unused(in: file)
    if !unused.isEmpty {
      try await report(.warning("One or more build-args [\(unused.joined(separator: " "))] were not consumed"))
    }
    try await report(.built(image.id))
    for reference in request.references { try await report(.tagged(reference)) }
    return image.id
  }

  /// What `--cache-from` names. What cannot be had makes the build slower and is told, no more.
  private func cacheSources(
    _ request: BuildRequest, _ runner: any StepRunner, _ report: BuildReport, _ lease: ContentLease, takesImages: Bool
  ) async throws -> (images: [ImageSteps], caches: [RemoteSteps]) {
    guard request.usesCache else { return ([], []) }
    var (images, caches): ([ImageSteps], [RemoteSteps]) = ([], [])
    for source in request.cacheSources {
      do {
        if let cache = try await runner.cache(source) {
          caches.append(try RemoteSteps(cache, limits: limits))
          continue
        }
        // Times in an image are not the build's own.
        guard takesImages else { continue }
        let image = try await runner.image(source.name, pulls: source.pulls)
        for layer in image.layers { lease.hold(layer.digest) }
        for chain in image.chainIDs { lease.hold(chain) }
        // It may have gone between being found and being held.
        _ = try catalog.image(image.id)
        images.append(ImageSteps(image))
      } catch let error as PlatformError {
        try await report(.warning("cache-from '\(source.name.prefix(256))': \(error.message)"))
      }
    }
    return (images, caches)
  }

  /// Leaves the build's steps in the registries that `--cache-to` names, before the image gets a name: a build that fails here
  /// has changed none.
  private func storeCaches(_ session: BuildSession) async throws {
    guard let gathered = session.gathered else { return }
    let chain = try session.plan.targetChain(session.arguments).map(\.index)
    let others = session.plan.stages.map(\.index).filter { !chain.contains($0) }
    for target in session.request.cacheTargets {
      let name = target.reference.familiar
      let (document, layers, omitted) = gathered.document(
        of: target.takesAllStages ? chain + others : chain, limits: limits)
      do {
        _ = try await session.runner.store(
          cache: try ImageDocuments.encode(document), layers: layers, as: target.reference)
      } catch let error as PlatformError {
        let message = "cache-to '\(name.prefix(256))': \(error.message)"
        guard target.ignoresErrors else { throw PlatformError(error.code, message, cause: error) }
        try await session.report(.warning(message))
      }
      if omitted > 0 {
        try await session.report(
          .warning("cache-to '\(name.prefix(256))': \(omitted) steps found no room: a cache has at most 500 layers"))
      }
    }
  }

  private func parse(_ context: BuildContext, _ request: BuildRequest) throws -> ParsedDockerfile {
    let name = CopyLayout.clean(request.dockerfile)
    if let bytes = request.dockerfileBytes {
      guard bytes.count <= limits.dockerfileBytes else {
        throw PlatformError(.resourceExhausted, "the Dockerfile has more than \(limits.dockerfileBytes) bytes")
      }
      return try DockerfileParser.parse(bytes, file: FileSystem.lastComponent(of: name))
    }
    let path: String
    do {
      path = try context.resolve(name)
    } catch let error as PlatformError where error.code == .notFound {
      throw PlatformError(
        .invalidArgument, "Cannot locate specified Dockerfile: \(name.prefix(256)): it is not in the build context")
    }
    guard let entry = context.entry(path) else {
      throw PlatformError(.invalidArgument, "Cannot locate specified Dockerfile: \(name.prefix(256))")
    }
    let bytes = try context.read(entry, maxBytes: limits.dockerfileBytes)
    return try DockerfileParser.parse(bytes, file: FileSystem.lastComponent(of: name))
  }

  /// The context as it was sent, and without what its `.dockerignore` excludes.
  private static func withoutIgnored(
    _ context: BuildContext, dockerfile: String
  ) throws -> (original: BuildContext, filtered: BuildContext) {
    let own = CopyLayout.clean(dockerfile) + ".dockerignore"
    guard let entry = context.entry(own) ?? context.entry(".dockerignore"), case .file = entry.kind else {
      return (context, context)
    }
    let patterns = try IgnoreFile.parse(try context.read(entry, maxBytes: 1 << 20))
    return (context, context.filtered(try PatternMatcher(patterns)))
  }

  private static func epoch(_ text: String?) throws -> Int64? {
    guard let text, !text.isEmpty else { return nil }
    guard let seconds = Int64(text), (0...253_402_300_799).contains(seconds) else {
      throw PlatformError(
        .invalidArgument, "SOURCE_DATE_EPOCH: '\(text.prefix(64))' is no number of seconds since 1970")
    }
    return seconds
  }

  /// Removes steps from the cache.
  /// - Parameters:
  ///   - unusedSince: cache mounts too, those not used since this time in nanoseconds since 1970; nil leaves them.
  ///   - all: contexts too.
  public func prune(
    all: Bool, keepBytes: Int64, cacheMounts unusedSince: Int64?, _ takes: (CachedStep) -> Bool
  ) throws -> (removed: [Digest], reclaimedBytes: Int64) {
    var (removed, bytes) = try cache.prune(keepBytes: keepBytes, takes)
    if keepBytes == 0, let unusedSince {
      bytes = bytes.clampedAdding(try folders.prune(unusedSince: unusedSince, sizeOf))
    }
    if all && keepBytes == 0 { bytes = bytes.clampedAdding(try contexts.prune()) }
    return (removed, bytes)
  }

  /// Brings the cache mounts below their bound, where a build has used any.
  private func boundCacheMounts() {
    guard folders.takeWasUsed() else { return }
    do {
      let freed = try folders.prune(keepBytes: limits.cacheMountBytes, sizeOf)
      if freed > 0 { logger.info("cache mounts of builds were over their bound: \(freed) bytes removed") }
    } catch {
      logger.warning("cache mounts could not be bounded: \(error)")
    }
  }

  public func shutDown() { executor.shutdown() }
}

/// The stages of one build, each built once.
private final class StageGraph: Sendable {
  private let session: BuildSession
  private let tasks: [Int: Task<StageState, any Error>]

  init(session: BuildSession, executor: BlockingExecutor) {
    self.session = session
    // A stage is made from earlier ones only, whose tasks are there when its own is made.
    var tasks: [Int: Task<StageState, any Error>] = [:]
    for stage in session.plan.stages {
      let earlier = tasks
      tasks[stage.index] = Task(executorPreference: executor) {
        try await StageBuilder.build(stage, in: session) { source in
          guard let task = earlier[source.index] else {
            throw PlatformError(.internal, "stage \(source.displayName) was not planned")
          }
          return try await task.value
        }
      }
    }
    self.tasks = tasks
  }

  /// Waits for all stages; the first that fails ends the others.
  func build() async throws -> StageState {
    try await withTaskCancellationHandler {
      let outcome = await firstFailure()
      if let failure = outcome {
        tasks.values.forEach { $0.cancel() }
        for task in tasks.values { _ = await task.result }
        throw failure
      }
      guard let target = tasks[session.plan.target.index] else {
        throw PlatformError(.internal, "the target stage was not planned")
      }
      return try await target.value
    } onCancel: {
      tasks.values.forEach { $0.cancel() }
    }
  }

  private func firstFailure() async -> (any Error)? {
    await withTaskGroup(of: (any Error)?.self) { group in
      for task in tasks.values {
        group.addTask {
          if case .failure(let error) = await task.result { return error }
          return nil
        }
      }
      for await failure in group where failure != nil { return failure }
      return nil
    }
  }
}
