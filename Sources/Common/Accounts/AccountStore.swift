import FoundationEssentials
import LinuxSystem
import Model
import Persistence

/// Users, projects, roles, access tokens and robots. What is asked on the way of a request is answered from memory; a change
/// is on disk before its call returns.
public final class AccountStore: Sendable {
  public static let maximumUsers = 10_000
  public static let maximumProjects = 10_000
  public static let maximumMembers = 1_000
  public static let maximumTokens = 20_000
  public static let maximumTokensOfUser = 100
  public static let maximumRobots = 20_000
  public static let maximumRobotsOfProject = 100
  /// Passwords looked at, or waiting for that, at once; and those of them from one address.
  public static let maximumSignIns = 16
  public static let maximumSignInsOfAddress = 6

  enum Table {
    static let users = "users"
    static let projects = "projects"
    static let tokens = "tokens"
    static let robots = "robots"
  }

  /// The service that tokens of the registry are for.
  public static let service = "bulkhead"

  public let bearers: BearerTokens
  let database: Database
  let now: @Sendable () -> Int64
  private let passwordRounds: Int
  private let state: Locked<AccountState>
  /// Held over a change on disk and in memory.
  private let changing = Locked(())
  private let signIns = SharedSignIns<SignInKey>()
  /// Held while a password is derived: one at a time, which bounds memory and processor time.
  private let deriving = Locked(())
  /// What an unknown user's password is held against, so that the time tells nobody who is known.
  private let decoy: PasswordRecord

  /// - Parameters:
  ///   - passwordRounds: scrypt's N for passwords set from now on, a power of two; nil for what is safe. Tests of other things
  ///     take less.
  ///   - now: seconds since 1970.
  public init(database: Database, passwordRounds: Int? = nil, now: @escaping @Sendable () -> Int64) throws {
    try database.migrate(
      [
        Migration(name: "1-accounts", steps: [.createTable(Table.users), .createTable(Table.projects)]),
        Migration(name: "2-credentials", steps: [.createTable(Table.tokens), .createTable(Table.robots)]),
      ], set: "accounts")
    self.database = database
    self.now = now
    bearers = BearerTokens(audience: Self.service, now: now)
    self.passwordRounds = passwordRounds ?? PasswordRecord.rounds
    decoy = PasswordRecord.ofNobody(rounds: self.passwordRounds)
    var state = AccountState()
    for user in try Self.load(StoredUser.self, Table.users, database) { state.users[user.user.name] = user }
    for project in try Self.load(Project.self, Table.projects, database) { state.projects[project.name] = project }
    for token in try Self.load(StoredToken.self, Table.tokens, database) { state.put(token) }
    for robot in try Self.load(StoredRobot.self, Table.robots, database) { state.put(robot) }
    self.state = Locked(state)
  }

  private static func load<Record: Decodable>(
    _ type: Record.Type, _ table: String, _ database: Database
  ) throws -> [Record] {
    try database.table(table).all().map { try JSONDecoder().decode(type, from: $0.document) }
  }

  // MARK: - Who asks

  private struct SignInKey: Hashable {
    var credentials: Data
    var network: String
  }

  /// `authenticate`; those who bring the same credentials from the same place at the same time share one look at them.
  public func signIn(name: String, password: String, from address: String?) async throws -> SignIn {
    if let known = recall(name: name, password: password, from: address) { return known }
    let key = SignInKey(
      credentials: look { $0.memory.seal(name, password) }, network: TryLimiter.network(address))
    return try await signIns.answer(key) { try authenticate(name: name, password: password, from: address) }
  }

  /// Who has these credentials: a user's name and password, a robot's login and secret, or an access token under whatever
  /// name. Blocks for some 50 ms where a password was not right a moment ago.
  /// - Parameter address: where it comes from; nil for this machine.
  /// - Throws: `unauthenticated`, with the same words for a wrong name and a wrong password; `resourceExhausted` after too
  ///   many wrong ones from that address.
  public func authenticate(name: String, password: String, from address: String?) throws -> SignIn {
    if let known = recall(name: name, password: password, from: address) { return known }
    // A secret has too many bits to be guessed: a wrong one bars nobody and costs nothing.
    if Secret.isLike(password) { throw Self.wrongCredentials }
    try wait(address)
    defer { state.withLock { Self.leave(address, &$0) } }
    let (stored, fits) = try deriving.withLock { _ in
      let (stored, isBarred) = state.withLock {
        ($0.users[name], $0.tries.isBarred(name, from: address, now: now()))
      }
      guard !isBarred else {
        throw PlatformError(.resourceExhausted, "too many wrong passwords from this address; wait five minutes")
      }
      return (stored, try (stored?.password ?? decoy).fits(password))
    }
    return try state.withLock { state in
      // Who it was when the password was looked at: it may have been changed since, or the user been made anew.
      guard fits, let stored, let current = state.users[name], current.password == stored.password else {
        state.tries.failed(name, from: address, now: now())
        throw Self.wrongCredentials
      }
      state.tries.succeeded(name, from: address)
      state.memory.remember(name, password, now: now())
      return SignIn(principal: .user(name, mark: current.mark ?? ""), isFresh: true)
    }
  }

  /// The same where the credentials were right a moment ago, and for all secrets; nil otherwise. Does not block.
  public func recall(name: String, password: String, from address: String?) -> SignIn? {
    if Secret.isLike(password) {
      let secret = SecretHash(password)
      return state.withLock { $0.signIn(name: name, secret, from: address, now: now()) }
    }
    return state.withLock { state in
      guard let known = state.memory.name(name, password, now: now()), let user = state.users[known] else { return nil }
      return SignIn(principal: .user(known, mark: user.mark ?? ""), isFresh: false)
    }
  }

  /// Whether there is a user or a robot with this login.
  public func knows(_ login: String) -> Bool {
    state.withLock { state in
      state.users[login] != nil || RobotName(login: login).map { state.robots[$0.key] != nil } ?? false
    }
  }

  /// Strangers may not fill the threads that others need, nor all the places of those who wait.
  private func wait(_ address: String?) throws {
    let network = TryLimiter.network(address)
    try state.withLock { state in
      let mine = state.waiting[network, default: 0]
      guard mine < Self.maximumSignInsOfAddress, state.waiting.values.reduce(0, +) < Self.maximumSignIns else {
        throw PlatformError(.resourceExhausted, "too many sign-ins at once; try again in a moment")
      }
      state.waiting[network] = mine + 1
    }
  }

  private static func leave(_ address: String?, _ state: inout AccountState) {
    let network = TryLimiter.network(address)
    let count = state.waiting[network, default: 1] - 1
    state.waiting[network] = count > 0 ? count : nil
  }

  private static var wrongCredentials: PlatformError {
    PlatformError(.unauthenticated, "the user name or the password is wrong")
  }

  // MARK: - Who may

  /// Whether somebody may do something in a project; the answer for a project that is not there is the same as for one
  /// that is closed to him. Does not block.
  /// - Parameter repository: the whole name of the repository that it is about; nil for the project as a whole.
  public func allows(
    _ principal: Principal, _ action: Role.Action, in project: String, repository: String? = nil
  ) -> Bool {
    state.withLock { $0.may(principal, action, in: project, repository, now: now()) }
  }

  /// Whether somebody may everything in every project. Does not block.
  public func isAdministrator(_ principal: Principal) -> Bool {
    state.withLock { $0.isAdministrator(principal, now: now()) }
  }

  /// Whether the account is still what it was when somebody signed in: there, not disabled, with that password. Does not
  /// block.
  public func isValid(_ principal: Principal) -> Bool { state.withLock { $0.isValid(principal, now: now()) } }

  // MARK: - For the changes

  func look<Result>(_ body: (AccountState) throws -> Result) rethrows -> Result { try state.withLock { try body($0) } }

  func derive(_ password: String) throws -> PasswordRecord {
    try deriving.withLock { _ in try PasswordRecord(password, rounds: passwordRounds) }
  }

  /// Runs a change over a copy of the state, which counts when the change is on disk; readers are not held up.
  /// - Parameter user: whose credentials are no longer what they were.
  func change<Result>(of user: String? = nil, _ body: (inout AccountState) throws -> Result) throws -> Result {
    try changing.withLock { _ in
      var copy = state.withLock { $0 }
      let result = try body(&copy)
      state.withLock { state in
        state.users = copy.users
        state.projects = copy.projects
        state.tokens = copy.tokens
        state.robots = copy.robots
        state.places = copy.places
        if let user { state.memory.forget(user) }
      }
      return result
    }
  }

  func put(_ value: some Encodable, id: String, in table: String) throws {
    try database.table(table).put(id, document: try JSONEncoder().encode(value))
  }

  /// Writes down when tokens and robots were used last; to be called about once a minute. The host may forget it in a
  /// crash.
  public func writeUses() throws {
    let uses = state.withLock { state in
      let open = state.uses.filter { !$0.value.isWritten }
      for key in open.keys { state.uses[key]?.isWritten = true }
      state.uses = state.uses.filter { now() - $0.value.at < AccountState.signInSeconds || open[$0.key] != nil }
      return open
    }
    guard !uses.isEmpty else { return }
    try change { state in
      var documents: [(id: String, table: String, document: Data)] = []
      for (credential, use) in uses {
        switch credential {
        case .token(let id):
          state.tokens[id]?.token.lastUsedAt = use.at
          if let stored = state.tokens[id] { documents.append((id, Table.tokens, try JSONEncoder().encode(stored))) }
        case .robot(let key):
          state.robots[key]?.robot.lastUsedAt = use.at
          if let stored = state.robots[key] { documents.append((key, Table.robots, try JSONEncoder().encode(stored))) }
        }
      }
      try database.unflushedTransaction { transaction in
        for entry in documents { try transaction.put(entry.id, document: entry.document, in: entry.table) }
      }
    }
  }

  static func noUser(_ name: String) -> PlatformError {
    PlatformError(.notFound, "there is no user '\(name.prefix(80))'")
  }

  static func noProject(_ name: String) -> PlatformError {
    PlatformError(.notFound, "there is no project '\(name.prefix(80))'")
  }
}
