import Accounts
import HTTPServing
import Model

/// `/api/v1/me`: who one is.
enum IdentityRoutes {
  private struct Me: Encodable {
    var name: String
    var kind: String
    var isAdministrator: Bool
  }

  static func add(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.GET, "/api/v1/me") { call, api in
      let kind: String
      switch call.principal {
      case .anonymous: throw PlatformError(.unauthenticated, "sign in first")
      case .localAdministrator: kind = "localAdministrator"
      case .user, .token: kind = "user"
      case .robot: kind = "robot"
      }
      return try ManagementAPI.json(
        Me(name: call.principal.name, kind: kind, isAdministrator: api.accounts.isAdministrator(call.principal)))
    }
  }
}
