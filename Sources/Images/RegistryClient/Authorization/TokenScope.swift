/// What a token is asked for (distribution project, *token scope*): `repository:team/app:pull,push`.
struct TokenScope: Sendable, Hashable, Comparable, CustomStringConvertible {
  enum Action: String, Sendable, Comparable {
    case pull, push, delete
    static func < (left: Action, right: Action) -> Bool { left.rawValue < right.rawValue }
  }

  var description: String

  static func repository(_ path: String, _ actions: Set<Action>) -> TokenScope {
    TokenScope(description: "repository:\(path):\(actions.sorted().map(\.rawValue).joined(separator: ","))")
  }

  static let catalogue = TokenScope(description: "registry:catalog:*")

  static func < (left: TokenScope, right: TokenScope) -> Bool { left.description < right.description }
}
