import Model

/// What an access token is good for, within what its user may.
public enum TokenScope: String, Sendable, Codable, CaseIterable {
  /// Pulling.
  case read
  /// Pulling and pushing.
  case write
  /// All that the user may, his administrator's rights among it.
  case all

  func may(_ action: Role.Action) -> Bool {
    switch self {
    case .read: action == .pull
    case .write: action == .pull || action == .push
    case .all: true
    }
  }
}

/// A personal access token: a user's second password, of less or the same right.
public struct AccessToken: Sendable, Hashable, Codable {
  /// Rises with the time of its making.
  public let id: String
  public let user: String
  public let name: String
  public let scope: TokenScope
  /// Seconds since 1970, as all times here.
  public let createdAt: Int64
  /// Nil: it does not end by itself.
  public let expiresAt: Int64?
  public var isDisabled: Bool
  /// Exact to a minute; what was used within the last minute before a crash may be forgotten.
  public var lastUsedAt: Int64?
}

/// An account of a program, in one project.
public struct Robot: Sendable, Hashable, Codable {
  public static let actions: [Role.Action] = [.pull, .push, .delete]

  public let project: String
  public let name: String
  public let actions: [Role.Action]
  /// Pattern over whole names of repositories (`team/app*`); nil for all of the project.
  public let repositories: String?
  public let createdAt: Int64
  public let expiresAt: Int64
  public var isDisabled: Bool
  public var lastUsedAt: Int64?

  public var login: RobotName { RobotName(project: project, name: name) }

  func may(_ action: Role.Action, in repository: String?) -> Bool {
    guard actions.contains(action) else { return false }
    guard let repositories else { return true }
    // Of a project as a whole, only a robot for all of it may something.
    return repository.map { GlobPattern.matches(repositories, $0) } ?? false
  }
}

/// How long something holds.
enum Lifetime {
  static let days = 1...3_650
  static let secondsInDay: Int64 = 86_400

  /// Throws `invalidArgument`.
  static func end(afterDays days: Int, now: Int64) throws -> Int64 {
    guard Self.days.contains(days) else {
      throw PlatformError(
        .invalidArgument,
        "field 'expiresInDays': '\(days)' is no number from \(Self.days.lowerBound) to \(Self.days.upperBound)")
    }
    return now + Int64(days) * secondsInDay
  }
}
