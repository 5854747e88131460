import Crypto
import FoundationEssentials
import Model

/// Short-lived tokens of the registry, as docker's token service hands them out. A token is what it says, sealed under a key
/// of this process (HMAC-SHA256): nothing is stored for it, no other algorithm is understood, and none outlives the process.
/// What it says only narrows what its account may at the moment of use.
public struct BearerTokens: Sendable {
  public static let lifeSeconds: Int64 = 300
  public static let maximumBytes = 8 << 10
  public static let maximumScopes = 16
  private static let sealBytes = 32

  /// What a token is for.
  public struct Claims: Sendable, Hashable {
    public let principal: Principal
    /// What it may be used for, by whole names of repositories.
    public var actions: [String: Set<Role.Action>] = [:]
    /// For the list of all repositories that the account may see.
    public var mayList = false

    public init(_ principal: Principal) { self.principal = principal }
  }

  private let key = SymmetricKey(size: .bits256)
  private let audience: String
  private let now: @Sendable () -> Int64

  /// - Parameters:
  ///   - audience: the service that the tokens are for; others are refused.
  ///   - now: seconds since 1970.
  init(audience: String, now: @escaping @Sendable () -> Int64) {
    self.audience = audience
    self.now = now
  }

  /// Throws `invalidArgument` for the local administrator, who needs none.
  public func issue(_ claims: Claims) throws -> String {
    // None of these holds the end of a line.
    let who: [String]
    switch claims.principal {
    case .anonymous: who = ["anonymous", "", ""]
    case .localAdministrator:
      throw PlatformError(.invalidArgument, "the local socket needs no token: send no credentials")
    case .user(let name, let mark): who = ["user", name, mark]
    case .token(let id, let user): who = ["token", id, user]
    case .robot(let name, let mark): who = ["robot", name.description, mark]
    }
    var lines = [audience, String(now() + Self.lifeSeconds)] + who + [claims.mayList ? "list" : ""]
    for (repository, actions) in claims.actions.sorted(by: { $0.key < $1.key }) {
      lines.append(([repository] + actions.map(\.rawValue).sorted()).joined(separator: " "))
    }
    let text = Data(lines.joined(separator: "\n").utf8)
    return (Data(HMAC<SHA256>.authenticationCode(for: text, using: key)) + text).base64EncodedString()
  }

  /// What a token says; nil for one that is not ours, is over, or is for another service. Whether its account is still
  /// there is to be asked elsewhere.
  public func read(_ token: String) -> Claims? {
    guard token.utf8.count <= Self.maximumBytes, let bytes = Data(base64Encoded: token),
      bytes.count > Self.sealBytes, bytes.base64EncodedString() == token
    else { return nil }
    let text = bytes.dropFirst(Self.sealBytes)
    // Compares in constant time.
    guard HMAC<SHA256>.isValidAuthenticationCode(bytes.prefix(Self.sealBytes), authenticating: text, using: key)
    else { return nil }
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count >= 6, lines[0] == audience, let end = Int64(lines[1]), now() < end,
      let principal = Self.principal(lines[2], String(lines[3]), String(lines[4]))
    else { return nil }
    var claims = Claims(principal)
    claims.mayList = lines[5] == "list"
    for line in lines.dropFirst(6) {
      let words = line.split(separator: " ")
      guard let repository = words.first else { return nil }
      claims.actions[String(repository)] = Set(words.dropFirst().compactMap { Role.Action(rawValue: String($0)) })
    }
    return claims
  }

  private static func principal(_ kind: Substring, _ subject: String, _ mark: String) -> Principal? {
    switch kind {
    case "anonymous": .anonymous
    case "user": .user(subject, mark: mark)
    case "token": .token(id: subject, user: mark)
    case "robot": RobotName(login: subject).map { .robot($0, mark: mark) }
    default: nil
    }
  }
}
