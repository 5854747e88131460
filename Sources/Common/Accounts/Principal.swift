/// Who asks.
public enum Principal: Sendable, Hashable {
  case anonymous
  /// A process of root's or of the group `bulkhead` on this machine, at the local socket.
  case localAdministrator
  case user(User)

  /// For logs and as the author of what is pushed; empty for nobody in particular.
  public var name: String {
    switch self {
    case .anonymous: ""
    case .localAdministrator: "local administrator"
    case .user(let user): user.name
    }
  }

  public var isAdministrator: Bool {
    switch self {
    case .anonymous: false
    case .localAdministrator: true
    case .user(let user): user.isAdministrator
    }
  }
}
