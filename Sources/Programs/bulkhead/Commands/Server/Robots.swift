import ArgumentParser

struct RobotGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "robot", abstract: "Accounts of a project for programs, with a few rights and an end.",
    subcommands: [
      RobotList.self, RobotCreate.self, RobotRemove.self, RobotDisable.self, RobotEnable.self, RobotRenew.self,
    ])
}

struct RobotList: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List a project's robots.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var list: ShowOptions
  @Argument(help: "The project.") var project: String

  func run() throws {
    var listing = Listing(
      columns: [
        .init("NAME", "Name"), .init("LOGIN", "Login"), .init("MAY", "Actions"),
        .init("REPOSITORIES", "Repositories"), .init("EXPIRES", "Expires"),
        .init("LAST USED", "LastUsed", absent: "never"), .init("STATE", "State"),
      ], identity: "Name")
    for robot in try connection.connect().list(try Server.path("projects", project, "robots")) {
      listing.add([
        "Name": robot["name"], "Login": robot["login"], "Actions": robot["actions"],
        "Repositories": robot["repositories"].isNull ? "*" : robot["repositories"], "Created": robot["createdAt"].time,
        "Expires": robot["expiresAt"].time,
        "LastUsed": robot["lastUsedAt"].time, "State": .string(robot.enabledState),
      ])
    }
    try list.show(listing)
  }
}

extension JSONValue {
  /// Whether a robot or token is refused.
  var enabledState: String { self["isDisabled"].bool == true ? "disabled" : "enabled" }
}

/// How a secret is shown that is told once.
struct SecretOptions: ParsableArguments {
  @Option(help: "json, or a template such as '{{.secret}}'.") var format: String?
  @Flag(name: .shortAndLong, help: "The secret only.") var quiet = false

  func validate() throws { try Template.check(format) }

  /// Prints fields by their titles, and the secret last.
  func show(_ answer: JSONValue, _ fields: [(String, String)]) throws(ClientError) {
    if let format, format != "json" {
      do { print(try Template(parsing: format).render(answer)) } catch {
        // What is told this once must not be lost by a field that there is not.
        print(answer.compact)
        throw error
      }
    } else if format != nil {
      print(answer.compact)
    } else if quiet {
      print(answer.text("secret"))
    } else {
      let lines = fields + [("secret", answer.text("secret"))]
      print(Listing.align(lines.filter { !$0.1.isEmpty }.map { [$0.0, $0.1] }), terminator: "")
      Console.complain("the secret is not shown again: keep it now")
    }
  }
}

struct RobotCreate: ParsableCommand {
  enum Action: String, ExpressibleByArgument, CaseIterable { case pull, push, delete }

  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Make a robot; its secret is shown once.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var secret: SecretOptions
  @Option(name: .customLong("action"), help: "pull, push or delete; may be repeated; pull when not given.") var actions:
    [Action] = []
  @Option(help: "A pattern of the repositories it may use, such as 'team/app/*'; all when not given.") var repositories:
    String?
  @Option(help: ArgumentHelp("Days until it expires (1 to 3650); 90 when not given.", valueName: "days")) var expires:
    Int?
  @Argument(help: "The project.") var project: String
  @Argument(help: "Its name.") var name: String

  func run() throws {
    var body: JSONValue = ["name": .string(name)]
    body["actions"] = .strings((actions.isEmpty ? [.pull] : actions).map(\.rawValue))
    body.set("repositories", repositories)
    if let expires { body["expiresInDays"] = .int(expires) }
    let robot = try connection.connect().call(.post, try Server.path("projects", project, "robots"), json: body)
    try secret.show(robot, [("login", robot.text("login")), ("expires", robot["expiresAt"].moment)])
  }
}

struct RobotRemove: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "rm", abstract: "Remove robots.")
  @OptionGroup var connection: ServerOptions
  @Argument(help: "The project.") var project: String
  @Argument(help: "Robots.") var names: [String]

  func run() throws {
    let server = try connection.connect()
    try server.each(names) { name throws(ClientError) in
      try server.call(.delete, try Server.path("projects", project, "robots", name))
    }
  }
}

struct RobotDisable: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disable", abstract: "Refuse robots until they are enabled again.")
  @OptionGroup var connection: ServerOptions
  @Argument(help: "The project.") var project: String
  @Argument(help: "Robots.") var names: [String]

  func run() throws { try connection.connect().setRobots(names, of: project, disabled: true) }
}

struct RobotEnable: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "enable", abstract: "Let disabled robots in again.")
  @OptionGroup var connection: ServerOptions
  @Argument(help: "The project.") var project: String
  @Argument(help: "Robots.") var names: [String]

  func run() throws { try connection.connect().setRobots(names, of: project, disabled: false) }
}

extension Server {
  fileprivate func setRobots(_ names: [String], of project: String, disabled: Bool) throws(ClientError) {
    try each(names) { name throws(ClientError) in
      try call(
        .patch, try Server.path("projects", project, "robots", name), json: ["isDisabled": .bool(disabled)])
    }
  }
}

struct RobotRenew: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "renew", abstract: "Give a robot a new secret; the old one ends.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var secret: SecretOptions
  @Argument(help: "The project.") var project: String
  @Argument(help: "The robot.") var name: String

  func run() throws {
    let robot = try connection.connect().call(.post, try Server.path("projects", project, "robots", name, "secret"))
    try secret.show(robot, [("login", robot.text("login")), ("expires", robot["expiresAt"].moment)])
  }
}
