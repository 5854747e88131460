import Accounts
import FoundationEssentials
import HTTPServing
import Model
import Registry

/// `/api/v1/token`: docker's token service. It hands out tokens for what the caller may of what he asks for, which may be
/// nothing; a token for nothing shows that the credentials are right.
///
/// Source: distribution, *Token Authentication Specification* and *OAuth2 Token Authentication*.
enum TokenService {
  private struct Answer: Encodable {
    var token: String
    var accessToken: String
    var expiresIn: Int64
    var issuedAt: String

    enum CodingKeys: String, CodingKey {
      case token
      case accessToken = "access_token"
      case expiresIn = "expires_in"
      case issuedAt = "issued_at"
    }
  }

  static func add(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.GET, "/api/v1/token") { call, api in
      try answer(call.principal, call.request.query, api)
    }
    router.on(.POST, "/api/v1/token") { call, api in
      let bytes = try await call.request.body.collect(limit: ManagementAPI.maximumBodyBytes)
      let form = try parse(bytes)
      switch form["grant_type"] {
      case "password":
        guard let name = form["username"], let password = form["password"] else {
          throw PlatformError(.invalidArgument, "fields 'username' and 'password' are needed")
        }
        return try answer(try await api.access.signIn(name, password, call.request), form, api)
      case let other:
        throw PlatformError(
          .invalidArgument, "field 'grant_type': '\((other ?? "").prefix(40))' is not served; 'password' is")
      }
    }
  }

  private static func parse(_ bytes: [UInt8]) throws -> QueryParameters {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw PlatformError(.invalidArgument, "the request's body is no form")
    }
    do {
      return try QueryParameters(parsing: text, maxItems: 64)
    } catch let error as HTTPRefusal {
      throw PlatformError(.invalidArgument, "the request's body is no form: \(error.message)")
    }
  }

  private static func answer(
    _ principal: Principal, _ query: QueryParameters, _ api: ManagementAPI
  ) throws -> HTTPResponse {
    if let service = query["service"], service != AccountStore.service {
      throw PlatformError(
        .invalidArgument,
        "parameter 'service': '\(service.prefix(80))' is not served here; '\(AccountStore.service)' is")
    }
    var claims = BearerTokens.Claims(principal)
    let scopes = query.all("scope").flatMap { $0.split(separator: " ") }
    guard scopes.count <= BearerTokens.maximumScopes else {
      throw PlatformError(.invalidArgument, "parameter 'scope': more than \(BearerTokens.maximumScopes) scopes")
    }
    for scope in scopes { try grant(String(scope), to: &claims, api.accounts) }
    let token = try api.accounts.bearers.issue(claims)
    var response = try ManagementAPI.json(
      Answer(
        token: token, accessToken: token, expiresIn: BearerTokens.lifeSeconds,
        issuedAt: Date().formatted(.iso8601)))
    response.headers.add(name: "Cache-Control", value: "no-store")
    return response
  }

  /// Adds what the caller may of a scope: `repository:team/app:pull,push`, or `registry:catalog:*` for the list of all
  /// that he may see. Other kinds grant nothing, as there is nothing of them here.
  private static func grant(_ scope: String, to claims: inout BearerTokens.Claims, _ accounts: AccountStore) throws {
    let parts = scope.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3 else {
      throw PlatformError(
        .invalidArgument, "parameter 'scope': '\(scope.prefix(200))' is not of the form TYPE:NAME:ACTIONS")
    }
    if parts[0] == "registry", parts[1] == "catalog" {
      claims.mayList = true
      return
    }
    guard parts[0] == "repository" || parts[0].hasPrefix("repository(") else { return }
    let name: RepositoryName
    do {
      name = try RepositoryName(parsing: String(parts[1]))
    } catch let error as RegistryError {
      throw PlatformError(.invalidArgument, "parameter 'scope': \(error.message)")
    }
    let wanted = parts[2].split(separator: ",")
    for permission in RegistryPermission.allCases {
      guard wanted.contains("*") || wanted.contains(Substring(permission.rawValue)),
        accounts.allows(claims.principal, permission.action, in: name.project, repository: name.description)
      else { continue }
      claims.actions[name.description, default: []].insert(permission.action)
    }
  }
}
