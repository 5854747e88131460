import ContainerEngine
import HTTPServing
import Model

/// Processes run in containers that run already.
enum ExecRoutes {
  static func add(to routes: inout Routes) {
    routes.on(.POST, "/containers/{id}/exec", create)
    routes.on(.POST, "/exec/{id}/start", start)
    routes.on(.POST, "/exec/{id}/resize", resize)
    routes.on(.GET, "/exec/{id}/json", inspect)
  }

  static func create(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let settings = try settings(try await request.fields(), version: request.version)
    let id = try await context.engine.createExec(request["id"], settings)
    return .json(status: .created) { $0.field("Id", id.hex) }
  }

  static func settings(_ fields: JSONFields, version: APIVersion) throws -> ExecSettings {
    var settings = ExecSettings(arguments: try fields.command("Cmd") ?? [])
    guard !settings.arguments.isEmpty else { throw PlatformError(.invalidArgument, "No exec command specified") }
    settings.environment = try fields.strings("Env") ?? []
    if let first = settings.environment.first(where: { $0.isEmpty || $0.hasPrefix("=") }) {
      throw fields.failure("Env", "invalid environment variable: \(first.prefix(64))")
    }
    settings.workingDirectory = try fields.text("WorkingDir")
    settings.user = try fields.text("User")
    settings.privileged = try fields.bool("Privileged") ?? false
    settings.terminal = try fields.bool("Tty") ?? false
    settings.attachStdin = try fields.bool("AttachStdin") ?? false
    settings.attachStdout = try fields.bool("AttachStdout") ?? false
    settings.attachStderr = try fields.bool("AttachStderr") ?? false
    settings.detachKeys = try DetachKeysText.parse(try fields.text("DetachKeys"))
    if let (height, width) = try ConsoleSize.read(fields), version >= .v1(42) {
      settings.consoleHeight = height
      settings.consoleWidth = width
    }
    // The start call says whether to stay attached; some clients send it here too.
    fields.ignore("Detach", "Container")
    try fields.finish()
    return settings
  }

  static func start(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let engine = context.engine
    let id = request["id"]
    let fields = try await request.optionalFields()
    let isDetached = try fields?.bool("Detach") ?? false
    let terminal = try fields?.bool("Tty")
    let size = try fields.flatMap { try ConsoleSize.read($0) }
    try fields?.finish()
    let view = try engine.execView(id)
    let (height, width) = request.version >= .v1(42) && size?.height != 0 ? (size?.height, size?.width) : (nil, nil)
    if isDetached {
      _ = try await engine.startExec(id, detach: true, terminal: terminal, height: height, width: width)
      return HTTPResponse()
    }
    let isTerminal = view.settings.terminal
    let type = StreamFraming.contentType(terminal: isTerminal, version: request.version)
    return HTTPResponse(
      headers: ["Content-Type": request.http.isUpgrade ? type : StreamFraming.rawType],
      body: .hijack { stream in
        let session: AttachSession?
        do {
          session = try await engine.startExec(id, detach: false, terminal: terminal, height: height, width: width)
        } catch let error as PlatformError {
          // The head is out: the client reads of the failure in the output, and asks for the exit code afterwards.
          let text = Array("\(error.message)\r\n".utf8)
          try await stream.write(isTerminal ? text : StreamFraming.frame(.stdout, text))
          return
        }
        guard let session else { return }
        try await SessionPump.run(session, stream, reads: view.settings.attachStdin)
      })
  }

  static func resize(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let (height, width) = try ContainerLifeRoutes.size(request)
    try await context.engine.resizeExec(request["id"], height: height, width: width)
    return HTTPResponse()
  }

  static func inspect(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    .json(encode(try context.engine.execView(request["id"])))
  }

  static func encode(_ view: ExecView) -> [UInt8] {
    let settings = view.settings
    return JSONWriter.object { writer in
      writer.field("ID", view.id.hex)
      writer.field("Running", view.running)
      writer.name("ExitCode")
      if let code = view.exitCode { writer.value(code) } else { writer.null() }
      writer.object("ProcessConfig") { writer in
        writer.field("tty", settings.terminal)
        writer.field("entrypoint", settings.arguments.first ?? "")
        writer.field("arguments", Array(settings.arguments.dropFirst()))
        writer.field("privileged", settings.privileged)
        if let user = settings.user { writer.field("user", user) }
      }
      writer.field("OpenStdin", settings.attachStdin)
      writer.field("OpenStderr", settings.attachStderr)
      writer.field("OpenStdout", settings.attachStdout)
      writer.field("CanRemove", !view.running && view.exitCode != nil)
      writer.field("ContainerID", view.container.hex)
      writer.field("DetachKeys", "")
      writer.field("Pid", view.pid)
    }
  }
}
