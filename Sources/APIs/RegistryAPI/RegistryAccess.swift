import HTTPServing
import Model
import Registry

/// What somebody may do with the content of a repository.
public enum RegistryPermission: String, Sendable, CaseIterable {
  case pull, push, delete
}

/// What a request needs.
public struct RegistryNeed: Sendable, Hashable {
  public let repository: RepositoryName
  public let permission: RegistryPermission

  public init(_ permission: RegistryPermission, _ repository: RepositoryName) {
    self.repository = repository
    self.permission = permission
  }
}

/// Who asks.
public protocol RegistryCaller: Sendable {
  /// For the audit and as the author of what is pushed.
  var name: String { get }
  var isAnonymous: Bool { get }
  /// Where he is; nil for this machine.
  var address: String? { get }
  /// Whether other credentials could give him more (nobody in particular, or a token of limited scope): a refusal is then
  /// 401 with a challenge, else 403.
  var canStepUp: Bool { get }
  /// Decides by the name alone, whether the repository is there or not. Must not block.
  func may(_ permission: RegistryPermission, _ repository: RepositoryName) -> Bool
  /// Whether the list of all repositories may name it to him. Must not block.
  func maySee(_ repository: RepositoryName) -> Bool
}

extension RegistryAccess {
  public func requireRecording() throws {}
}

extension RegistryCaller {
  public var address: String? { nil }
  public func maySee(_ repository: RepositoryName) -> Bool { may(.pull, repository) }
}

/// Who may do what, as the registry's API asks.
public protocol RegistryAccess: Sendable {
  /// Who asks; nobody in particular where there are no credentials. Throws `PlatformError` (`unauthenticated`) for wrong
  /// ones.
  func authenticate(_ request: HTTPRequest) async throws -> any RegistryCaller
  /// The same on the event loop, which must not block; nil where it takes more than a look.
  func authenticateAtOnce(_ request: HTTPRequest) -> (any RegistryCaller)?
  /// The value of `WWW-Authenticate` for a refusal. `error`: `invalid_token`, `insufficient_scope` (RFC 6750, section
  /// 3.1), or nil.
  func challenge(_ needs: [RegistryNeed], request: HTTPRequest, error: String?) -> String
  /// Writes down what was read, sent or refused, soon. Must not block.
  func record(_ event: RegistryAudit)
  /// Throws `PlatformError` (`unavailable`) while changes cannot be written down; asked before each. Must not block.
  func requireRecording() throws
  /// Writes down what was changed; it is on disk when this returns. May block. What it throws tells that the change was made.
  func recordDurably(_ event: RegistryAudit) throws
}

/// One thing that was done, or refused.
public struct RegistryAudit: Sendable {
  public enum Action: String, Sendable, CaseIterable {
    case pullManifest, pullBlob, pushManifest, pushBlob, mountBlob, deleteTag, deleteManifest, deleteBlob
    /// Somebody lacked a permission or had wrong credentials.
    case refused
  }

  public let action: Action
  /// Empty for wrong credentials.
  public let caller: String
  /// Where he is; nil for this machine.
  public let from: String?
  public let repository: String
  /// A tag or a digest.
  public let reference: String
  public let digest: Digest?

  public init(
    _ action: Action, caller: String, from: String?, repository: String, reference: String, digest: Digest? = nil
  ) {
    self.action = action
    self.caller = caller
    self.from = from
    self.repository = repository
    self.reference = reference
    self.digest = digest
  }
}
