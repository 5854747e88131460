import FoundationEssentials
import LinuxSystem
import Logging
import Model
import RegistryClient

/// Another registry, and who we are there.
public struct ReplicationPeer: Sendable, Hashable, Codable, CustomStringConvertible {
  public var name: String
  /// `HOST` or `HOST:PORT`.
  public var host: String
  public var user: String?
  public var password: String?
  /// True: it may be spoken to by plain HTTP, or with a certificate that nobody vouches for.
  public var isInsecure: Bool?

  public init(name: String, host: String, user: String? = nil, password: String? = nil, isInsecure: Bool? = nil) {
    self.name = name
    self.host = host
    self.user = user
    self.password = password
    self.isInsecure = isInsecure
  }

  private static let maximumBytes = 4_096

  /// Throws `invalidArgument` with field and value.
  func check() throws {
    try ReplicationRule.checkName(name, field: "name")
    do {
      _ = try RegistryHost(host)
    } catch {
      throw ReplicationRule.wrong("host", host, "expected HOST or HOST:PORT")
    }
    guard (user == nil) == (password == nil) else {
      throw PlatformError(.invalidArgument, "a peer has a user with a password, or neither")
    }
    for (field, text) in [("user", user), ("password", password)] {
      guard (text?.utf8.count ?? 0) <= Self.maximumBytes else {
        throw PlatformError(.invalidArgument, "field '\(field)': it has more than \(Self.maximumBytes) bytes")
      }
    }
  }

  /// Without the password, so that no log gets it by accident.
  public var description: String { "\(name) (\(user.map { "\($0)@" } ?? "")\(host))" }

  var credentials: RegistryCredentials {
    guard let user, let password else { return .anonymous }
    return .password(user: user, password: password)
  }

  /// The peer as its user sees it. `change` alters how it is reached.
  func registry(
    by client: RegistryClient, executor: BlockingExecutor, logger: Logger,
    _ change: ((inout RegistrySettings) -> Void)? = nil
  ) throws -> RemoteRegistry {
    let host = try RegistryHost(host)
    guard change != nil || isInsecure == true else { return client.registry(host, credentials: credentials) }
    var settings = client.settings
    if isInsecure == true { settings.insecure.append(host.authority) }
    change?(&settings)
    return RegistryClient(settings: settings, executor: executor, logger: logger)
      .registry(host, credentials: credentials)
  }
}

/// A peer as the database has it.
struct StoredPeer: Codable {
  var name: String
  var host: String
  var user: String?
  var isInsecure: Bool?
  /// The password, sealed for the peer's name.
  var sealedPassword: Data?
  /// As earlier versions wrote it; sealed when the file is opened.
  var password: String?

  init(_ peer: ReplicationPeer, _ seal: PasswordSeal) throws {
    name = peer.name
    host = peer.host
    user = peer.user
    isInsecure = peer.isInsecure
    sealedPassword = try peer.password.map { try seal.seal($0, of: peer.name) }
  }

  func peer(_ seal: PasswordSeal) throws -> ReplicationPeer {
    try ReplicationPeer(
      name: name, host: host, user: user, password: sealedPassword.map { try seal.open($0, of: name) } ?? password,
      isInsecure: isInsecure)
  }
}
