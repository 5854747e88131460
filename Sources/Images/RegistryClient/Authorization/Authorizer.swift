import LinuxSystem
import Model
import NIOHTTP1
import OCITypes

/// Knows how one registry wants to be convinced, and keeps the tokens it gave.
///
/// Credentials go to the registry itself and to token servers that belong to it, nowhere else. One token is fetched at a
/// time for the same purpose, however many requests wait for it.
actor Authorizer {
  /// Tokens without a life time live a minute (distribution project, *token authentication*).
  private static let defaultSeconds: Int64 = 60
  private static let marginSeconds: Int64 = 10
  private static let maximumTokenBytes = 256 << 10
  private static let maximumTokens = 1_000

  private enum Method {
    case unknown
    case none
    case basic
    case bearer(realm: WireURL, service: String?)
  }

  private struct Token {
    var text: String
    var endsAt: Int64
  }

  private let host: RegistryHost
  private let credentials: RegistryCredentials
  private let wire: Wire
  private var method = Method.unknown
  /// How the registry that asked for a token was reached.
  private var scheme = WireURL.Scheme.https
  private var tokens: [Set<TokenScope>: Token] = [:]
  private var fetching: [Set<TokenScope>: Task<Token, any Error>] = [:]
  /// What the registry's token server gave for the password, to be kept instead of it.
  private(set) var refreshToken: String?

  init(host: RegistryHost, credentials: RegistryCredentials, wire: Wire) {
    self.host = host
    self.credentials = credentials
    self.wire = wire
  }

  /// The header for a request, as far as is known without asking.
  func header(_ scopes: Set<TokenScope>) async throws -> String? {
    if case .bearer(let token) = credentials { return "Bearer \(token)" }
    switch method {
    case .unknown, .none: return nil
    case .basic:
      if case .password(let user, let password) = credentials { return basicAuthorization(user, password) }
      return nil
    case .bearer(let realm, let service):
      return "Bearer \(try await token(scopes, realm: realm, service: service).text)"
    }
  }

  /// Takes the challenge of a refused request into account.
  /// - Returns: the header to try next; nil where there is nothing else to try.
  func answer(
    _ response: WireResponse, refused: String?, scopes: Set<TokenScope>
  ) async throws -> String? {
    if case .bearer = credentials { return nil }
    let challenges = Challenge.parse(response.headers["WWW-Authenticate"])
    if let bearer = challenges.first(where: { $0.scheme == "bearer" }), let text = bearer.parameters["realm"] {
      guard let realm = WireURL(absolute: text) else {
        throw RegistryFailure(.unsafe, "\(response.url.host) names a token server that is no HTTP address")
      }
      try checkRealm(realm, response.url)
      method = .bearer(realm: realm, service: bearer.parameters["service"])
      scheme = response.url.scheme
      if let refused, let known = tokens[scopes], refused == "Bearer \(known.text)" { tokens[scopes] = nil }
    } else if challenges.contains(where: { $0.scheme == "basic" }) {
      guard case .password = credentials else { return nil }
      method = .basic
    } else {
      return nil
    }
    let next = try await header(scopes)
    return next == refused ? nil : next
  }

  private func checkRealm(_ realm: WireURL, _ registry: WireURL) throws {
    let extra = wire.settings.tokenServers[host.authority] ?? []
    let isTrusted = TokenRules.mayTakeCredentials(realm: realm, registry: registry, extra: extra)
    if case .anonymous = credentials {
      guard isTrusted || realm.scheme == .https else {
        throw RegistryFailure(.unsafe, "\(registry.host) wants a token from \(realm.shown), which is not HTTPS")
      }
      return
    }
    guard isTrusted else {
      throw RegistryFailure(
        .unsafe,
        "\(registry.host) wants the credentials to go to \(realm.shown), which does not belong to it: they were not sent. "
          + "Where that is right, name the host under registries.tokenServers in engine.yaml")
    }
  }

  // MARK: - Tokens

  private func token(_ scopes: Set<TokenScope>, realm: WireURL, service: String?) async throws -> Token {
    let now = Int64(Clock.monotonicNanoseconds() / 1_000_000_000)
    if let token = tokens[scopes], token.endsAt > now { return token }
    if let running = fetching[scopes] { return try await running.value }
    // Not a child of the caller's task: others wait for it, too, when the caller goes.
    let task = Task { try await self.fetch(scopes, realm: realm, service: service) }
    fetching[scopes] = task
    defer { fetching[scopes] = nil }
    let token = try await task.value
    if tokens.count >= Self.maximumTokens { tokens = [:] }
    tokens[scopes] = token
    return token
  }

  private func fetch(_ scopes: Set<TokenScope>, realm: WireURL, service: String?) async throws -> Token {
    let scope = scopes.sorted().map(\.description)
    var request: WireRequest
    switch credentials {
    case .identityToken(let refresh):
      request = Self.post(
        realm,
        [("grant_type", "refresh_token"), ("refresh_token", refresh), ("service", service ?? host.authority)]
          + [("client_id", "bulkhead"), ("scope", scope.joined(separator: " "))])
    case .password(let user, let password):
      request = WireRequest(.GET, Self.query(realm, service, scope, [("account", user)]))
      request.headers.add(name: "Authorization", value: basicAuthorization(user, password))
    case .anonymous, .bearer:
      request = WireRequest(.GET, Self.query(realm, service, scope, []))
    }
    return try await fetch(request, registry: host)
  }

  /// Logs in: proves the credentials, and asks for a refresh token where the registry has them.
  func logIn() async throws -> String? {
    guard case .bearer(let realm, let service) = method, case .password(let user, let password) = credentials else {
      return nil
    }
    let extra = [("account", user), ("client_id", "bulkhead"), ("offline_token", "true")]
    var request = WireRequest(.GET, Self.query(realm, service, [], extra))
    request.headers.add(name: "Authorization", value: basicAuthorization(user, password))
    _ = try await fetch(request, registry: host)
    return refreshToken
  }

  private struct Answer: Decodable {
    var token: String?
    var accessToken: String?
    var expiresIn: Int64?
    var refreshToken: String?

    enum CodingKeys: String, CodingKey {
      case token
      case accessToken = "access_token"
      case expiresIn = "expires_in"
      case refreshToken = "refresh_token"
    }
  }

  private func fetch(_ request: WireRequest, registry: RegistryHost) async throws -> Token {
    let response = try await wire.sendToTokenServer(request, namedBy: registry.base(scheme), for: registry)
    let bytes = try await response.collect(limit: Self.maximumTokenBytes, named: "the token")
    guard response.isSuccess else {
      throw ErrorAnswer.failure(response, bytes, "\(request.url.host) gave no token")
    }
    let answer: Answer
    do {
      answer = try ImageDocuments.decode(Answer.self, from: bytes, limit: Self.maximumTokenBytes, named: "the token")
    } catch {
      throw RegistryFailure(.badContent, "\(request.url.host) gave a token that cannot be read")
    }
    guard let text = [answer.token, answer.accessToken].compactMap({ $0 }).first(where: { !$0.isEmpty }),
      text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else { throw RegistryFailure(.badContent, "\(request.url.host) gave no token") }
    if let refresh = answer.refreshToken, !refresh.isEmpty { refreshToken = refresh }
    let life = min(max(answer.expiresIn ?? Self.defaultSeconds, Self.defaultSeconds), 86_400)
    return Token(text: text, endsAt: Int64(Clock.monotonicNanoseconds() / 1_000_000_000) + life - Self.marginSeconds)
  }

  private static func query(
    _ realm: WireURL, _ service: String?, _ scopes: [String], _ extra: [(String, String)]
  ) -> WireURL {
    var url = realm
    if let service { url = url.adding("service", service) }
    for scope in scopes { url = url.adding("scope", scope) }
    for (name, value) in extra { url = url.adding(name, value) }
    return url
  }

  private static func post(_ realm: WireURL, _ fields: [(String, String)]) -> WireRequest {
    let form = fields.map { "\($0)=\(WireURL.escape($1))" }.joined(separator: "&")
    return WireRequest(
      .POST, realm, headers: ["Content-Type": "application/x-www-form-urlencoded"], body: .bytes(Array(form.utf8)))
  }
}

extension Wire {
  /// Asks a token server, which may be another host than the registry that named it (`source`), once. Redirects are not
  /// followed, as they would take credentials along.
  func sendToTokenServer(
    _ request: WireRequest, namedBy source: WireURL, for registry: RegistryHost
  ) async throws -> WireResponse {
    var pinned: String?
    if source.host != request.url.host {
      pinned = try await check(request.url, from: source) { address in
        let response = try await self.sendOnce(
          WireRequest(.GET, source), for: registry, pinned: address, isElsewhere: false)
        await response.drain()
        let realms = Challenge.parse(response.headers["WWW-Authenticate"]).compactMap { $0.parameters["realm"] }
        return realms.lazy.compactMap(WireURL.init(absolute:)).first
      }
    }
    let response = try await sendOnce(request, for: registry, pinned: pinned, isElsewhere: false)
    guard !(300..<400).contains(response.status) else {
      throw RegistryFailure(
        .unsafe, "the token server \(request.url.host) redirects, which is not followed", status: response.status)
    }
    return response
  }
}
