import ContentStore
import Dockerfile
import ImageCatalog
import LinuxSystem
import Model
import OCITypes

/// What all stages of one build share.
struct BuildSession: Sendable {
  let request: BuildRequest
  let plan: BuildPlan
  let arguments: BuildArguments
  let context: BuildContext
  let runner: any StepRunner
  let report: BuildReport
  let catalog: ImageCatalog
  let cache: BuildCache
  let mounts: StepFolders
  let contexts: ContextStore
  let limits: BuildLimits
  /// Holds what the build has made or found, until its image is registered.
  let lease: ContentLease
  /// Of images that the client named; none where times have to be the build's own.
  let imported: [ImageSteps]
  /// Of caches in registries that the client named.
  let remote: [RemoteSteps]
  /// Nil where no cache is to be left in a registry.
  let gathered: GatheredSteps?
  /// `SOURCE_DATE_EPOCH`, seconds since 1970: the time of everything that the build makes.
  let epoch: Int64?

  var now: FileTime { FileTime(seconds: epoch ?? Int64(Clock.realTimeNanoseconds() / 1_000_000_000)) }
  var timestamp: String { ImageTimestamp.text(nanoseconds: now.seconds * 1_000_000_000) }

  /// An image as something to build on or to copy from, held until the build ends.
  func state(ofImage name: String) async throws -> StageState {
    let image = try await runner.image(name, pulls: request.pulls)
    for layer in image.layers { lease.hold(layer.digest) }
    for chain in image.chainIDs { lease.hold(chain) }
    // It may have gone between being found and being held.
    _ = try catalog.image(image.id)
    return StageState(config: image.config, layers: image.layers, chainIDs: image.chainIDs)
  }
}

/// Builds one stage, instruction by instruction.
final class StageBuilder {
  let session: BuildSession
  let stage: BuildStage
  /// Another stage's result, waited for where it is not there yet.
  let result: @Sendable (BuildStage) async throws -> StageState
  var state: StageState
  var variables: StageVariables
  /// Arguments declared so far, with their values: the history of RUN tells them.
  var declared: [(name: String, value: String)] = []
  var setsCommand = false
  /// Every step so far came from the cache.
  var isCached = true
  var step: BuildStepName

  var escape: Unicode.Scalar { session.plan.file.directives.escape }
  var expansion: WordExpansion { WordExpansion(escape: escape, variables: variables.all) }

  init(
    session: BuildSession, stage: BuildStage, base: StageState,
    result: @escaping @Sendable (BuildStage) async throws -> StageState
  ) {
    self.session = session
    self.stage = stage
    self.result = result
    state = base
    variables = StageVariables(environment: base.execution.env ?? [])
    step = session.plan.name(stage, step: 0, stage.text)
  }

  /// Builds a whole stage.
  static func build(
    _ stage: BuildStage, in session: BuildSession, result: @escaping @Sendable (BuildStage) async throws -> StageState
  ) async throws -> StageState {
    let name = session.plan.name(stage, step: 0, stage.text)
    try await session.report(.started(name))
    let base = try await base(of: stage, in: session, result: result)
    let builder = StageBuilder(session: session, stage: stage, base: base, result: result)
    try await builder.takeNamedFiles()
    try await session.report(.finished(name, id: builder.stepID))
    try await builder.runTriggers()
    for (index, instruction) in stage.instructions.enumerated() {
      try Task.checkCancellation()
      builder.step = session.plan.name(stage, step: index + 1, instruction.text)
      try await session.report(.started(builder.step))
      try await builder.execute(instruction)
    }
    if stage.index == session.plan.target.index { builder.addLabels() }
    return builder.state
  }

  private static func base(
    of stage: BuildStage, in session: BuildSession, result: @Sendable (BuildStage) async throws -> StageState
  ) async throws -> StageState {
    let file = session.plan.file
    let expansion = WordExpansion(escape: file.directives.escape, variables: session.arguments.global)
    let name = try expansion.expand(stage.base).text
    if let platform = try stage.platform.map({ try expansion.expand($0).text }), !platform.isEmpty {
      try BuildPlatform.check(platform, at: stage.position)
    }
    guard !name.isEmpty else {
      throw PlatformError.syntax(stage.base.position, "base name (\(stage.base.text.prefix(128))) should not be blank")
    }
    switch session.request.contexts[name.lowercased()] {
    case .files: return emptyState()
    case .image(let image): return try await session.state(ofImage: image)
    case nil: break
    }
    if let earlier = file.stage(named: name, before: stage.index) { return try await result(earlier) }
    return name == "scratch" ? emptyState() : try await session.state(ofImage: name)
  }

  private static func emptyState() -> StageState {
    var state = StageState(
      config: ImageConfig(platform: .host, rootfs: RootFS(diffIDs: [])), layers: [], chainIDs: [])
    state.execution.env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    return state
  }

  /// `ONBUILD` of the base image.
  private func runTriggers() async throws {
    let triggers = state.execution.onBuild ?? []
    guard !triggers.isEmpty else { return }
    state.execution.onBuild = nil
    try await session.report(.triggers(step, count: triggers.count))
    for trigger in triggers {
      let instruction = try DockerfileParser.parseInstruction(
        trigger, file: "ONBUILD of \(stage.base.text.prefix(128))")
      step.text = instruction.text
      try await execute(instruction)
    }
  }

  private func execute(_ instruction: Instruction) async throws {
    do {
      switch instruction.kind {
      case .run(let run): try await self.run(run)
      case .copy, .add:
        let expanded = try instruction.expanded(expansion)
        switch expanded.kind {
        case .copy(let copy): try await self.copy(copy, keyword: "COPY")
        case .add(let add): try await self.copy(add, keyword: "ADD")
        default: break
        }
      case .workdir:
        if case .workdir(let word) = try instruction.expanded(expansion).kind { try await workdir(word) }
      default: try configure(instruction)
      }
    } catch let error as SystemError {
      throw platformError("build step \(step.number)", error)
    }
    try await session.report(.finished(step, id: stepID))
  }

  /// Names what the stage has become, as progress shows it.
  var stepID: Digest {
    var key = StepKey("id")
    key.add(state.chainKey)
    key.add((try? ImageDocuments.encode(state.config)) ?? [])
    return key.digest()
  }

  // MARK: - Results of steps

  /// The step's result from the cache, or made now.
  /// - Parameter isTold: the history tells all that the result depends on.
  func layer(
    _ key: Digest, history: String, isTold: Bool = true, _ make: () async throws -> BuiltLayer?
  ) async throws {
    if session.request.usesCache, let known = session.cache.find(key) {
      let isWhole = try known.layer.map { try session.catalog.has($0, lease: session.lease) } ?? true
      if isWhole {
        try await session.report(.cached(step))
        return take(known.layer, created: known.created, history: history, key)
      }
    }
    if session.request.usesCache, let known = try await remote(key) {
      try await session.report(.cached(step))
      return take(known.layer, created: known.created, history: history, key)
    }
    if session.request.usesCache, isTold,
      let known = session.imported.lazy.compactMap({ $0.find(after: self.state, history) }).first
    {
      try await session.report(.cached(step))
      return take(known, history: history, key)
    }
    isCached = false
    let layer = try await make()
    let now = Int64(Clock.realTimeNanoseconds())
    let created = session.timestamp
    let text = String(step.text.prefix(1_000))
    session.cache.insert(
      key, CachedStep(layer: layer, created: created, text: text, createdAt: now, lastUsedAt: now))
    take(layer, created: created, history: history, key)
  }

  private func take(_ known: ImageSteps.Known, history: String, _ key: Digest) {
    if let layer = known.layer {
      state.layers.append(layer.descriptor)
      state.chainIDs.append(layer.chainID)
      state.config.rootfs.diffIDs.append(layer.diffID)
    }
    state.config.created = known.created
    note(history, isEmpty: known.layer == nil)
    gather(key, created: known.created, known.layer.map { ($0.descriptor, $0.diffID) })
  }

  private func take(_ layer: BuiltLayer?, created: String, history: String, _ key: Digest) {
    if let layer {
      state.layers.append(layer.descriptor)
      state.chainIDs.append(layer.chainID)
      state.config.rootfs.diffIDs.append(layer.diffID)
    }
    state.config.created = created
    note(history, isEmpty: layer == nil)
    gather(key, created: created, layer.map { ($0.descriptor, $0.diffID) })
  }

  private func gather(_ key: Digest, created: String, _ layer: (ContentDescriptor, Digest)?) {
    session.gathered?.add(GatheredSteps.Step(stage: stage.index, key: key, created: created, layer: layer))
  }

  /// Adds a line to the history. A step without layer has the time of what is below it, so that it is the same each time.
  func note(_ text: String, isEmpty: Bool) {
    let created = session.epoch != nil ? session.timestamp : state.config.created ?? session.timestamp
    state.config.created = created
    state.config.history =
      (state.config.history ?? []) + [
        HistoryEntry(
          created: created, createdBy: text, author: state.config.author, emptyLayer: isEmpty ? true : nil)
      ]
  }
}

/// Platforms that can be built for: the host's.
enum BuildPlatform {
  static func check(_ text: String, at position: SourcePosition) throws {
    let parts = text.lowercased().split(separator: "/").map(String.init)
    let host = Platform.host
    let architecture = parts.count > 1 ? parts[1] : host.architecture
    let names = ["x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64"]
    guard parts.first == "linux" || parts.count == 1, names[architecture] ?? architecture == host.architecture else {
      throw PlatformError.syntax(
        position,
        "platform '\(text.prefix(64))' is not this host's (linux/\(host.architecture)), and no other can be built")
    }
  }
}
