import HTTPServing
import Model
import Registry

/// What the program knows of the server that its parts do not.
public protocol ServerFacts: Sendable {
  /// Of the program.
  var version: String { get }
  /// Where the server is reached, as `https://127.0.0.1:5443`.
  var addresses: [String] { get }
  /// The last moment of its certificate, in seconds since 1970.
  var certificateEndsAt: Int64 { get }
  /// Room on the disk that its files are on. Blocks.
  func freeBytes() throws -> Int64
  /// The cluster on a page; nil where none is served.
  func cluster() async throws -> (any Encodable & Sendable)?
}

/// `/api/v1/status`: the server and its cluster on a page, for administrators.
enum StatusRoutes {
  private struct Shown: Encodable {
    var version: String
    var startedAt: Int64
    var addresses: [String]
    var certificateEndsAt: Int64
    var projects: Int
    var usedBytes: Int64
    var freeBytes: Int64
  }

  static func add(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.GET, "/api/v1/status") { call, api in
      try api.requireAdministrator(call)
      let projects = api.accounts.allProjects()
      let used = try projects.reduce(Int64(0)) { $0.clampedAdding(try api.registry.project($1.name).usedBytes) }
      return try ManagementAPI.json(
        Shown(
          version: api.facts.version, startedAt: Int64(api.startedAt), addresses: api.facts.addresses,
          certificateEndsAt: api.facts.certificateEndsAt, projects: projects.count, usedBytes: used,
          freeBytes: try api.facts.freeBytes()))
    }
    router.on(.GET, "/api/v1/status/cluster") { call, api in
      try api.requireAdministrator(call)
      guard let cluster = try await api.facts.cluster() else {
        throw PlatformError(.notFound, "this server serves no cluster")
      }
      return try ManagementAPI.json(cluster)
    }
  }
}
