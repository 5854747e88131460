import ArgumentParser

struct ProjectGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "project", abstract: "Projects of the registry: who may what in them, and what is kept.",
    subcommands: [
      ProjectList.self, ProjectCreate.self, ProjectInspect.self, ProjectUpdate.self, ProjectRemove.self,
      MemberGroup.self, ProjectSettings.self, ProjectUsage.self, ProjectRetention.self,
    ])
}

/// Who may pull without being a member.
enum Visibility: String, EnumerableFlag {
  case `public`, `private`

  static func help(for value: Visibility) -> ArgumentHelp? {
    value == .public ? "Everybody may pull." : "Members only."
  }
}

struct ProjectList: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List projects.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var list: ShowOptions

  func run() throws {
    var listing = Listing(
      [("NAME", "Name"), ("ACCESS", "Access"), ("MEMBERS", "Members"), ("KIND", "Kind")], identity: "Name")
    for project in try connection.connect().list("/projects") {
      listing.add([
        "Name": project["name"], "Access": project["isPublic"].bool == true ? "public" : "private",
        "Members": .int(project["members"].members.count), "Kind": project["cache"].isNull ? "own" : "cache",
      ])
    }
    try list.show(listing)
  }
}

struct ProjectCreate: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "create", abstract: "Make a project.")
  @OptionGroup var connection: ServerOptions
  @Flag(exclusivity: .exclusive) var visibility: Visibility = .private
  @Option(help: "Bytes that it may hold, such as 20g; no bound when not given.") var quota: String?
  @Option(help: "Make it a cache of this peer (see 'replication peer').") var cache: String?
  @Option(help: "What stands at the peer in place of the project's name, for a cache.") var remotePath: String?
  @Argument(help: "Its name.") var name: String

  func run() throws {
    if remotePath != nil, cache == nil { throw ClientError.usage("--remote-path needs --cache") }
    let bytes = try quota.map { text throws(ClientError) in try ProjectSettings.bytes(text) }
    var body: JSONValue = ["name": .string(name), "isPublic": .bool(visibility == .public)]
    if let cache {
      body["cache"] = ["peer": .string(cache)]
      body["cache"].set("remotePath", remotePath)
    }
    let server = try connection.connect()
    let made = try server.call(.post, "/projects", json: body)
    do {
      if cache != nil, made["cache"].isNull { throw ClientError("this server makes no cache projects") }
      if let bytes {
        try server.call(
          .put, try Server.path("projects", name, "settings"),
          json: ["quotaBytes": .int(bytes), "immutability": [], "retention": []])
      }
    } catch {
      // A project without the bound that was asked for is none.
      try server.call(.delete, try Server.path("projects", name))
      throw error
    }
    print(made.text("name"))
  }
}

struct ProjectInspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect", abstract: "Show all there is to know about a project.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var details: DetailOptions
  @Argument(help: "Names.") var names: [String]

  func run() throws {
    let server = try connection.connect()
    for name in names { try details.show(try server.call(.get, try Server.path("projects", name))) }
  }
}

struct ProjectUpdate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "update", abstract: "Open projects to everybody, or close them.",
    usage: "bulkhead project update [--server <server>] (--public | --private) <names> ...")
  @OptionGroup var connection: ServerOptions
  @Flag(exclusivity: .exclusive) var visibility: Visibility
  @Argument(help: "Names.") var names: [String]

  func run() throws {
    let server = try connection.connect()
    try server.each(names) { name throws(ClientError) in
      try server.call(
        .patch, try Server.path("projects", name), json: ["isPublic": .bool(visibility == .public)])
    }
  }
}

struct ProjectRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove projects that hold no repositories.")
  @OptionGroup var connection: ServerOptions
  @Argument(help: "Names.") var names: [String]

  func run() throws {
    let server = try connection.connect()
    try server.each(names) { name throws(ClientError) in
      try server.call(.delete, try Server.path("projects", name))
    }
  }
}

// MARK: - Members

struct MemberGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "member", abstract: "Who belongs to a project, and as what.",
    subcommands: [MemberList.self, MemberSet.self, MemberRemove.self])
}

struct MemberList: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List a project's members.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var list: ShowOptions
  @Argument(help: "The project.") var project: String

  func run() throws {
    let found = try connection.connect().call(.get, try Server.path("projects", project))
    var listing = Listing([("USER", "User"), ("ROLE", "Role")], identity: "User")
    for member in found["members"].members.sorted(by: { $0.name < $1.name }) {
      listing.add(["User": .string(member.name), "Role": member.value])
    }
    try list.show(listing)
  }
}

struct MemberSet: ParsableCommand {
  enum Role: String, ExpressibleByArgument, CaseIterable { case guest, developer, maintainer, admin }

  static let configuration = CommandConfiguration(
    commandName: "set", abstract: "Make a user a member of a project, or give a member another role.",
    discussion: "guest: pull; developer: push, too; maintainer: delete, too; admin: members and settings, too.")
  @OptionGroup var connection: ServerOptions
  @Argument(help: "The project.") var project: String
  @Argument(help: "The user.") var user: String
  @Argument(help: "guest, developer, maintainer or admin.") var role: Role

  func run() throws {
    try connection.connect().call(
      .put, try Server.path("projects", project, "members", user), json: ["role": .string(role.rawValue)])
  }
}

struct MemberRemove: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "rm", abstract: "Take users out of a project.")
  @OptionGroup var connection: ServerOptions
  @Argument(help: "The project.") var project: String
  @Argument(help: "Users.") var users: [String]

  func run() throws {
    let server = try connection.connect()
    try server.each(users) { user throws(ClientError) in
      try server.call(.delete, try Server.path("projects", project, "members", user))
    }
  }
}
