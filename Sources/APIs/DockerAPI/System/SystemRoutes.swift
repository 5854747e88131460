import ContainerEngine
import HTTPServing
import LinuxSystem
import Model

/// What the engine is and has.
enum SystemRoutes {
  static func add(to routes: inout Routes) {
    routes.on(.GET, "/_ping", ping)
    routes.on(.HEAD, "/_ping", ping)
    routes.on(.GET, "/version") { _, context in
      .json(SystemResponse.version(try context.engine.info(), product: context.version))
    }
    routes.on(.GET, "/info") { _, context in
      .json(SystemResponse.info(try context.engine.info(), now: Int64(Clock.realTimeNanoseconds())))
    }
    routes.on(.GET, "/system/df", diskUsage)
    // There are no plugins to list.
    routes.on(.GET, "/plugins") { _, _ in .json(Array("[]".utf8)) }
  }

  static func ping(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse { pong() }

  static func pong() -> HTTPResponse {
    var response = HTTPResponse(contentType: "text/plain; charset=utf-8", bytes: Array("OK".utf8))
    response.headers.add(name: "Builder-Version", value: "1")
    response.headers.add(name: "Cache-Control", value: "no-cache, no-store, must-revalidate")
    response.headers.add(name: "Pragma", value: "no-cache")
    response.headers.add(name: "Swarm", value: "inactive")
    return response
  }

  private static let usageKinds: Set<String> = ["container", "image", "volume", "build-cache"]

  static func diskUsage(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let asked = Set(request.http.query.all("type"))
    if let unknown = asked.first(where: { !usageKinds.contains($0) }) {
      throw PlatformError(.invalidArgument, "unknown object type: \(unknown.prefix(32))")
    }
    let kinds = asked.isEmpty || request.version < .v1(42) ? usageKinds : asked
    let engine = context.engine
    let usage = try engine.diskUsage()
    let images = kinds.contains("image") ? try engine.images() : nil
    let shared = images == nil ? [:] : try engine.sharedSizes()
    let now = Int64(Clock.realTimeNanoseconds())
    var shown = ShownImages(engine)
    return .json { writer in
      writer.field("LayersSize", usage.layersBytes)
      if let images {
        writer.list("Images", images) { writer, image in
          ImageResponse.summary(
            image, containers: engine.containersUsing(image: image.id), sharedBytes: shared[image.id] ?? 0,
            version: request.version,
            into: &writer)
        }
      }
      if kinds.contains("container") {
        writer.list("Containers", usage.containers) { writer, container in
          let view = container.view
          let image = shown.name(view.record.settings.image, meant: view.record.imageID)
          let entry = context.summaries.entry(view.record.id, revision: view.revision, image: image) {
            ContainerSummary.encode(view, image: $0, networkID: context.networkID)
          }
          var bytes: [UInt8] = []
          ContainerSummary.write(
            entry, status: ContainerWords.status(view.record.run, view.health?.status, now: now),
            sizes: (container.writableBytes, container.rootBytes), into: &bytes)
          writer.encoded(bytes)
        }
      }
      if kinds.contains("volume") { writer.list("Volumes", usage.volumes) { VolumeResponse.write($1, into: &$0) } }
      if kinds.contains("build-cache") {
        let steps = engine.buildCache()
        if request.version < .v1(42) {
          writer.field("BuilderSize", steps.reduce(Int64(0)) { $0.clampedAdding($1.step.sizeBytes) })
        }
        writer.list("BuildCache", steps) { BuildRoutes.write($1.key, $1.step, into: &$0) }
      }
    }
  }
}
