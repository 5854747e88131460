import ContainerEngine
import HTTPServing
import Model

/// Containers: start, stop and what lies between.
enum ContainerLifeRoutes {
  static func add(to routes: inout Routes) {
    routes.on(.POST, "/containers/{id}/start", start)
    routes.on(.POST, "/containers/{id}/stop", stop)
    routes.on(.POST, "/containers/{id}/restart", restart)
    routes.on(.POST, "/containers/{id}/kill", kill)
    routes.on(.POST, "/containers/{id}/pause") { request, context in
      try await context.engine.pauseContainer(request["id"])
      return .noContent
    }
    routes.on(.POST, "/containers/{id}/unpause") { request, context in
      try await context.engine.unpauseContainer(request["id"])
      return .noContent
    }
    routes.on(.POST, "/containers/{id}/wait", wait)
    routes.on(.POST, "/containers/{id}/resize", resize)
  }

  /// A JSON object is at least this long; older clients send `{}` or `null`.
  private static let longestEmptyBody = 7

  static func start(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    guard let length = request.http.body.announcedLength, length <= longestEmptyBody else {
      throw PlatformError(
        .invalidArgument,
        "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24")
    }
    if request.text("checkpoint") != nil || request.text("checkpoint-dir") != nil {
      throw PlatformError(.notImplemented, "checkpoints are not supported by this engine")
    }
    try await context.engine.startContainer(request["id"])
    return .noContent
  }

  private static func signal(_ request: DockerRequest) -> String? {
    request.version >= .v1(42) ? request.text("signal") : nil
  }

  static func stop(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    try await context.engine.stopContainer(
      request["id"], signal: signal(request),
      timeoutSeconds: try request.integer("t", in: Int(Int32.min)...Int(Int32.max)))
    return .noContent
  }

  static func restart(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    try await context.engine.restartContainer(
      request["id"], signal: signal(request),
      timeoutSeconds: try request.integer("t", in: Int(Int32.min)...Int(Int32.max)))
    return .noContent
  }

  static func kill(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    try await context.engine.killContainer(request["id"], signal: request.text("signal"))
    return .noContent
  }

  /// The head goes out at once, so that the client can start the container after it knows that the wait stands.
  static func wait(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    var condition = WaitCondition.notRunning
    if request.version >= .v1(30), let text = request.text("condition") {
      guard let asked = WaitCondition(rawValue: text) else {
        throw PlatformError(.invalidArgument, "invalid condition: \"\(text.prefix(64))\"")
      }
      condition = asked
    }
    let waiter = try context.engine.waiter(request["id"], condition: condition)
    return HTTPResponse(
      headers: ["Content-Type": "application/json"],
      body: .stream { writer in
        let (code, error) = try await waiter.result()
        try await writer.write(waitAnswer(code: code, error: error))
      })
  }

  static func waitAnswer(code: Int32, error: String?) -> [UInt8] {
    JSONWriter.object { writer in
      writer.field("StatusCode", code)
      if let error { writer.object("Error") { $0.field("Message", error) } }
    } + [UInt8(ascii: "\n")]
  }

  static func resize(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let (height, width) = try size(request)
    try await context.engine.resizeContainer(request["id"], height: height, width: width)
    return HTTPResponse()
  }

  /// `h` and `w` of the resize calls.
  static func size(_ request: DockerRequest) throws -> (height: Int, width: Int) {
    func dimension(_ name: String, _ word: String) throws -> Int {
      guard let text = request.text(name), let value = Int(text), ConsoleSize.range.contains(value) else {
        throw PlatformError(
          .invalidArgument,
          "invalid resize \(word) \"\((request.text(name) ?? "").prefix(32))\": expected an integer up to 65535")
      }
      return value
    }
    return (try dimension("h", "height"), try dimension("w", "width"))
  }
}
