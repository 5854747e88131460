import Accounts
import FoundationEssentials
import HTTPServing
import Logging
import Model
import Registry

/// Who asks the registry and what he may do, by the platform's accounts. Names and passwords come by the basic scheme
/// (RFC 7617); whoever reaches the local socket without any is this machine's administrator.
public struct AccountsAccess: RegistryAccess {
  private let accounts: AccountStore
  private let logger: Logger

  public init(accounts: AccountStore, logger: Logger) {
    self.accounts = accounts
    self.logger = logger
  }

  struct Caller: RegistryCaller {
    let principal: Principal
    let accounts: AccountStore

    var name: String { principal.name }
    var isAnonymous: Bool { principal == .anonymous }
    var canStepUp: Bool { isAnonymous }

    func may(_ permission: RegistryPermission, _ repository: RepositoryName) -> Bool {
      let action: Role.Action =
        switch permission {
        case .pull: .pull
        case .push: .push
        case .delete: .delete
        }
      return accounts.allows(principal, action, in: repository.project)
    }
  }

  public func authenticate(_ request: HTTPRequest) async throws -> any RegistryCaller {
    Caller(principal: try principal(of: request), accounts: accounts)
  }

  public func authenticateAtOnce(_ request: HTTPRequest) -> (any RegistryCaller)? {
    guard request.headers.contains(name: "Authorization") else {
      // On the event loop nothing is known of the process at the other end of a unix socket.
      return request.remoteAddress == nil ? nil : Caller(principal: .anonymous, accounts: accounts)
    }
    guard let (name, password) = try? BasicCredentials.read(request.headers),
      let user = accounts.recall(name: name, password: password)
    else { return nil }
    return Caller(principal: .user(user), accounts: accounts)
  }

  public func challenge(_ needs: [RegistryNeed], request: HTTPRequest, error: String?) -> String {
    #"Basic realm="Bulkhead", charset="UTF-8""#
  }

  public func record(_ event: RegistryAudit) {
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

  /// Who asks; blocks where a password has to be derived. Throws `unauthenticated` for wrong credentials.
  func principal(of request: HTTPRequest) throws -> Principal {
    if request.headers.contains(name: "Authorization") {
      let (name, password) = try BasicCredentials.read(request.headers)
      return .user(try accounts.authenticate(name: name, password: password))
    }
    return request.peer == nil ? .anonymous : .localAdministrator
  }
}

/// Reads the `Authorization` header. Source: RFC 7617.
enum BasicCredentials {
  private static let maximumBytes = 4_096

  static func read(_ headers: HTTPHeaders) throws -> (name: String, password: String) {
    let values = headers["Authorization"]
    guard values.count == 1, let value = values.first, value.utf8.count <= maximumBytes,
      value.lowercased().hasPrefix("basic "), let bytes = Data(base64Encoded: String(value.dropFirst(6))),
      let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
      let name = String(validating: bytes[..<colon], as: UTF8.self),
      let password = String(validating: bytes[(colon + 1)...], as: UTF8.self)
    else {
      throw PlatformError(.unauthenticated, "the credentials are malformed; the basic scheme is understood")
    }
    return (name, password)
  }
}
