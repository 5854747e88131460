import Accounts
import HTTPServing
import Model

/// `/api/v1/users`.
enum UserRoutes {
  private struct NewUser: DescribedBody {
    static let schema = "NewUser"

    var name: String
    var password: String
    var isAdministrator: Bool?
  }
  private struct Change: DescribedBody {
    static let schema = "UserChange"

    var isAdministrator: Bool
  }
  private struct NewPassword: DescribedBody {
    static let schema = "NewPassword"

    var password: String
  }

  static func add(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.GET, "/api/v1/users") { call, api in
      try api.requireAdministrator(call)
      return try ListPage(call.request).answer(api.accounts.allUsers(), id: \.name)
    }
    router.on(.POST, "/api/v1/users") { call, api in
      try api.requireAdministrator(call)
      try api.requireNoToken(call)
      let new = try await api.body(NewUser.self, of: call)
      let user = User(name: new.name, isAdministrator: new.isAdministrator ?? false)
      try api.accounts.addUser(user, password: new.password)
      api.note(call, "user created", user.name)
      return try ManagementAPI.json(user, status: .created)
    }
    router.on(.PATCH, "/api/v1/users/{name}") { call, api in
      try api.requireAdministrator(call)
      try api.requireNoToken(call)
      let change = try await api.body(Change.self, of: call)
      let user = try api.accounts.setAdministrator(call.parameters["name"], change.isAdministrator)
      api.note(call, user.isAdministrator ? "user is administrator" : "user is no administrator", user.name)
      return try ManagementAPI.json(user)
    }
    router.on(.PUT, "/api/v1/users/{name}/password") { call, api in
      let name = call.parameters["name"]
      // Everybody may change his own, signed in by the old one.
      if !call.principal.isSignedIn(as: name) { try api.requireAdministrator(call) }
      try api.requireNoToken(call)
      try api.accounts.setPassword(of: name, to: try await api.body(NewPassword.self, of: call).password)
      api.note(call, "password changed", name)
      return HTTPResponse(status: .noContent)
    }
    router.on(.DELETE, "/api/v1/users/{name}") { call, api in
      try api.requireAdministrator(call)
      try api.accounts.removeUser(call.parameters["name"])
      api.note(call, "user removed", call.parameters["name"])
      return HTTPResponse(status: .noContent)
    }
  }
}
