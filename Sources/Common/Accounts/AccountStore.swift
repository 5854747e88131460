import FoundationEssentials
import Model
import Persistence
import Synchronization

/// Users, projects and roles. What is asked on the way of a request is answered from memory; a change is on disk before its
/// call returns.
public final class AccountStore: Sendable {
  public static let maximumUsers = 10_000
  public static let maximumProjects = 10_000
  public static let maximumMembers = 1_000
  /// Passwords looked at, or waiting for that, at once.
  public static let maximumSignIns = 16

  private struct StoredUser: Codable, Sendable {
    var user: User
    var password: PasswordRecord
  }

  private struct State {
    var users: [String: StoredUser] = [:]
    var projects: [String: Project] = [:]
    var memory = CredentialMemory()
    var tries = TryLimiter()
  }

  private static let users = "users"
  private static let projects = "projects"

  private let database: Database
  private let state: Mutex<State>
  /// Held over a change on disk and in memory.
  private let changing = Mutex(())
  /// Held while a password is derived: one at a time, which bounds memory and processor time.
  private let deriving = Mutex(())
  /// Passwords that wait to be looked at, or are.
  private let signIns = Atomic<Int>(0)
  /// What an unknown user's password is held against, so that the time tells nobody who is known.
  private let decoy: PasswordRecord
  private let now: @Sendable () -> Int64

  /// - Parameter now: seconds since 1970.
  public init(database: Database, now: @escaping @Sendable () -> Int64) throws {
    try database.migrate(
      [Migration(name: "1-accounts", steps: [.createTable(Self.users), .createTable(Self.projects)])], set: "accounts")
    self.database = database
    self.now = now
    decoy = try PasswordRecord("a password of nobody")
    var state = State()
    for document in try database.table(Self.users).all() {
      state.users[document.id] = try JSONDecoder().decode(StoredUser.self, from: document.document)
    }
    for document in try database.table(Self.projects).all() {
      state.projects[document.id] = try JSONDecoder().decode(Project.self, from: document.document)
    }
    self.state = Mutex(state)
  }

  // MARK: - Who asks

  /// The user whose password this is. Blocks for some 50 ms where the credentials were not right a moment ago.
  /// - Throws: `unauthenticated`, with the same words for a wrong name and a wrong password; `resourceExhausted` after too
  ///   many wrong ones for a name.
  public func authenticate(name: String, password: String) throws -> User {
    if let user = recall(name: name, password: password) { return user }
    // Strangers may not fill the threads that others need.
    let waiting = signIns.add(1, ordering: .relaxed).newValue
    defer { signIns.subtract(1, ordering: .relaxed) }
    guard waiting <= Self.maximumSignIns else {
      throw PlatformError(.resourceExhausted, "too many sign-ins at once; try again in a moment")
    }
    let (stored, fits) = try deriving.withLock { _ in
      let (stored, isBarred) = state.withLock { ($0.users[name], $0.tries.isBarred(name, now: now())) }
      guard !isBarred else {
        throw PlatformError(.resourceExhausted, "too many wrong passwords for this user; wait five minutes")
      }
      return (stored, try (stored?.password ?? decoy).fits(password))
    }
    return try state.withLock { state in
      // Who it was when the password was looked at: it may have been changed since, or the user been made anew.
      guard fits, let stored, let current = state.users[name], current.password == stored.password else {
        state.tries.failed(name, now: now())
        throw PlatformError(.unauthenticated, "the user name or the password is wrong")
      }
      state.tries.succeeded(name)
      state.memory.remember(name, password, now: now())
      return current.user
    }
  }

  /// The same where the credentials were right a moment ago; nil otherwise. Does not block.
  public func recall(name: String, password: String) -> User? {
    state.withLock { state in
      guard let known = state.memory.name(name, password, now: now()) else { return nil }
      return state.users[known]?.user
    }
  }

  /// Whether somebody may do something in a project; the answer for a project that is not there is the same as for one
  /// that is closed to him. Does not block.
  public func allows(_ principal: Principal, _ action: Role.Action, in project: String) -> Bool {
    guard let project = state.withLock({ $0.projects[project] }) else { return false }
    if principal.isAdministrator || (project.isPublic && action == .pull) { return true }
    guard case .user(let user) = principal else { return false }
    return project.members[user.name]?.may(action) ?? false
  }

  // MARK: - Users

  public func allUsers() -> [User] { state.withLock { $0.users.values.map(\.user) }.sorted { $0.name < $1.name } }

  /// - Throws: `conflict` for a name that is taken, `invalidArgument` for a bad name or password.
  public func addUser(_ user: User, password: String) throws {
    try AccountName.check(user.name, field: "name")
    let record = try deriving.withLock { _ in try PasswordRecord(password) }
    try change { state in
      guard state.users[user.name] == nil else {
        throw PlatformError(.conflict, "there is a user '\(user.name)' already")
      }
      guard state.users.count < Self.maximumUsers else {
        throw PlatformError(.resourceExhausted, "there are \(Self.maximumUsers) users already")
      }
      try put(StoredUser(user: user, password: record), id: user.name, in: Self.users)
      state.users[user.name] = StoredUser(user: user, password: record)
    }
  }

  /// Old credentials stop to work at once.
  public func setPassword(of name: String, to password: String) throws {
    let record = try deriving.withLock { _ in try PasswordRecord(password) }
    try change(of: name) { state in
      guard var stored = state.users[name] else { throw Self.noUser(name) }
      stored.password = record
      try put(stored, id: name, in: Self.users)
      state.users[name] = stored
    }
  }

  /// Removes a user and his memberships, so that a later user of that name inherits nothing.
  public func removeUser(_ name: String) throws {
    try change(of: name) { state in
      guard state.users[name] != nil else { throw Self.noUser(name) }
      let touched = state.projects.values.filter { $0.members[name] != nil }.map { project in
        var project = project
        project.members[name] = nil
        return project
      }
      let encoded = try touched.map { ($0.name, try JSONEncoder().encode($0)) }
      try database.transaction { transaction in
        try transaction.delete(name, in: Self.users)
        for (id, document) in encoded { try transaction.put(id, document: document, in: Self.projects) }
      }
      state.users[name] = nil
      for project in touched { state.projects[project.name] = project }
    }
  }

  // MARK: - Projects

  public func allProjects() -> [Project] { state.withLock { Array($0.projects.values) }.sorted { $0.name < $1.name } }

  /// Throws `notFound`.
  public func project(_ name: String) throws -> Project {
    guard let project = state.withLock({ $0.projects[name] }) else { throw Self.noProject(name) }
    return project
  }

  public func addProject(_ project: Project) throws {
    try AccountName.check(project.name, field: "name")
    try change { state in
      guard state.projects[project.name] == nil else {
        throw PlatformError(.conflict, "there is a project '\(project.name)' already")
      }
      guard state.projects.count < Self.maximumProjects else {
        throw PlatformError(.resourceExhausted, "there are \(Self.maximumProjects) projects already")
      }
      try put(project, id: project.name, in: Self.projects)
      state.projects[project.name] = project
    }
  }

  public func setPublic(_ name: String, _ isPublic: Bool) throws {
    try changeProject(name) { project, _ in project.isPublic = isPublic }
  }

  /// Gives a user a role in a project; nil takes it from him.
  public func setMember(_ user: String, of name: String, to role: Role?) throws {
    try changeProject(name) { project, state in
      guard state.users[user] != nil else { throw Self.noUser(user) }
      guard role == nil || project.members.count < Self.maximumMembers || project.members[user] != nil else {
        throw PlatformError(.resourceExhausted, "a project has at most \(Self.maximumMembers) members")
      }
      project.members[user] = role
    }
  }

  public func removeProject(_ name: String) throws {
    try change { state in
      guard state.projects[name] != nil else { throw Self.noProject(name) }
      _ = try database.table(Self.projects).delete(name)
      state.projects[name] = nil
    }
  }

  // MARK: - Changes

  private func changeProject(_ name: String, _ body: (inout Project, State) throws -> Void) throws {
    try change { state in
      guard var project = state.projects[name] else { throw Self.noProject(name) }
      try body(&project, state)
      try put(project, id: name, in: Self.projects)
      state.projects[name] = project
    }
  }

  /// Runs a change over a copy of the state, which counts when the change is on disk; readers are not held up.
  /// - Parameter user: whose credentials are no longer what they were.
  private func change(of user: String? = nil, _ body: (inout State) throws -> Void) throws {
    try changing.withLock { _ in
      var copy = state.withLock { $0 }
      try body(&copy)
      state.withLock { state in
        state.users = copy.users
        state.projects = copy.projects
        if let user { state.memory.forget(user) }
      }
    }
  }

  private func put(_ value: some Encodable, id: String, in table: String) throws {
    try database.table(table).put(id, document: try JSONEncoder().encode(value))
  }

  private static func noUser(_ name: String) -> PlatformError {
    PlatformError(.notFound, "there is no user '\(name.prefix(80))'")
  }

  private static func noProject(_ name: String) -> PlatformError {
    PlatformError(.notFound, "there is no project '\(name.prefix(80))'")
  }
}
