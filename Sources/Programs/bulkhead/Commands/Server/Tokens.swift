import ArgumentParser

struct TokenGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token", abstract: "Access tokens: passwords of a user's for one purpose.",
    subcommands: [TokenList.self, TokenCreate.self, TokenDisable.self, TokenEnable.self, TokenRemove.self])
}

struct TokenList: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List a user's tokens.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var list: ShowOptions
  @Option(name: .shortAndLong, help: "Whose.") var user: String

  func run() throws {
    var listing = Listing(
      columns: [
        .init("ID", "ID"), .init("NAME", "Name"), .init("SCOPE", "Scope"), .init("CREATED", "Created"),
        .init("EXPIRES", "Expires", absent: "never"), .init("LAST USED", "LastUsed", absent: "never"),
        .init("STATE", "State"),
      ], identity: "ID")
    for token in try connection.connect().list("/tokens", query: [("user", user)]) {
      listing.add([
        "ID": token["id"], "Name": token["name"], "Scope": token["scope"], "Created": token["createdAt"].time,
        "Expires": token["expiresAt"].time, "LastUsed": token["lastUsedAt"].time,
        "State": .string(token.enabledState),
      ])
    }
    try list.show(listing)
  }
}

struct TokenCreate: ParsableCommand {
  enum Scope: String, ExpressibleByArgument, CaseIterable { case read, write, all }

  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Make a token for a user; it is shown once.",
    discussion: "It is used in place of the password and may what its user may, within its scope.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var secret: SecretOptions
  @Option(name: .shortAndLong, help: "Whose.") var user: String
  @Option(help: "read: pull; write: push, too; all.") var scope = Scope.all
  @Option(help: ArgumentHelp("Days until it expires (1 to 3650); never when not given.", valueName: "days"))
  var expires: Int?
  @Argument(help: "What it is for.") var name: String

  func run() throws {
    var body: JSONValue = ["name": .string(name), "scope": .string(scope.rawValue)]
    if let expires { body["expiresInDays"] = .int(expires) }
    let token = try connection.connect().call(.post, "/tokens", query: [("user", user)], json: body)
    try secret.show(
      token,
      [("id", token.text("id")), ("user", user), ("expires", token["expiresAt"].moment)])
  }
}

struct TokenDisable: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disable", abstract: "Refuse tokens until they are enabled again.")
  @OptionGroup var connection: ServerOptions
  @Argument(help: "Their ids.") var ids: [String]

  func run() throws { try connection.connect().setTokens(ids, disabled: true) }
}

struct TokenEnable: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "enable", abstract: "Let disabled tokens in again.")
  @OptionGroup var connection: ServerOptions
  @Argument(help: "Their ids.") var ids: [String]

  func run() throws { try connection.connect().setTokens(ids, disabled: false) }
}

extension Server {
  fileprivate func setTokens(_ ids: [String], disabled: Bool) throws(ClientError) {
    try each(ids) { id throws(ClientError) in
      try call(.patch, try Server.path("tokens", id), json: ["isDisabled": .bool(disabled)])
    }
  }
}

struct TokenRemove: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "rm", abstract: "End tokens.")
  @OptionGroup var connection: ServerOptions
  @Argument(help: "Their ids.") var ids: [String]

  func run() throws {
    let server = try connection.connect()
    try server.each(ids) { id throws(ClientError) in try server.call(.delete, try Server.path("tokens", id)) }
  }
}
