/// Who asks. What somebody may is looked up at each question, never carried along: what was taken from him is gone at once.
public enum Principal: Sendable, Hashable {
  case anonymous
  /// A process of root's or of the group `bulkhead` on this machine, at the local socket.
  case localAdministrator
  /// Signed in by his password. `mark`: what the account was then; it changes with the password, and a later user of
  /// that name has another one.
  case user(String, mark: String)
  /// A user who acts by one of his access tokens.
  case token(id: String, user: String)
  /// `mark` changes with the secret.
  case robot(RobotName, mark: String)

  /// For logs and as the author of what is pushed; empty for nobody in particular.
  public var name: String {
    switch self {
    case .anonymous: ""
    case .localAdministrator: "local administrator"
    case .user(let name, _), .token(_, let name): name
    case .robot(let name, _): name.description
    }
  }

  /// Whether this user signed in by his password itself.
  public func isSignedIn(as name: String) -> Bool {
    if case .user(name, _) = self { true } else { false }
  }
}

/// The login of a robot account: `robot$PROJECT+NAME`.
public struct RobotName: Sendable, Hashable, CustomStringConvertible {
  static let prefix = "robot$"

  public let project: String
  public let name: String

  public init(project: String, name: String) {
    self.project = project
    self.name = name
  }

  /// Nil for what is no robot's login.
  public init?(login: String) {
    guard login.hasPrefix(Self.prefix), let plus = login.firstIndex(of: "+") else { return nil }
    let project = login[..<plus].dropFirst(Self.prefix.count)
    self.init(project: String(project), name: String(login[login.index(after: plus)...]))
  }

  public var description: String { "\(Self.prefix)\(project)+\(name)" }
  /// How records are ordered: the robots of a project one after the other.
  var key: String { "\(project)/\(name)" }
}
