/// What a member of a project may do there. Each role may all that the ones before it may.
public enum Role: String, Sendable, Codable, CaseIterable, Comparable {
  case guest, developer, maintainer, admin

  /// Something that is done to a project or what it holds.
  public enum Action: String, Sendable, Codable, CaseIterable {
    case pull, push, delete, manageMembers, manageProject
  }

  /// The one table of rights.
  public func may(_ action: Action) -> Bool {
    switch action {
    case .pull: true
    case .push: self >= .developer
    case .delete: self >= .maintainer
    case .manageMembers, .manageProject: self >= .admin
    }
  }

  private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

  public static func < (left: Role, right: Role) -> Bool { left.rank < right.rank }
}
