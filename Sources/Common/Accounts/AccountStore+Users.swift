import FoundationEssentials
import Model
import Persistence

extension AccountStore {
  /// Ordered by name.
  public func allUsers() -> [User] { look { $0.users.values.map(\.user) }.sorted { $0.name < $1.name } }

  /// - Throws: `conflict` for a name that is taken, `invalidArgument` for a bad name or password.
  public func addUser(_ user: User, password: String) throws {
    try AccountName.check(user.name, field: "name")
    let stored = StoredUser(user: user, password: try derive(password), mark: Self.freshMark())
    try change { state in
      guard state.users[user.name] == nil else {
        throw PlatformError(.conflict, "there is a user '\(user.name)' already")
      }
      guard state.users.count < Self.maximumUsers else {
        throw PlatformError(.resourceExhausted, "there are \(Self.maximumUsers) users already")
      }
      try put(stored, id: user.name, in: Table.users)
      state.users[user.name] = stored
    }
  }

  /// Old credentials stop to work at once, tokens of the registry made by them, too. Access tokens stay.
  public func setPassword(of name: String, to password: String) throws {
    let record = try derive(password)
    _ = try changeUser(name) { stored in
      stored.password = record
      stored.mark = Self.freshMark()
    }
  }

  public func setAdministrator(_ name: String, _ isAdministrator: Bool) throws -> User {
    try changeUser(name) { $0.user.isAdministrator = isAdministrator }
  }

  private func changeUser(_ name: String, _ body: (inout StoredUser) -> Void) throws -> User {
    try change(of: name) { state in
      guard var stored = state.users[name] else { throw Self.noUser(name) }
      body(&stored)
      try put(stored, id: name, in: Table.users)
      state.users[name] = stored
      return stored.user
    }
  }

  /// Removes a user with his memberships and tokens, so that a later user of that name inherits nothing.
  public func removeUser(_ name: String) throws {
    try change(of: name) { state in
      guard state.users[name] != nil else { throw Self.noUser(name) }
      let touched = state.projects.values.filter { $0.members[name] != nil }.map { project in
        var project = project
        project.members[name] = nil
        return project
      }
      let tokens = state.tokens.values.filter { $0.token.user == name }.map(\.token.id)
      let encoded = try touched.map { ($0.name, try JSONEncoder().encode($0)) }
      try database.transaction { transaction in
        try transaction.delete(name, in: Table.users)
        for (id, document) in encoded { try transaction.put(id, document: document, in: Table.projects) }
        for id in tokens { try transaction.delete(id, in: Table.tokens) }
      }
      state.users[name] = nil
      for project in touched { state.projects[project.name] = project }
      for id in tokens { state.removeToken(id) }
    }
  }

  private static func freshMark() -> String { String(UInt64.random(in: 0 ... .max), radix: 16) }
}
