import ContainerEngine
import HTTPServing
import ImageCatalog
import LinuxSystem
import Model

/// Images in and out as archives, and images made from containers.
enum ImageTransferRoutes {
  static func add(to routes: inout Routes) {
    routes.on(.POST, "/images/load", load)
    routes.on(.POST, "/images/create", create)
    routes.on(.GET, "/images/get", save)
    routes.on(.GET, "/images/{name…}/get", save)
    routes.on(.POST, "/commit", commit)
  }

  /// Names in one `GET /images/get`.
  private static let maxNames = 256

  /// What a line of a progress stream says.
  enum Progress {
    static func stream(_ text: String) -> [UInt8] { JSONWriter.object { $0.field("stream", text) } + [10] }
    static func status(_ text: String) -> [UInt8] { JSONWriter.object { $0.field("status", text) } + [10] }
    static func failure(_ message: String) -> [UInt8] {
      JSONWriter.object { writer in
        writer.object("errorDetail") { $0.field("message", message) }
        writer.field("error", message)
      } + [10]
    }
  }

  static func load(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    try requireHostPlatform(request)
    let permit = try await context.engine.transfers.enter()
    return progress(context) { writer in
      let names = try await permit.run {
        try await BytePipe.receive(request.http.body) { tar in
          try await context.engine.loadImages(from: tar)
        }
      }
      for name in names {
        let word = name.hasPrefix("sha256:") ? "Loaded image ID" : "Loaded image"
        try await writer.write(Progress.stream("\(word): \(name)\n"))
      }
    }
  }

  static func create(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    if let name = request.text("fromImage") { return try await RegistryRoutes.pull(name, request, context) }
    guard let source = request.text("fromSrc") else {
      throw PlatformError(.invalidArgument, "fromSrc: must be - with the archive in the request's body")
    }
    guard source == "-" else {
      throw PlatformError(
        .notImplemented, "fromSrc: importing from a URL is not supported by this engine; send the archive")
    }
    try requireHostPlatform(request)
    let reference = reference(repository: request.text("repo"), tag: request.text("tag"))
    // Before the answer begins: afterwards only the stream can tell what is wrong.
    if let reference { _ = try ImageReference(parsing: reference) }
    let changes = request.http.query.all("changes").flatMap { $0.split(separator: "\n").map(String.init) }
    let message = request.text("message") ?? ""
    let permit = try await context.engine.transfers.enter()
    return progress(context) { writer in
      let id = try await permit.run {
        try await BytePipe.receive(request.http.body) { tar in
          try await context.engine.importImage(from: tar, reference: reference, message: message, changes: changes)
        }
      }
      try await writer.write(Progress.status(id.description))
    }
  }

  static func save(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let one = request["name"]
    let names = one.isEmpty ? request.http.query.all("names").filter { !$0.isEmpty } : [one]
    guard !names.isEmpty, names.count <= maxNames else {
      throw PlatformError(.invalidArgument, "names: expected 1 to \(maxNames) images")
    }
    for name in names { try ImageRoutes.require(request.text("platform"), of: try context.engine.image(name), name) }
    let permit = try await context.engine.transfers.enter()
    let archive = try await context.engine.saveImages(names)
    return HTTPResponse(
      headers: ["Content-Type": "application/x-tar"],
      body: .stream { writer in try await permit.run { try await BytePipe.send(archive, to: writer) } })
  }

  static func commit(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    guard let container = request.text("container") else {
      throw PlatformError(.invalidArgument, "container: must name a container")
    }
    let configuration = try await request.optionalFields().map {
      try CreateRequest.imageSettings($0, version: request.version)
    }
    let id = try await context.engine.commitContainer(
      container, reference: reference(repository: request.text("repo"), tag: request.text("tag")),
      comment: request.text("comment") ?? "", author: request.text("author") ?? "",
      pause: request.flag("pause", default: true),
      configuration: configuration,
      changes: request.http.query.all("changes").flatMap { $0.split(separator: "\n").map(String.init) })
    return .json(status: .created) { $0.field("Id", id.description) }
  }

  static func reference(repository: String?, tag: String?) -> String? {
    guard let repository else { return nil }
    guard let tag else { return repository }
    return tag.hasPrefix("sha256:") ? "\(repository)@\(tag)" : "\(repository):\(tag)"
  }

  /// What comes in is for this host.
  private static func requireHostPlatform(_ request: DockerRequest) throws {
    guard let platform = try request.text("platform").map(Platform.init(parsing:)) else { return }
    guard platform.takes(system: "linux", architecture: Platform.hostArchitecture, variant: nil) else {
      throw PlatformError(
        .notImplemented, "platform: '\(platform.description.prefix(64))' is not this host's, and no other is supported")
    }
  }

  /// An answer of JSON lines whose failure is its last line, as the head is out when it happens.
  static func progress(
    _ context: DockerContext, _ work: @escaping @Sendable (StreamWriter) async throws -> Void
  ) -> HTTPResponse {
    HTTPResponse(
      headers: ["Content-Type": "application/json"],
      body: .stream { writer in
        do {
          try await work(writer)
        } catch let error as PlatformError {
          try await writer.write(Progress.failure(error.message))
        } catch let error as HTTPRefusal {
          try await writer.write(Progress.failure(error.message))
        } catch is ClientDisconnected {
          return
        } catch {
          context.logger.error("a transfer failed", metadata: ["error": "\(error)"])
          try await writer.write(Progress.failure("internal error; the log knows more"))
        }
      })
  }
}
