import Builder
import ContainerEngine
import HTTPServing
import Isolation
import LinuxSystem
import Model
import RegistryClient

/// Images built from Dockerfiles: docker's classic protocol, and the platform's own events.
enum BuildRoutes {
  static func add(to routes: inout Routes) {
    routes.on(.POST, "/build", build)
    routes.on(.POST, "/build/prune", prune)
    // The classic builder ends with its connection; docker's client asks all the same.
    routes.on(.POST, "/build/cancel") { _, _ in .noContent }
    routes.on(.POST, "/bulkhead/v1/builds/{id}/agents", lendAgent)
  }

  static func build(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let query = try BuildQuery(request)
    let engine = context.engine
    var wanted = query.request
    var lease: AgentLease?
    // A known context leaves the body to what else belongs to the build; without one the body is the context.
    if query.contextID != nil, let fields = try await request.optionalFields() {
      let body = try BuildBody(fields)
      wanted.secrets = body.secrets
      wanted.contexts = try body.contexts.mapValues { named in
        switch named {
        case .files(let id): .files(try engine.buildContexts.context(id))
        case .image(let name): .image(name)
        }
      }
      if let agents = body.agents {
        lease = try engine.openAgents(agents.session, user: try user(request), agents: agents.ids)
        wanted.agents = agents.ids
      }
      if let file = body.dockerfile {
        wanted.dockerfile = file.name
        wanted.dockerfileBytes = file.content
      }
    }
    let known = try query.contextID.map { try engine.buildContexts.context($0) }
    let credentials = try RegistryAuthorization.ofBuild(request)
    let creator = request.http.peer.map { ClientIdentity(user: $0.uid, group: $0.gid) }
    let permit = try await engine.transfers.enter()
    return ImageTransferRoutes.progress(context) { [wanted, lease] writer in
      defer { lease?.end() }
      let lines = BuildLines(writer, isQuiet: query.isQuiet, wantsEvents: query.wantsEvents)
      do {
        let files: BuildContext
        if let known {
          files = known
        } else if let repository = query.repository {
          files = try await engine.receiveContext(from: repository)
        } else {
          files = try await permit.run {
            try await BytePipe.receive(request.http.body) { try engine.receiveContext(from: $0) }
          }
        }
        let id = try await engine.build(
          wanted, context: files, creator: creator, agents: lease?.session, credentials: credentials
        ) {
          try await lines.tell($0)
        }
        if query.isQuiet { try await writer.write(ImageTransferRoutes.Progress.stream("\(id)\n")) }
      } catch let error as PlatformError where error.context["exitCode"] != nil {
        try await writer.write(
          BuildLines.failure(error.message, code: error.context["exitCode"].flatMap(Int.init) ?? 1))
      }
    }
  }

  /// A connection for the steps of a build that ask an agent of its client. On it the client is told an agent's id, then it
  /// is the agent's: messages of the SSH agent protocol, of which the first has the id alone.
  static func lendAgent(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let session = try context.engine.agents(request["id"], user: try user(request))
    return HTTPResponse(
      headers: ["Content-Type": StreamFraming.rawType],
      body: .hijack { try await session.lend(LentStream(stream: $0)) })
  }

  private static func user(_ request: DockerRequest) throws -> UInt32 {
    guard let peer = request.http.peer else {
      throw PlatformError(.forbidden, "agents are for clients on this machine: who asks is not known")
    }
    return peer.uid
  }

  private struct LentStream: AgentChannel {
    let stream: HijackedStream
    func read() async throws -> [UInt8]? { try await stream.read() }
    func write(_ bytes: [UInt8]) async throws { try await stream.write(bytes) }
  }

  static func prune(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let filters = try request.filters()
    try filters.requireKeys(["until", "unused-for", "id", "label", "label!"])
    // `docker system prune --filter label=…` asks here too. A cached step has no labels, so none is meant.
    if !filters["label"].isEmpty || !filters["label!"].isEmpty { return answer([], 0) }
    let now = Int64(Clock.realTimeNanoseconds())
    let until = try (filters["until"].first ?? filters["unused-for"].first).map { text in
      guard let time = Timestamps.parse(text, now: now) else {
        throw PlatformError(
          .invalidArgument, "invalid filter 'until=\(text.prefix(64))': expected a time or a duration")
      }
      return time
    }
    let ids = filters["id"].isEmpty ? nil : Set(try filters["id"].map { try Digest(hex: $0) })
    let keep =
      try request.integer("keep-storage", in: 0...Int.max) ?? request.integer("reserved-space", in: 0...Int.max)
      ?? request.integer("max-used-space", in: 0...Int.max) ?? 0
    let pruned = try context.engine.pruneBuildCache(
      all: request.flag("all"), keepBytes: Int64(keep), unusedSince: until, ids: ids)
    return answer(pruned.removed, pruned.reclaimedBytes)
  }

  private static func answer(_ removed: [Digest], _ reclaimedBytes: Int64) -> HTTPResponse {
    .json { writer in
      writer.field("CachesDeleted", removed.map(\.hex))
      writer.field("SpaceReclaimed", reclaimedBytes)
    }
  }

  /// One step of the cache, as `docker system df -v` lists it.
  static func write(_ key: Digest, _ step: CachedStep, into writer: inout JSONWriter) {
    writer.object { writer in
      writer.field("ID", key.hex)
      writer.field("Parent", "")
      writer.field("Type", step.text.uppercased().hasPrefix("RUN") ? "exec.cachemount" : "regular")
      writer.field("Description", step.text)
      writer.field("InUse", false)
      writer.field("Shared", false)
      writer.field("Size", step.sizeBytes)
      writer.field("CreatedAt", Timestamps.rfc3339Nine(step.createdAt))
      writer.field("LastUsedAt", Timestamps.rfc3339Nine(step.lastUsedAt))
      writer.field("UsageCount", step.uses)
    }
  }
}

/// Writes what happens in a build as the client reads it.
struct BuildLines: Sendable {
  private let writer: StreamWriter
  private let isQuiet: Bool
  private let wantsEvents: Bool

  init(_ writer: StreamWriter, isQuiet: Bool, wantsEvents: Bool) {
    self.writer = writer
    self.isQuiet = isQuiet
    self.wantsEvents = wantsEvents
  }

  func tell(_ event: BuildEvent) async throws {
    if isQuiet { return }
    if let text = wantsEvents ? Self.event(event) : Self.classic(event) { try await writer.write(text) }
  }

  /// docker's classic lines.
  static func classic(_ event: BuildEvent) -> [UInt8]? {
    func stream(_ text: String) -> [UInt8] { ImageTransferRoutes.Progress.stream(text) }
    switch event {
    case .started(let step): return stream("Step \(step.number)/\(step.total) : \(step.text)\n")
    case .cached: return stream(" ---> Using cache\n")
    case .running(_, let container): return stream(" ---> Running in \(container.prefix(12))\n")
    case .output(_, _, let bytes): return stream(String(decoding: bytes, as: UTF8.self))
    case .finished(_, let id): return stream(" ---> \(id.short)\n")
    case .triggers(_, let count): return stream("# Executing \(count) build trigger\(count == 1 ? "" : "s")\n")
    case .warning(let text): return stream("[Warning] \(text)\n")
    case .built(let id):
      return JSONWriter.object { writer in writer.object("aux") { $0.field("ID", id.description) } } + [10]
        + stream("Successfully built \(id.short)\n")
    case .tagged(let reference): return stream("Successfully tagged \(reference.familiar)\n")
    }
  }

  /// `{"event":"started","step":{"number":1,"total":3,"stage":"build","text":"RUN make"}}` and the like, one a line.
  static func event(_ event: BuildEvent) -> [UInt8]? {
    func line(_ name: String, _ step: BuildStepName?, _ more: (inout JSONWriter) -> Void = { _ in }) -> [UInt8] {
      JSONWriter.object { writer in
        writer.field("event", name)
        if let step {
          writer.object("step") { writer in
            writer.field("number", step.number)
            writer.field("total", step.total)
            writer.field("stage", step.stage)
            writer.field("text", step.text)
          }
        }
        more(&writer)
      } + [10]
    }
    switch event {
    case .started(let step): return line("started", step)
    case .cached(let step): return line("cached", step)
    case .running(let step, _): return line("running", step)
    case .output(let step, let isError, let bytes):
      return line("output", step) { writer in
        writer.field("stderr", isError)
        writer.field("text", String(decoding: bytes, as: UTF8.self))
      }
    case .finished(let step, let id): return line("finished", step) { $0.field("id", id.description) }
    // What a trigger runs is told as steps.
    case .triggers: return nil
    case .warning(let text): return line("warning", nil) { $0.field("message", text) }
    case .built(let id): return line("built", nil) { $0.field("id", id.description) }
    case .tagged(let reference): return line("tagged", nil) { $0.field("reference", reference.familiar) }
    }
  }

  /// A step that failed, with its exit code.
  static func failure(_ message: String, code: Int) -> [UInt8] {
    JSONWriter.object { writer in
      writer.object("errorDetail") { writer in
        writer.field("code", code)
        writer.field("message", message)
      }
      writer.field("error", message)
    } + [10]
  }
}
