import Model

struct StoredUser: Codable, Sendable {
  var user: User
  var password: PasswordRecord
  /// Changes with the password. Nil in records of earlier versions.
  var mark: String?
}

struct StoredToken: Codable, Sendable {
  var token: AccessToken
  let secret: SecretHash
}

struct StoredRobot: Codable, Sendable {
  var robot: Robot
  var secret: SecretHash
}

/// All accounts as they are in memory. A pure value; the caller has the clock.
struct AccountState: Sendable {
  enum Credential: Sendable, Hashable {
    case token(String)
    case robot(String)
  }

  struct Use: Sendable {
    var at: Int64
    var from: String?
    var isWritten: Bool
  }

  /// How long a credential of a program goes on as the same sign-in.
  static let signInSeconds: Int64 = 900
  /// How exact the time of the last use is.
  static let useSeconds: Int64 = 60

  var users: [String: StoredUser] = [:]
  var projects: [String: Project] = [:]
  var tokens: [String: StoredToken] = [:]
  var robots: [String: StoredRobot] = [:]
  /// Tokens and robots by the places of their secrets.
  var places: [UInt64: Credential] = [:]

  var uses: [Credential: Use] = [:]
  var memory = CredentialMemory()
  var tries = TryLimiter()
  /// Passwords that wait to be looked at, by the addresses they came from.
  var waiting: [String: Int] = [:]

  // MARK: - Who may

  /// Whether it is still as it was when somebody signed in.
  func isValid(_ principal: Principal, now: Int64) -> Bool {
    switch principal {
    case .anonymous, .localAdministrator: true
    case .user(let name, let mark): users[name].map { ($0.mark ?? "") == mark } ?? false
    case .token(let id, _): token(id, now: now) != nil
    case .robot(let name, let mark): robot(name, mark, now: now) != nil
    }
  }

  func isAdministrator(_ principal: Principal, now: Int64) -> Bool {
    guard isValid(principal, now: now) else { return false }
    switch principal {
    case .anonymous, .robot: return false
    case .localAdministrator: return true
    case .user(let name, _): return users[name]?.user.isAdministrator ?? false
    case .token(let id, let name):
      return tokens[id]?.token.scope == .all && users[name]?.user.isAdministrator ?? false
    }
  }

  func may(
    _ principal: Principal, _ action: Role.Action, in projectName: String, _ repository: String?, now: Int64
  ) -> Bool {
    guard let project = projects[projectName], project.isClosing != true, isValid(principal, now: now) else {
      return false
    }
    if project.isPublic && action == .pull { return true }
    switch principal {
    case .anonymous: return false
    case .localAdministrator: return true
    case .user(let name, _): return user(name, may: action, in: project)
    case .token(let id, let name):
      return (tokens[id]?.token.scope.may(action) ?? false) && user(name, may: action, in: project)
    case .robot(let name, _):
      return name.project == projectName && (robots[name.key]?.robot.may(action, in: repository) ?? false)
    }
  }

  private func user(_ name: String, may action: Role.Action, in project: Project) -> Bool {
    guard let user = users[name]?.user else { return false }
    return user.isAdministrator || (project.members[name]?.may(action) ?? false)
  }

  private func token(_ id: String, now: Int64) -> AccessToken? {
    guard let token = tokens[id]?.token, users[token.user] != nil, !token.isDisabled,
      token.expiresAt.map({ now < $0 }) ?? true
    else { return nil }
    return token
  }

  private func robot(_ name: RobotName, _ mark: String, now: Int64) -> Robot? {
    guard let stored = robots[name.key], stored.secret.mark == mark, !stored.robot.isDisabled,
      now < stored.robot.expiresAt
    else { return nil }
    return stored.robot
  }

  // MARK: - Sign-ins by secrets

  /// Who has this secret; nil for a wrong one and for one that holds no longer. A token works under whatever name.
  mutating func signIn(name: String, _ secret: SecretHash, from address: String?, now: Int64) -> SignIn? {
    guard let credential = places[secret.place] else { return nil }
    let principal: Principal
    switch credential {
    case .token(let id):
      guard let stored = tokens[id], stored.secret.fits(secret) else { return nil }
      principal = .token(id: id, user: stored.token.user)
    case .robot(let key):
      guard let stored = robots[key], stored.secret.fits(secret), stored.robot.login.description == name else {
        return nil
      }
      principal = .robot(stored.robot.login, mark: secret.mark)
    }
    guard isValid(principal, now: now) else { return nil }
    return SignIn(principal: principal, isFresh: use(credential, from: address, now: now))
  }

  /// Notes a use; whether it is one that the audit should know of.
  private mutating func use(_ credential: Credential, from address: String?, now: Int64) -> Bool {
    let last = uses[credential]
    if let last, last.from == address, now - last.at < Self.useSeconds { return false }
    uses[credential] = Use(at: now, from: address, isWritten: false)
    guard let last, last.from == address else { return true }
    return now - last.at >= Self.signInSeconds
  }

  // MARK: - Changes

  mutating func put(_ stored: StoredToken) {
    tokens[stored.token.id] = stored
    places[stored.secret.place] = .token(stored.token.id)
  }

  mutating func put(_ stored: StoredRobot) {
    let key = stored.robot.login.key
    if let old = robots[key] { places[old.secret.place] = nil }
    robots[key] = stored
    places[stored.secret.place] = .robot(key)
  }

  mutating func removeToken(_ id: String) {
    guard let stored = tokens.removeValue(forKey: id) else { return }
    places[stored.secret.place] = nil
  }

  mutating func removeRobot(_ key: String) {
    guard let stored = robots.removeValue(forKey: key) else { return }
    places[stored.secret.place] = nil
  }
}

/// What credentials led to.
public struct SignIn: Sendable, Hashable {
  public let principal: Principal
  /// Not one that goes on: the audit should know of it.
  public let isFresh: Bool
}
