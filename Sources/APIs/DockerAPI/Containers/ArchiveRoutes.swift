import ContainerEngine
import FoundationEssentials
import HTTPServing
import Model

/// Files in and out of containers: `docker cp` and `docker export`.
enum ArchiveRoutes {
  static let statHeader = "X-Docker-Container-Path-Stat"

  static func add(to routes: inout Routes) {
    routes.on(.HEAD, "/containers/{id}/archive", stat)
    routes.on(.GET, "/containers/{id}/archive", read)
    routes.on(.PUT, "/containers/{id}/archive", write)
    routes.on(.GET, "/containers/{id}/export", export)
  }

  private static func path(_ request: DockerRequest) throws -> String {
    guard let path = request.text("path") else { throw PlatformError(.invalidArgument, "missing parameter: path") }
    return path
  }

  static func stat(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let stat = try await context.engine.pathStat(request["id"], path: try path(request))
    return HTTPResponse(headers: [statHeader: encode(stat)])
  }

  static func read(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let path = try path(request)
    let permit = try await context.engine.transfers.enter()
    let (stat, archive) = try await context.engine.readArchive(request["id"], path: path)
    return HTTPResponse(
      headers: ["Content-Type": "application/x-tar", statHeader: encode(stat)],
      body: .stream { writer in try await permit.run { try await BytePipe.send(archive, to: writer) } })
  }

  static func write(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let path = try path(request)
    let options = ArchiveWriteOptions(
      keepKind: request.flag("noOverwriteDirNonDir"), copyOwners: !request.flag("copyUIDGID"))
    // What can be known to fail does so before the body is read.
    _ = try context.engine.container(request["id"])
    // Kept on disk until it is there whole: while the container's files are written, nothing waits for a client.
    let permit = try await context.engine.transfers.enter()
    try await permit.run {
      let spool = try context.engine.spoolFile()
      try await BytePipe.copy(request.http.body, to: spool, limitBytes: Engine.archiveLimitBytes)
      try spool.rewind()
      try await context.engine.writeArchive(request["id"], path: path, from: spool, options)
    }
    return HTTPResponse()
  }

  static func export(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let permit = try await context.engine.transfers.enter()
    let archive = try await context.engine.exportContainer(request["id"])
    return HTTPResponse(
      headers: ["Content-Type": "application/x-tar"],
      body: .stream { writer in try await permit.run { try await BytePipe.send(archive, to: writer) } })
  }

  /// The header's value: JSON in base64.
  static func encode(_ stat: PathStat) -> String {
    let text = JSONWriter.object { writer in
      writer.field("name", stat.name)
      writer.field("size", stat.sizeBytes)
      writer.field("mode", stat.mode)
      writer.field("mtime", Timestamps.rfc3339(stat.modifiedAt, zeroIsNever: false))
      writer.field("linkTarget", stat.linkTarget)
    }
    return Data(text).base64EncodedString()
  }
}
