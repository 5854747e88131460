import ContainerEngine
import HTTPServing
import Model

/// How `bulkhead build` brings a context of which only what changed is sent: routes of the platform's own.
enum BuildContextRoutes {
  static func add(to routes: inout Routes) {
    routes.on(.POST, "/bulkhead/v1/contexts", announce)
    routes.on(.POST, "/bulkhead/v1/contexts/{id}/contents", receive)
  }

  /// Takes a list (the form is `ContextList`'s) and answers the digests of the contents that are missing, one a line.
  static func announce(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let permit = try await context.engine.transfers.enter()
    let missing = try await permit.run {
      try await BytePipe.receive(request.http.body) { try context.engine.announceBuildContext(from: $0) }
    }
    let text = missing.map { $0.hex + "\n" }.joined()
    return HTTPResponse(headers: ["Content-Type": "text/plain"], body: .bytes(Array(text.utf8)))
  }

  /// Takes the missing contents, one right behind the other in the order of the answer.
  static func receive(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let id = try Digest(parsing: request["id"])
    let permit = try await context.engine.transfers.enter()
    try await permit.run {
      try await BytePipe.receive(request.http.body) { try context.engine.receiveBuildContext(id, from: $0) }
    }
    return .noContent
  }
}
