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
    let all = try engine.images()
    // Nameless images that others are made from are shown only when all are asked for.
    let parents = request.flag("all") ? [] : Set(all.compactMap(\.parent))
    let images = try ImageFilter(
      filters, reference: legacy, now: Int64(Clock.realTimeNanoseconds()),
      createdAt: { try engine.image($0).createdAt }
    ).select(all.filter { !$0.isDangling || !parents.contains($0.id) })
    let shared = request.version >= .v1(42) && request.flag("shared-size") ? try engine.sharedSizes() : [:]
    return .json(
      JSONWriter.list(images.sorted { $0.createdAt > $1.createdAt }) { writer, image in
        ImageResponse.summary(
          image, containers: -1, sharedBytes: shared[image.id] ?? -1, version: request.version, into: &writer)
      })
  }

  /// Throws `notFound`, as docker does, where a client asks for another platform than the image's.
  static func require(_ text: String?, of image: ImageRecord, _ name: String) throws {
    guard let platform = try text.map(Platform.init(parsing:)) else { return }
    let config = image.config
    guard platform.takes(system: config.os, architecture: config.architecture, variant: config.variant) else {
      throw PlatformError(
        .notFound,
        "image with reference \(name.prefix(256)) was found but does not provide the specified platform "
          + "(\(platform.description.prefix(64)))")
    }
  }

  /// The image that a path names, of the platform that the query names.
  private static func wanted(_ request: DockerRequest, _ context: DockerContext, since version: APIVersion) throws
    -> ImageRecord
  {
    let image = try context.engine.image(request["name"])
    if request.version >= version { try require(request.text("platform"), of: image, request["name"]) }
    return image
  }

  static func inspect(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    .json(ImageResponse.inspect(try wanted(request, context, since: .v1(49)), version: request.version))
  }

  static func history(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let image = try wanted(request, context, since: .v1(48))
    return .json(ImageResponse.history(image, layerSizes: try context.engine.layerSizes(of: image)))
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
