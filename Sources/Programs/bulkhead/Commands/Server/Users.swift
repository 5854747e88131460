import ArgumentParser

struct UserGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "user", abstract: "Users of the server.",
    subcommands: [UserList.self, UserCreate.self, UserPassword.self, UserAdministrator.self, UserRemove.self])
}

struct UserList: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List users.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var list: ShowOptions

  func run() throws {
    var listing = Listing([("NAME", "Name"), ("ADMINISTRATOR", "Administrator")], identity: "Name")
    for user in try connection.connect().list("/users") {
      listing.add(["Name": user["name"], "Administrator": user["isAdministrator"]])
    }
    try list.show(listing)
  }
}

struct UserCreate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Make a user; the password is asked for.")
  @OptionGroup var connection: ServerOptions
  @Flag(help: "May everything, in every project.") var admin = false
  @Flag(help: "Take the password from standard input.") var passwordStdin = false
  @Argument(help: "The name.") var name: String

  func run() throws {
    let server = try connection.connect()
    let password = try Prompt.password(fromInput: passwordStdin, isNew: true)
    let user = try server.call(
      .post, "/users",
      json: ["name": .string(name), "password": .string(password), "isAdministrator": .bool(admin)])
    print(user.text("name"))
  }
}

struct UserPassword: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "passwd", abstract: "Give a user another password; it is asked for.")
  @OptionGroup var connection: ServerOptions
  @Flag(help: "Take the password from standard input.") var passwordStdin = false
  @Argument(help: "The user.") var name: String

  func run() throws {
    let server = try connection.connect()
    let password = try Prompt.password(fromInput: passwordStdin, isNew: true)
    try server.call(.put, try Server.path("users", name, "password"), json: ["password": .string(password)])
  }
}

struct UserAdministrator: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "admin", abstract: "Make users administrators of the server, or no longer.")
  @OptionGroup var connection: ServerOptions
  @Flag(help: "Take the right away.") var revoke = false
  @Argument(help: "Users.") var names: [String]

  func run() throws {
    let server = try connection.connect()
    try server.each(names) { name throws(ClientError) in
      try server.call(.patch, try Server.path("users", name), json: ["isAdministrator": .bool(!revoke)])
    }
  }
}

struct UserRemove: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "rm", abstract: "Remove users.")
  @OptionGroup var connection: ServerOptions
  @Argument(help: "Users.") var names: [String]

  func run() throws {
    let server = try connection.connect()
    try server.each(names) { name throws(ClientError) in
      try server.call(.delete, try Server.path("users", name))
    }
  }
}
