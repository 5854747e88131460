import ContainerEngine
import HTTPServing
import ImageCatalog
import LinuxSystem
import Model

/// Images: list, inspect, names and removal.
enum ImageRoutes {
  static func add(to routes: inout Routes) {
    routes.on(.GET, "/images/json", list)
    routes.on(.POST, "/images/prune", prune)
    routes.on(.GET, "/images/{name…}/json", inspect)
    routes.on(.GET, "/images/{name…}/history", history)
    routes.on(.POST, "/images/{name…}/tag", tag)
    routes.on(.DELETE, "/images/{name…}", remove)
  }

  static func list(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let filters = try request.filters()
    // Before 1.41 a name was a parameter of its own.
    let legacy = request.version < .v1(41) ? request.text("filter") : nil
    let engine = context.engine
    let images = try ImageFilter(
      filters, reference: legacy, now: Int64(Clock.realTimeNanoseconds()),
      createdAt: { try engine.image($0).createdAt }
    ).select(try engine.images())
    return .json(
      JSONWriter.list(images.sorted { $0.createdAt > $1.createdAt }) { writer, image in
        ImageResponse.summary(image, containers: -1, sharedBytes: -1, version: request.version, into: &writer)
      })
  }

  static func inspect(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    .json(ImageResponse.inspect(try context.engine.image(request["name"]), version: request.version))
  }

  static func history(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    .json(ImageResponse.history(try context.engine.image(request["name"])))
  }

  static func tag(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    guard let repository = request.text("repo") else {
      throw PlatformError(.invalidArgument, "repo: must name the repository to tag")
    }
    try await context.engine.tagImage(request["name"], repository: repository, tag: request.text("tag") ?? "")
    return HTTPResponse(status: .created)
  }

  static func remove(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let removals = try await context.engine.removeImage(
      request["name"], force: request.flag("force"), noPrune: request.flag("noprune"))
    return .json(JSONWriter.list(removals) { ImageResponse.removal($1, into: &$0) })
  }

  static func prune(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let filters = try request.filters()
    var filter = try PruneFilter(filters, now: Int64(Clock.realTimeNanoseconds()), further: ["dangling"])
    filter.all = try filters.flag("dangling") == false
    let (removed, bytes) = try await context.engine.pruneImages(filter)
    return .json { writer in
      writer.name("ImagesDeleted")
      if removed.isEmpty { writer.null() } else { writer.list(removed) { ImageResponse.removal($1, into: &$0) } }
      writer.field("SpaceReclaimed", bytes)
    }
  }
}
