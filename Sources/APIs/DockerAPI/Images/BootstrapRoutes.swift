import ContainerEngine
import HTTPServing
import Model

/// Base images from the distribution's packages: a route of the platform's own beside docker's.
enum BootstrapRoutes {
  private static let maxPackages = 1_000
  /// Progress lines that may wait for a slow client; older ones are dropped then.
  private static let pendingLines = 1_000

  static func add(to routes: inout Routes) {
    routes.on(.POST, "/bulkhead/v1/images/bootstrap", bootstrap)
  }

  /// Takes `{"image": "debian:bookworm", "include": ["nginx-light"], "tag": "web:1"}` and answers lines of JSON: `{"status": …}` while it
  /// works, at last `{"id": …, "digest": …}` or `{"error": …}`.
  static func bootstrap(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let fields = try await request.fields()
    guard let image = try fields.text("image") else {
      throw PlatformError(.invalidArgument, "image: expected a name such as debian:bookworm or busybox")
    }
    let include = try fields.strings("include") ?? []
    let tag = try fields.text("tag").map { try ImageReference(parsing: $0).withDefaultTag }
    try fields.finish()
    guard include.count <= maxPackages else {
      throw PlatformError(.invalidArgument, "include: at most \(maxPackages) packages")
    }
    return ImageTransferRoutes.progress(context) { writer in
      let (lines, feed) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(pendingLines))
      async let made = make(image, tag, include, context.engine, feed)
      for await line in lines { try await writer.write(ImageTransferRoutes.Progress.status(line)) }
      let (id, digest) = try await made
      try await writer.write(
        JSONWriter.object {
          $0.field("id", id)
          $0.field("digest", digest)
        } + [10])
    }
  }

  private static func make(
    _ image: String, _ tag: ImageReference?, _ include: [String], _ engine: Engine,
    _ feed: AsyncStream<String>.Continuation
  ) async throws -> (id: String, digest: String) {
    defer { feed.finish() }
    let record = try await engine.bootstrapImage(image, tag: tag, include: include) { feed.yield($0) }
    return (record.id.description, record.manifest.description)
  }
}
