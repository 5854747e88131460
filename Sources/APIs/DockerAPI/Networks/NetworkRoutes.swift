import ContainerEngine
import HTTPServing
import LinuxSystem
import Model
import Networking

/// Networks.
enum NetworkRoutes {
  static func add(to routes: inout Routes) {
    routes.on(.GET, "/networks", list)
    routes.on(.POST, "/networks/create", create)
    routes.on(.POST, "/networks/prune", prune)
    routes.on(.GET, "/networks/{id}", inspect)
    routes.on(.DELETE, "/networks/{id}") { request, context in
      try await context.engine.removeNetwork(request["id"])
      return .noContent
    }
    routes.on(.POST, "/networks/{id}/connect", connect)
    routes.on(.POST, "/networks/{id}/disconnect", disconnect)
  }

  static func list(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let engine = context.engine
    let filter = try NetworkFilter(try request.filters()) { !engine.endpoints(on: $0).isEmpty }
    return .json(
      JSONWriter.list(engine.networks().filter(filter.includes)) { writer, network in
        // Since 1.28 only inspect tells who is on a network.
        let members = request.version < .v1(28) ? engine.endpoints(on: network.id) : []
        NetworkResponse.write(network, endpoints: members, into: &writer)
      })
  }

  static func inspect(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let network = try context.engine.network(request["id"])
    if let scope = request.text("scope"), scope != "local" {
      throw PlatformError(.notFound, "network \(request["id"].prefix(128)) not found in scope \(scope.prefix(32))")
    }
    let endpoints = context.engine.endpoints(on: network.id)
    var writer = JSONWriter()
    NetworkResponse.write(network, endpoints: endpoints, into: &writer)
    return .json(writer.bytes)
  }

  static func create(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let wanted = try NetworkCreateRequest.read(try await request.fields())
    let (network, warning) = try await context.engine.createNetwork(wanted)
    return .json(status: .created) { writer in
      writer.field("Id", network.id.hex)
      writer.field("Warning", warning)
    }
  }

  static func connect(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let fields = try await request.fields()
    guard let container = try fields.text("Container") else {
      throw fields.failure("Container", "must name a container")
    }
    let network = try context.engine.network(request["id"])
    let attachment = try NetworkingRequest.attachment(try fields.object("EndpointConfig"), network: network.name)
    try fields.finish()
    try await context.engine.connectNetwork(request["id"], container: container, attachment: attachment)
    return HTTPResponse()
  }

  static func disconnect(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let fields = try await request.fields()
    guard let container = try fields.text("Container") else {
      throw fields.failure("Container", "must name a container")
    }
    let force = try fields.bool("Force") ?? false
    try fields.finish()
    try await context.engine.disconnectNetwork(request["id"], container: container, force: force)
    return HTTPResponse()
  }

  static func prune(_ request: DockerRequest, _ context: DockerContext) async throws -> HTTPResponse {
    let filter = try PruneFilter(try request.filters(), now: Int64(Clock.realTimeNanoseconds()))
    let names = try await context.engine.pruneNetworks(filter)
    return .json { $0.field("NetworksDeleted", names.isEmpty ? nil : names) }
  }
}
