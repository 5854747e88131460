import Accounts
import HTTPServing
import Model

/// `/api/v1/tokens`: personal access tokens, one's own; administrators see and take away those of others.
enum AccessTokenRoutes {
  private struct NewToken: DescribedBody {
    static let schema = "NewToken"

    var name: String
    var scope: String?
    var expiresInDays: Int?
  }
  private struct Change: DescribedBody {
    static let schema = "Disabling"

    var isDisabled: Bool
  }
  private struct Entry: Encodable {
    var id: String
    var user: String
    var name: String
    var scope: TokenScope
    var createdAt: Int64
    var expiresAt: Int64?
    var lastUsedAt: Int64?
    var isDisabled: Bool
    var secret: String?

    init(_ token: AccessToken, secret: String? = nil) {
      (id, user, name, scope) = (token.id, token.user, token.name, token.scope)
      (createdAt, expiresAt, lastUsedAt) = (token.createdAt, token.expiresAt, token.lastUsedAt)
      (isDisabled, self.secret) = (token.isDisabled, secret)
    }
  }

  static func add(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.GET, "/api/v1/tokens") { call, api in
      let user = try owner(call, api)
      return try ListPage(call.request).answer(try api.accounts.tokens(of: user).map { Entry($0) }, id: \.id)
    }
    router.on(.POST, "/api/v1/tokens") { call, api in
      let user = try owner(call, api)
      // A token that was stolen may not make others that outlive it.
      guard call.principal == .localAdministrator || call.principal.isSignedIn(as: call.principal.name) else {
        throw PlatformError(.forbidden, "tokens are made with the user's password, not with a token")
      }
      let new = try await api.body(NewToken.self, of: call)
      let made = try api.accounts.addToken(
        new.name, of: user, scope: try scope(new.scope), expiresInDays: new.expiresInDays)
      api.note(call, "token created", "\(user)/\(new.name)")
      return try ManagementAPI.json(Entry(made.token, secret: made.secret), status: .created)
    }
    router.on(.PATCH, "/api/v1/tokens/{id}") { call, api in
      let token = try requireOwned(call, api)
      let change = try await api.body(Change.self, of: call)
      // A token that was disabled may not enable others: it is refused before. One that is not may only take away.
      if !change.isDisabled, case .token = call.principal {
        throw PlatformError(.forbidden, "tokens are enabled with the user's password, not with a token")
      }
      let changed = try api.accounts.setTokenDisabled(token.id, change.isDisabled)
      api.note(call, change.isDisabled ? "token disabled" : "token enabled", "\(token.user)/\(token.name)")
      return try ManagementAPI.json(Entry(changed))
    }
    router.on(.DELETE, "/api/v1/tokens/{id}") { call, api in
      let token = try requireOwned(call, api)
      try api.accounts.removeToken(token.id)
      api.note(call, "token removed", "\(token.user)/\(token.name)")
      return HTTPResponse(status: .noContent)
    }
  }

  /// Whose tokens it is about.
  private static func owner(_ call: ManagementAPI.Call, _ api: ManagementAPI) throws -> String {
    if let user = call.request.query["user"] {
      if own(call, api) != user { try api.requireAdministrator(call) }
      return user
    }
    if call.principal == .localAdministrator {
      throw PlatformError(.invalidArgument, "parameter 'user' is needed at the local socket")
    }
    if call.principal == .anonymous { throw PlatformError(.unauthenticated, "sign in first") }
    guard let user = own(call, api) else {
      throw PlatformError(.forbidden, "users have tokens; robots, and tokens of less than all rights, do not see them")
    }
    return user
  }

  private static func requireOwned(_ call: ManagementAPI.Call, _ api: ManagementAPI) throws -> AccessToken {
    if call.principal == .anonymous { throw PlatformError(.unauthenticated, "sign in first") }
    let id = call.parameters["id"]
    let token = try? api.accounts.token(id)
    // A token may take itself away, whatever its scope.
    if let token, own(call, api) == token.user || call.principal == .token(id: token.id, user: token.user) {
      return token
    }
    guard api.accounts.isAdministrator(call.principal) else {
      throw PlatformError(.forbidden, "you have no token '\(id.prefix(80))'")
    }
    return try api.accounts.token(id)
  }

  /// The user who acts with all his rights.
  private static func own(_ call: ManagementAPI.Call, _ api: ManagementAPI) -> String? {
    switch call.principal {
    case .user(let name, _): name
    case .token(let id, let user): (try? api.accounts.token(id))?.scope == .all ? user : nil
    case .anonymous, .localAdministrator, .robot: nil
    }
  }

  private static func scope(_ text: String?) throws -> TokenScope {
    guard let text else { return .all }
    guard let scope = TokenScope(rawValue: text) else {
      throw PlatformError(
        .invalidArgument,
        "field 'scope': '\(text.prefix(40))' is none of \(TokenScope.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return scope
  }
}
