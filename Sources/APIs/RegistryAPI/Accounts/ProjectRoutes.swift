import Accounts
import HTTPServing
import Model
import Registry
import Replication

/// `/api/v1/projects`.
enum ProjectRoutes {
  private struct NewProject: DescribedBody {
    static let schema = "NewProject"

    var name: String
    var isPublic: Bool?
    var quotaBytes: Int64?
    var cache: Cache?
  }
  /// What a cache project shows; see `CacheProject`.
  private struct Cache: Codable, Sendable {
    var peer: String
    var remotePath: String?
    var freshSeconds: Int64?
  }
  /// A project as it is shown.
  private struct Shown: Encodable {
    var name: String
    var isPublic: Bool
    var members: [String: Role]
    var cache: Cache?
  }
  private struct Visibility: DescribedBody {
    static let schema = "ProjectChange"

    var isPublic: Bool
  }
  private struct Membership: DescribedBody {
    static let schema = "Membership"

    var role: String
  }

  static func add(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.GET, "/api/v1/projects") { call, api in
      try ListPage(call.request).answer(
        api.accounts.allProjects().filter { api.accounts.allows(call.principal, .pull, in: $0.name) }
          .map { try shown($0, to: call, api) }, id: \.name)
    }
    router.on(.POST, "/api/v1/projects") { call, api in
      try api.requireAdministrator(call)
      let new = try await api.body(NewProject.self, of: call)
      let project = Project(name: new.name, isPublic: new.isPublic ?? false)
      try api.accounts.addProject(project)
      do {
        try setUp(new, api)
      } catch {
        try api.accounts.removeProject(project.name) { try api.registry.removeProject(project.name) }
        throw error
      }
      api.note(call, new.cache == nil ? "project created" : "cache project created", project.name)
      return try ManagementAPI.json(shown(project, to: call, api), status: .created)
    }
    router.on(.GET, "/api/v1/projects/{name}") { call, api in
      try api.require(call, .pull, in: call.parameters["name"])
      return try ManagementAPI.json(shown(try api.accounts.project(call.parameters["name"]), to: call, api))
    }
    router.on(.PATCH, "/api/v1/projects/{name}") { call, api in
      let name = call.parameters["name"]
      try api.require(call, .manageProject, in: name)
      let wish = try await api.body(Visibility.self, of: call)
      try api.accounts.setPublic(name, wish.isPublic)
      api.note(call, wish.isPublic ? "project opened to everybody" : "project closed", name)
      return try ManagementAPI.json(shown(try api.accounts.project(name), to: call, api))
    }
    router.on(.DELETE, "/api/v1/projects/{name}") { call, api in
      let name = call.parameters["name"]
      try api.requireAdministrator(call)
      // Nobody may push any more before it is looked at whether it holds something. If it does, it stays as it was: what is
      // kept is never lost by a slip.
      try api.accounts.removeProject(name) {
        try api.registry.removeProject(name)
        try api.replication.removeCacheProject(name)
      }
      try api.cache.reload()
      api.note(call, "project removed", name)
      return HTTPResponse(status: .noContent)
    }
    addMembers(to: &router)
  }

  private static func addMembers(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.PUT, "/api/v1/projects/{name}/members/{user}") { call, api in
      let (name, user) = (call.parameters["name"], call.parameters["user"])
      try api.require(call, .manageMembers, in: name)
      let wish = try await api.body(Membership.self, of: call).role
      guard let role = Role(rawValue: wish) else {
        throw PlatformError(
          .invalidArgument,
          "field 'role': '\(wish.prefix(40))' is none of \(Role.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      try api.accounts.setMember(user, of: name, to: role)
      api.note(call, "member is \(role.rawValue)", "\(name)/\(user)")
      return HTTPResponse(status: .noContent)
    }
    router.on(.DELETE, "/api/v1/projects/{name}/members/{user}") { call, api in
      let (name, user) = (call.parameters["name"], call.parameters["user"])
      try api.require(call, .manageMembers, in: name)
      try api.accounts.setMember(user, of: name, to: nil)
      api.note(call, "member removed", "\(name)/\(user)")
      return HTTPResponse(status: .noContent)
    }
  }

  /// Gives a new project its quota and its upstream, or takes away what an earlier one of the name has left.
  private static func setUp(_ new: NewProject, _ api: ManagementAPI) throws {
    if let quota = new.quotaBytes { try api.registry.changeProject(new.name) { $0.quotaBytes = quota } }
    if let cache = new.cache {
      try api.replication.setCacheProject(
        CacheProject(
          project: new.name, peer: cache.peer, remotePath: cache.remotePath ?? "",
          freshSeconds: cache.freshSeconds ?? CacheProject.standardFreshSeconds))
    } else {
      try api.replication.removeCacheProject(new.name)
    }
    try api.cache.reload()
  }

  /// Who the members are, and what is behind a cache, is for the project's administrators.
  private static func shown(_ project: Project, to call: ManagementAPI.Call, _ api: ManagementAPI) throws -> Shown {
    var shown = Shown(name: project.name, isPublic: project.isPublic, members: [:])
    guard api.accounts.allows(call.principal, .manageMembers, in: project.name) else { return shown }
    shown.members = project.members
    shown.cache = try api.replication.cacheProject(project.name).map {
      Cache(peer: $0.peer, remotePath: $0.remotePath, freshSeconds: $0.freshSeconds)
    }
    return shown
  }
}
