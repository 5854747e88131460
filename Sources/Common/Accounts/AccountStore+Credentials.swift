import FoundationEssentials
import Model
import Persistence

extension AccountStore {
  // MARK: - Access tokens

  /// A user's tokens, or all; ordered by id. Throws `notFound` for a user who is not there.
  public func tokens(of user: String?) throws -> [AccessToken] {
    try look { state in
      if let user, state.users[user] == nil { throw Self.noUser(user) }
      return state.tokens.values.map(\.token).filter { user == nil || $0.user == user }.map { token in
        var token = token
        if let use = state.uses[.token(token.id)] { token.lastUsedAt = use.at }
        return token
      }
    }.sorted { $0.id < $1.id }
  }

  /// Makes a token; its secret is told this once.
  /// - Throws: `invalidArgument`, `notFound`, `conflict` for a name that the user has a token of already,
  ///   `resourceExhausted`.
  public func addToken(
    _ name: String, of user: String, scope: TokenScope, expiresInDays: Int?
  ) throws -> (token: AccessToken, secret: String) {
    try AccountName.check(name, field: "name")
    let secret = Secret(.token)
    let createdAt = now()
    let token = AccessToken(
      id: Self.tokenID(at: createdAt), user: user, name: name, scope: scope, createdAt: createdAt,
      expiresAt: try expiresInDays.map { try Lifetime.end(afterDays: $0, now: createdAt) }, isDisabled: false)
    try change { state in
      guard state.users[user] != nil else { throw Self.noUser(user) }
      let mine = state.tokens.values.filter { $0.token.user == user }
      guard !mine.contains(where: { $0.token.name == name }) else {
        throw PlatformError(.conflict, "user '\(user)' has a token '\(name)' already")
      }
      guard mine.count < Self.maximumTokensOfUser, state.tokens.count < Self.maximumTokens else {
        throw PlatformError(
          .resourceExhausted,
          "a user has at most \(Self.maximumTokensOfUser) tokens, all together \(Self.maximumTokens): remove some")
      }
      let stored = StoredToken(token: token, secret: secret.hash)
      guard state.places[stored.secret.place] == nil, state.tokens[token.id] == nil else {
        throw PlatformError(.unavailable, "no free place for the token was drawn; try again")
      }
      try put(stored, id: token.id, in: Table.tokens)
      state.put(stored)
    }
    return (token, secret.text)
  }

  /// Throws `notFound`.
  public func token(_ id: String) throws -> AccessToken {
    guard let stored = look({ $0.tokens[id] }) else { throw Self.noToken(id) }
    return stored.token
  }

  /// A token that is disabled is refused at once, until it is enabled again.
  public func setTokenDisabled(_ id: String, _ isDisabled: Bool) throws -> AccessToken {
    try change { state in
      guard var stored = state.tokens[id] else { throw Self.noToken(id) }
      stored.token.isDisabled = isDisabled
      try put(stored, id: id, in: Table.tokens)
      state.put(stored)
      return stored.token
    }
  }

  public func removeToken(_ id: String) throws {
    try change { state in
      guard state.tokens[id] != nil else { throw Self.noToken(id) }
      try database.table(Table.tokens).delete(id)
      state.removeToken(id)
    }
  }

  private static func tokenID(at seconds: Int64) -> String {
    func padded(_ number: UInt64, _ digits: Int) -> String {
      let text = String(number, radix: 16)
      return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
    return padded(UInt64(max(0, seconds)), 10) + padded(UInt64(UInt32.random(in: 0 ... .max)), 8)
  }

  private static func noToken(_ id: String) -> PlatformError {
    PlatformError(.notFound, "there is no token '\(id.prefix(80))'")
  }

  // MARK: - Robots

  /// The robots of a project, ordered by name. Throws `notFound` for a project that is not there.
  public func robots(of project: String) throws -> [Robot] {
    _ = try self.project(project)
    return look { state in
      state.robots.filter { $0.value.robot.project == project }.map { key, stored in
        var robot = stored.robot
        if let use = state.uses[.robot(key)] { robot.lastUsedAt = use.at }
        return robot
      }
    }.sorted { $0.name < $1.name }
  }

  /// Makes a robot; its secret is told this once.
  public func addRobot(
    _ name: String, in project: String, actions: [Role.Action], repositories: String?, expiresInDays: Int
  ) throws -> (robot: Robot, secret: String) {
    try AccountName.check(name, field: "name")
    guard !actions.isEmpty, Set(actions).isSubset(of: Robot.actions) else {
      throw PlatformError(
        .invalidArgument, "field 'actions': some of \(Robot.actions.map(\.rawValue).joined(separator: ", ")) are needed"
      )
    }
    guard !actions.contains(.push) || actions.contains(.pull) else {
      throw PlatformError(
        .invalidArgument, "field 'actions': push needs pull, too, as clients ask what is there before they send it")
    }
    if let repositories { try Self.check(pattern: repositories, of: project) }
    let secret = Secret(.robot)
    let createdAt = now()
    let robot = Robot(
      project: project, name: name, actions: Robot.actions.filter(actions.contains), repositories: repositories,
      createdAt: createdAt, expiresAt: try Lifetime.end(afterDays: expiresInDays, now: createdAt), isDisabled: false)
    try change { state in
      guard let owner = state.projects[project], owner.isClosing != true else { throw Self.noProject(project) }
      let key = robot.login.key
      guard state.robots[key] == nil else {
        throw PlatformError(.conflict, "project '\(project)' has a robot '\(name)' already")
      }
      guard state.robots.count < Self.maximumRobots,
        state.robots.values.count(where: { $0.robot.project == project }) < Self.maximumRobotsOfProject
      else {
        throw PlatformError(
          .resourceExhausted,
          "a project has at most \(Self.maximumRobotsOfProject) robots, all together \(Self.maximumRobots): remove some"
        )
      }
      let stored = StoredRobot(robot: robot, secret: secret.hash)
      try put(stored, id: key, in: Table.robots)
      state.put(stored)
    }
    return (robot, secret.text)
  }

  public func setRobotDisabled(_ name: RobotName, _ isDisabled: Bool) throws -> Robot {
    try changeRobot(name) { $0.robot.isDisabled = isDisabled }
  }

  /// Gives a robot another secret; the old one stops to work at once.
  public func renewRobot(_ name: RobotName) throws -> (robot: Robot, secret: String) {
    let secret = Secret(.robot)
    return (try changeRobot(name) { $0.secret = secret.hash }, secret.text)
  }

  public func removeRobot(_ name: RobotName) throws {
    try change { state in
      guard state.robots[name.key] != nil else { throw Self.noRobot(name) }
      try database.table(Table.robots).delete(name.key)
      state.removeRobot(name.key)
    }
  }

  private func changeRobot(_ name: RobotName, _ body: (inout StoredRobot) -> Void) throws -> Robot {
    try change { state in
      guard var stored = state.robots[name.key] else { throw Self.noRobot(name) }
      body(&stored)
      try put(stored, id: name.key, in: Table.robots)
      state.put(stored)
      return stored.robot
    }
  }

  private static func check(pattern: String, of project: String) throws {
    guard GlobPattern.isPattern(pattern) else {
      throw PlatformError(
        .invalidArgument,
        "field 'repositories': a pattern has 1 to \(GlobPattern.maximumBytes) printable characters")
    }
    let fixed = pattern.prefix { $0 != "*" && $0 != "?" }
    guard fixed.hasPrefix(project + "/") || (fixed.count < pattern.count && (project + "/").hasPrefix(fixed)) else {
      throw PlatformError(
        .invalidArgument,
        "field 'repositories': '\(pattern)' means no repository of project '\(project)'; a pattern is over whole names, as in "
          + "'\(project)/app*'")
    }
  }

  private static func noRobot(_ name: RobotName) -> PlatformError {
    PlatformError(.notFound, "there is no robot '\(name.description.prefix(140))'")
  }
}
