import ContainerEngine
import HTTPServing
import Isolation
import LinuxSystem
import Model

/// Containers: create, list, inspect and what changes their record.
enum ContainerRoutes {
  static func add(to routes: inout Routes) {
    routes.on(.GET, "/containers/json", list)
    routes.on(.POST, "/containers/create", create)
    routes.on(.POST, "/containers/prune", prune)
    routes.on(.GET, "/containers/{id}/json", inspect)
    routes.on(.POST, "/containers/{id}/update", update)
    routes.on(.POST, "/containers/{id}/rename", rename)
    routes.on(.DELETE, "/containers/{id}", remove)
    routes.on(.GET, "/containers/{id}/top", top)
    routes.on(.GET, "/containers/{id}/changes", changes)
  }

  static func list(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let engine = context.engine
    let views = engine.containers()
    let lookups = ContainerFilter.Lookups(
      container: { try engine.container($0).record.id }, images: engine.imagesMade(from:),
      networkID: context.networkID)
    let filter = try ContainerFilter(
      try request.filters(), all: request.flag("all"), limit: try request.integer("limit") ?? 0, lookups: lookups)
    let withSizes = request.flag("size")
    let selected = filter.select(views)
    let now = Int64(Clock.realTimeNanoseconds())
    var shown = ShownImages(engine)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(selected.count * 1_400 + 16)
    bytes.append(UInt8(ascii: "["))
    for place in selected {
      if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
      let entry = context.summaries.entry(
        views[place].record.id, revision: views[place].revision,
        image: shown.name(views[place].record.settings.image, meant: views[place].record.imageID)
      ) { ContainerSummary.encode(views[place], image: $0, networkID: context.networkID) }
      let status = ContainerWords.status(views[place].record.run, views[place].health?.status, now: now)
      let sizes = withSizes ? (engine.writableSizeBytes(views[place]), engine.rootSizeBytes(views[place])) : nil
      ContainerSummary.write(entry, status: status, sizes: sizes, into: &bytes)
    }
    bytes.append(UInt8(ascii: "]"))
    context.summaries.trim(to: views)
    return .json(bytes)
  }

  static func create(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let fields = try await request.fields()
    let (settings, warnings) = try CreateRequest.settings(
      fields, version: request.version, platform: request.text("platform"))
    let (id, further) = try await context.engine.createContainer(
      name: request.text("name"), settings: settings,
      creator: request.http.peer.map { ClientIdentity(user: $0.uid, group: $0.gid) })
    return .json(status: .created) { writer in
      writer.field("Id", id.hex)
      writer.field("Warnings", warnings + further)
    }
  }

  static func inspect(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let engine = context.engine
    let view = try engine.container(request["id"])
    let sizes = request.flag("size") ? (engine.writableSizeBytes(view), engine.rootSizeBytes(view)) : nil
    return .json(
      ContainerInspect.encode(
        view, sizes: sizes, folders: engine.folders(of: view), version: request.version, networkID: context.networkID))
  }

  static func update(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let (resources, restart) = try ResourceRequest.update(try await request.fields(), version: request.version)
    let warnings = try await context.engine.updateContainer(
      request["id"], ContainerUpdate(resources: resources, restart: restart))
    return .json { $0.field("Warnings", warnings.isEmpty ? nil : warnings) }
  }

  static func rename(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    guard let name = request.text("name") else {
      throw PlatformError(.invalidArgument, "Neither old nor new names may be empty")
    }
    try await context.engine.renameContainer(request["id"], to: name)
    return .noContent
  }

  static func remove(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    if request.flag("link") {
      throw PlatformError(.notImplemented, "removing links is not supported by this engine; use networks instead")
    }
    try await context.engine.removeContainer(request["id"], force: request.flag("force"), volumes: request.flag("v"))
    return .noContent
  }

  static func prune(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let filter = try PruneFilter(try request.filters(), now: Int64(Clock.realTimeNanoseconds()))
    let report = try await context.engine.pruneContainers(filter)
    return .json { writer in
      writer.field("ContainersDeleted", report.removed.isEmpty ? nil : report.removed)
      writer.field("SpaceReclaimed", report.reclaimedBytes)
    }
  }

  static func top(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let table = try await context.engine.top(request["id"], arguments: request.text("ps_args") ?? "")
    return .json { writer in
      writer.field("Titles", table.titles)
      writer.list("Processes", table.rows) { writer, row in writer.list(row) { $0.value($1) } }
    }
  }

  static func changes(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let changes = try await context.engine.changes(request["id"])
    return .json(
      JSONWriter.list(changes) { writer, change in
        writer.object { writer in
          writer.field("Path", change.path)
          writer.field("Kind", change.kind.rawValue)
        }
      })
  }
}

/// What clients are shown for a container's image: the name they used, or the image's id where that name means another
/// image by now. Each name is looked up once.
struct ShownImages {
  private let engine: Engine
  private var known: [String: Digest?] = [:]

  init(_ engine: Engine) {
    self.engine = engine
  }

  mutating func name(_ name: String, meant: Digest) -> String {
    let now: Digest?
    if let found = known[name] {
      now = found
    } else {
      now = (try? engine.image(name))?.id
      known[name] = .some(now)
    }
    return now == meant ? name : meant.description
  }
}
