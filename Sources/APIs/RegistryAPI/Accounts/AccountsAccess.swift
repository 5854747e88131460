import Accounts
import FoundationEssentials
import HTTPServing
import Logging
import Model
import Registry

/// Who asks the registry and what he may do, by the platform's accounts. Names and passwords, and the secrets of tokens and
/// robots, come by the basic scheme (RFC 7617), tokens of the token service by the bearer scheme (RFC 6750); whoever
/// reaches the local socket without any is this machine's administrator.
public struct AccountsAccess: RegistryAccess {
  let accounts: AccountStore
  let audit: AuditLog
  private let logger: Logger

  public init(accounts: AccountStore, audit: AuditLog, logger: Logger) {
    self.accounts = accounts
    self.audit = audit
    self.logger = logger
  }

  struct Caller: RegistryCaller {
    let principal: Principal
    /// What the bearer token is for; nil where there is none.
    var claims: BearerTokens.Claims?
    let accounts: AccountStore
    let address: String?

    var name: String { principal.name }
    var isAnonymous: Bool { principal == .anonymous }
    var canStepUp: Bool { isAnonymous || claims != nil }

    func may(_ permission: RegistryPermission, _ repository: RepositoryName) -> Bool {
      let action = permission.action
      if let claims, claims.actions[repository.description]?.contains(action) != true { return false }
      return accounts.allows(principal, action, in: repository.project, repository: repository.description)
    }

    func maySee(_ repository: RepositoryName) -> Bool {
      if let claims, !claims.mayList { return may(.pull, repository) }
      return accounts.allows(principal, .pull, in: repository.project, repository: repository.description)
    }
  }

  public func authenticate(_ request: HTTPRequest) async throws -> any RegistryCaller {
    if let token = try Credentials.bearer(request.headers) {
      guard let caller = caller(token, request) else {
        throw PlatformError(.unauthenticated, "the token is not one of this server, or is over")
      }
      return caller
    }
    return Caller(principal: try await principal(of: request), accounts: accounts, address: request.remoteAddress)
  }

  public func authenticateAtOnce(_ request: HTTPRequest) -> (any RegistryCaller)? {
    guard request.headers.contains(name: "Authorization") else {
      // On the event loop nothing is known of the process at the other end of a unix socket.
      guard let address = request.remoteAddress else { return nil }
      return Caller(principal: .anonymous, accounts: accounts, address: address)
    }
    // What is wrong is refused, with its reason, by the other way.
    if let token = try? Credentials.bearer(request.headers) { return caller(token, request) }
    guard let (name, password) = try? Credentials.basic(request.headers),
      let known = accounts.recall(name: name, password: password, from: request.remoteAddress)
    else { return nil }
    if known.isFresh { noteSignIn(known.principal, request) }
    return Caller(principal: known.principal, accounts: accounts, address: request.remoteAddress)
  }

  private func caller(_ token: String, _ request: HTTPRequest) -> Caller? {
    guard let claims = accounts.bearers.read(token), accounts.isValid(claims.principal) else { return nil }
    return Caller(
      principal: claims.principal, claims: claims, accounts: accounts, address: request.remoteAddress)
  }

  /// Clients of the network are sent to the token service: docker asks a public project for nothing without one. At the
  /// local socket there is only the basic scheme. See docs/adr/0011.
  public func challenge(_ needs: [RegistryNeed], request: HTTPRequest, error: String?) -> String {
    guard request.remoteAddress != nil, let host = request.headers["Host"].first, Self.isPlain(host) else {
      return Self.basicChallenge
    }
    var parts = [
      #"realm="\#(request.isEncrypted ? "https" : "http")://\#(host)/api/v1/token""#,
      #"service="\#(AccountStore.service)""#,
    ]
    if !needs.isEmpty {
      var scopes: [String] = []
      for repository in Set(needs.map(\.repository)).sorted() {
        let actions = needs.filter { $0.repository == repository }.map(\.permission.rawValue)
        scopes.append("repository:\(repository):\(actions.joined(separator: ","))")
      }
      parts.append(#"scope="\#(scopes.joined(separator: " "))""#)
    }
    if let error { parts.append(#"error="\#(error)""#) }
    return "Bearer \(parts.joined(separator: ","))"
  }

  static let basicChallenge = #"Basic realm="Bulkhead", charset="UTF-8""#

  /// A host that may stand in a header of ours: what a client sent comes back to him.
  private static func isPlain(_ host: String) -> Bool {
    (1...255).contains(host.utf8.count)
      && host.utf8.allSatisfy { byte in
        switch byte {
        case 48...57, 65...90, 97...122: true
        default: "-._:[]".utf8.contains(byte)
        }
      }
  }

  public func record(_ event: RegistryAudit) {
    log(event)
    audit.note(Self.entry(event))
  }

  public func requireRecording() throws { try audit.require() }

  public func recordDurably(_ event: RegistryAudit) throws {
    log(event)
    try audit.commit([Self.entry(event)])
  }

  private static func entry(_ event: RegistryAudit) -> AuditEntry {
    AuditEntry(
      event.action.rawValue, caller: event.caller, project: String(event.repository.prefix { $0 != "/" }),
      repository: event.repository, reference: event.reference, digest: event.digest?.description, from: event.from,
      outcome: event.action == .refused ? .refused : .ok)
  }

  private func log(_ event: RegistryAudit) {
    let level: Logger.Level
    switch event.action {
    case .pullManifest, .pullBlob, .pushBlob, .mountBlob: level = .debug
    case .pushManifest, .deleteTag, .deleteManifest, .deleteBlob, .refused: level = .notice
    }
    logger.log(
      level: level, "registry \(event.action.rawValue)",
      metadata: [
        "caller": "\(event.caller)", "repository": "\(event.repository)", "reference": "\(event.reference)",
        "digest": "\(event.digest?.description ?? "")",
      ])
  }

  /// Who asks; blocks where a password has to be derived. Throws `unauthenticated` for wrong credentials, and for tokens
  /// of the token service, which are for the registry alone.
  func principal(of request: HTTPRequest) async throws -> Principal {
    if request.headers.contains(name: "Authorization") {
      let (name, password) = try Credentials.basic(request.headers)
      // Skopeo, podman and buildah send these when they have none.
      let isEmpty = name.isEmpty && password.isEmpty
      if !isEmpty { return try await signIn(name, password, request) }
    }
    return request.peer == nil ? .anonymous : .localAdministrator
  }

  func signIn(_ name: String, _ password: String, _ request: HTTPRequest) async throws -> Principal {
    do {
      let known = try await accounts.signIn(name: name, password: password, from: request.remoteAddress)
      if known.isFresh { noteSignIn(known.principal, request) }
      return known.principal
    } catch {
      audit.note(
        AuditEntry(
          "login", caller: "", reference: accounts.knows(name) ? name : "", from: request.remoteAddress,
          outcome: .refused))
      throw error
    }
  }

  private func noteSignIn(_ principal: Principal, _ request: HTTPRequest) {
    audit.note(AuditEntry("login", caller: principal.name, from: request.remoteAddress))
  }
}

extension RegistryPermission {
  var action: Role.Action {
    switch self {
    case .pull: .pull
    case .push: .push
    case .delete: .delete
    }
  }
}

/// Reads the `Authorization` header.
enum Credentials {
  private static let maximumBasicBytes = 4_096

  /// Source: RFC 7617.
  static func basic(_ headers: HTTPHeaders) throws -> (name: String, password: String) {
    let value = try single(headers)
    guard value.utf8.count <= maximumBasicBytes, value.lowercased().hasPrefix("basic "),
      let bytes = Data(base64Encoded: String(value.dropFirst(6))), let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
      let name = String(validating: bytes[..<colon], as: UTF8.self),
      let password = String(validating: bytes[(colon + 1)...], as: UTF8.self)
    else {
      throw PlatformError(.unauthenticated, "the credentials are malformed; the basic scheme is understood")
    }
    return (name, password)
  }

  /// The token; nil where the header is of another scheme or not there. Source: RFC 6750, section 2.1.
  static func bearer(_ headers: HTTPHeaders) throws -> String? {
    guard headers.contains(name: "Authorization") else { return nil }
    let value = try single(headers)
    guard value.utf8.count <= BearerTokens.maximumBytes + 7, value.prefix(7).lowercased() == "bearer " else {
      return nil
    }
    return String(value.dropFirst(7))
  }

  private static func single(_ headers: HTTPHeaders) throws -> String {
    let values = headers["Authorization"]
    guard values.count == 1, let value = values.first else {
      throw PlatformError(.unauthenticated, "more than one header 'Authorization'")
    }
    return value
  }
}
