import FoundationEssentials
import Model
import Persistence

extension AccountStore {
  /// Ordered by name; without those that are being removed.
  public func allProjects() -> [Project] {
    look { $0.projects.values.filter { $0.isClosing != true } }.sorted { $0.name < $1.name }
  }

  /// Throws `notFound`.
  public func project(_ name: String) throws -> Project {
    guard let project = look({ $0.projects[name] }), project.isClosing != true else { throw Self.noProject(name) }
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
      try put(project, id: project.name, in: Table.projects)
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

  private func changeProject(_ name: String, _ body: (inout Project, AccountState) throws -> Void) throws {
    try change { state in
      guard var project = state.projects[name], project.isClosing != true else { throw Self.noProject(name) }
      try body(&project, state)
      try put(project, id: name, in: Table.projects)
      state.projects[name] = project
    }
  }

  // MARK: - Removal

  /// Removes a project whose content `body` removes. Nobody may anything in it from before `body` begins, which a mark on
  /// disk tells: where this process ends in between, ``finishRemovals(_:)`` goes on. Where `body` refuses, the project
  /// stays as it was.
  public func removeProject(_ name: String, _ body: () throws -> Void) throws {
    try changeProject(name) { project, _ in project.isClosing = true }
    try finishRemoval(name, body)
  }

  /// Ends what an earlier process began. `body` removes the content of the project that it is given.
  /// - Returns: the names of the projects that are gone, and those that stay since `body` refused.
  public func finishRemovals(_ body: (String) throws -> Void) throws -> (gone: [String], kept: [String]) {
    var (gone, kept): ([String], [String]) = ([], [])
    for name in look({ $0.projects.values.filter { $0.isClosing == true }.map(\.name) }).sorted() {
      do {
        try finishRemoval(name) { try body(name) }
        gone.append(name)
      } catch {
        guard look({ $0.projects[name]?.isClosing != true }) else { throw error }
        kept.append(name)
      }
    }
    return (gone, kept)
  }

  private func finishRemoval(_ name: String, _ body: () throws -> Void) throws {
    do {
      try body()
    } catch {
      try change { state in
        guard var project = state.projects[name] else { throw Self.noProject(name) }
        project.isClosing = nil
        try put(project, id: name, in: Table.projects)
        state.projects[name] = project
      }
      throw error
    }
    try change { state in
      let robots = state.robots.filter { $0.value.robot.project == name }.map(\.key)
      try database.transaction { transaction in
        try transaction.delete(name, in: Table.projects)
        for key in robots { try transaction.delete(key, in: Table.robots) }
      }
      state.projects[name] = nil
      for key in robots { state.removeRobot(key) }
    }
  }
}
