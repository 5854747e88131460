import Accounts
import HTTPServing
import Model
import Registry

/// `/api/v1/projects`.
enum ProjectRoutes {
  private struct NewProject: Decodable, Sendable {
    var name: String
    var isPublic: Bool?
  }
  private struct Visibility: Decodable, Sendable {
    var isPublic: Bool
  }
  private struct Membership: Decodable, Sendable {
    var role: String
  }

  static func add(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.GET, "/api/v1/projects") { call, api in
      try ListPage(call.request).answer(
        api.accounts.allProjects().filter { api.accounts.allows(call.principal, .pull, in: $0.name) }
          .map { shown($0, to: call, api) }, id: \.name)
    }
    router.on(.POST, "/api/v1/projects") { call, api in
      try api.requireAdministrator(call)
      let new = try await api.body(NewProject.self, of: call)
      let project = Project(name: new.name, isPublic: new.isPublic ?? false)
      try api.accounts.addProject(project)
      api.note(call, "project created", project.name)
      return try ManagementAPI.json(project, status: .created)
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
      return try ManagementAPI.json(try api.accounts.project(name))
    }
    router.on(.DELETE, "/api/v1/projects/{name}") { call, api in
      let name = call.parameters["name"]
      try api.requireAdministrator(call)
      let project = try api.accounts.project(name)
      // Nobody may push any more before it is looked at whether it holds something. If it does, it stays as it was: what is
      // kept is never lost by a slip.
      try api.accounts.removeProject(name)
      do {
        try api.registry.removeProject(name)
      } catch {
        try api.accounts.addProject(project)
        throw error
      }
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

  /// Who the members are is for the project's administrators.
  private static func shown(_ project: Project, to call: ManagementAPI.Call, _ api: ManagementAPI) -> Project {
    var project = project
    if !api.accounts.allows(call.principal, .manageMembers, in: project.name) { project.members = [:] }
    return project
  }
}
