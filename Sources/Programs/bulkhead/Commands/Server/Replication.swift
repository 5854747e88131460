import ArgumentParser

struct ReplicationGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replication", abstract: "Copies between the server's registry and others.",
    subcommands: [PeerGroup.self, RuleGroup.self])
}

struct PeerGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "peer", abstract: "Other registries, and who we are there.",
    subcommands: [PeerList.self, PeerSet.self, PeerRemove.self])
}

struct PeerList: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List peers.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var list: ShowOptions

  func run() throws {
    var listing = Listing(
      columns: [
        .init("NAME", "Name"), .init("HOST", "Host"), .init("USER", "User", absent: "<none>"),
        .init("INSECURE", "Insecure"),
      ], identity: "Name")
    for peer in try connection.connect().list("/replication/peers") {
      listing.add([
        "Name": peer["name"], "Host": peer["host"], "User": peer["user"].unlessEmpty,
        "Insecure": .bool(peer["isInsecure"].bool == true),
      ])
    }
    try list.show(listing)
  }
}

struct PeerSet: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set", abstract: "Make a peer, or change it; with --user the password is asked for.")
  @OptionGroup var connection: ServerOptions
  @Option(name: .shortAndLong, help: "Who we are there; nobody when not given.") var user: String?
  @Flag(help: "Take the password from standard input.") var passwordStdin = false
  @Flag(help: "Allow plain HTTP, and a certificate that nobody vouches for.") var insecure = false
  @Argument(help: "Its name here.") var name: String
  @Argument(help: "HOST[:PORT].") var host: String

  func run() throws {
    if passwordStdin, user == nil { throw ClientError.usage("--password-stdin needs --user") }
    let server = try connection.connect()
    var body: JSONValue = ["name": .string(name), "host": .string(host)]
    if insecure { body["isInsecure"] = .bool(true) }
    if let user {
      body["user"] = .string(user)
      body["password"] = .string(try Prompt.password(fromInput: passwordStdin, isNew: false))
    }
    try server.call(.put, try Server.path("replication", "peers", name), json: body)
    print(name)
  }
}

struct PeerRemove: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "rm", abstract: "Remove peers that no rule uses.")
  @OptionGroup var connection: ServerOptions
  @Argument(help: "Names.") var names: [String]

  func run() throws {
    let server = try connection.connect()
    try server.each(names) { name throws(ClientError) in
      try server.call(.delete, try Server.path("replication", "peers", name))
    }
  }
}

// MARK: - Rules

struct RuleGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rule", abstract: "What is copied where, and when.",
    subcommands: [RuleList.self, RuleSet.self, RuleRemove.self, RuleRun.self, RuleHistory.self])
}

/// When a rule runs, as the command line and as the API say it.
enum RuleTrigger {
  static func parse(_ text: String) throws(ClientError) -> JSONValue {
    switch splitOnce(text, ":") {
    case nil where text == "manual": return ["manual": .object([])]
    case nil where text == "push": return ["onPush": .object([])]
    case ("every", let duration)?:
      return ["every": ["seconds": .int(try Units.parseDuration(duration, option: "--trigger") / 1_000_000_000)]]
    case ("cron", let table)?: return ["cron": ["_0": .string(table)]]
    default:
      throw ClientError.usage("invalid --trigger '\(text)': use manual, push, every:30m or 'cron:0 3 * * *'")
    }
  }

  /// The same in the form that the command line takes.
  static func text(_ trigger: JSONValue) -> String {
    if let seconds = trigger["every"]["seconds"].int { return "every:\(Units.duration(seconds: seconds))" }
    if let table = trigger["cron"]["_0"].string { return "cron:\(table)" }
    return trigger.members.first?.name == "onPush" ? "push" : trigger.members.first?.name ?? trigger.string ?? ""
  }
}

struct RuleList: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List rules.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var list: ShowOptions

  func run() throws {
    var listing = Listing(
      [
        ("NAME", "Name"), ("DIRECTION", "Direction"), ("PROJECT", "Project"), ("PEER", "Peer"), ("THERE", "RemotePath"),
        ("TRIGGER", "Trigger"), ("STATE", "State"),
      ], identity: "Name")
    for rule in try connection.connect().list("/replication/rules") {
      listing.add([
        "Name": rule["name"], "Direction": rule["direction"], "Project": rule["project"], "Peer": rule["peer"],
        "RemotePath": rule["remotePath"], "Trigger": .string(RuleTrigger.text(rule["trigger"])),
        "State": rule["isEnabled"].bool == false ? "disabled" : "enabled", "Repositories": rule["repositories"],
        "Tags": rule["tags"], "ReplacesTags": .bool(rule["replacesTags"].bool != false),
      ])
    }
    try list.show(listing)
  }
}

struct RuleSet: ParsableCommand {
  enum Direction: String, ExpressibleByArgument, CaseIterable { case push, pull }

  static let configuration = CommandConfiguration(
    commandName: "set", abstract: "Make a rule, or put another in its place.")
  @OptionGroup var connection: ServerOptions
  @Option(help: "push: from here to the peer; pull: from the peer to here.") var direction: Direction
  @Option(help: "The peer's name.") var peer: String
  @Option(help: "The project here.") var project: String
  @Option(help: "What stands there in the project's place; the project's name when not given.") var remotePath: String?
  @Option(
    name: .customLong("repository"),
    help: "A pattern of repositories below the project; may be repeated; all when not given.") var repositories:
    [String] = []
  @Option(name: .customLong("tag"), help: "A pattern of tags; may be repeated; all when not given.") var tags:
    [String] = []
  @Option(help: "manual, push (after each push), every:DURATION, or cron:'MINUTE HOUR DAY MONTH WEEKDAY' in UTC.")
  var trigger = "manual"
  @Flag(help: "A tag that the other side has stays as it is.") var keepExisting = false
  @Flag(help: "Do not run it for now.") var disabled = false
  @Argument(help: "The rule's name.") var name: String

  func run() throws {
    let body: JSONValue = [
      "name": .string(name), "direction": .string(direction.rawValue), "peer": .string(peer),
      "project": .string(project), "remotePath": .string(remotePath ?? project),
      "repositories": .strings(repositories.isEmpty ? ["*"] : repositories),
      "tags": .strings(tags.isEmpty ? ["*"] : tags),
      "trigger": try RuleTrigger.parse(trigger), "replacesTags": .bool(!keepExisting), "isEnabled": .bool(!disabled),
    ]
    try connection.connect().call(.put, try Server.path("replication", "rules", name), json: body)
    print(name)
  }
}

struct RuleRemove: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "rm", abstract: "Remove rules.")
  @OptionGroup var connection: ServerOptions
  @Argument(help: "Names.") var names: [String]

  func run() throws {
    let server = try connection.connect()
    try server.each(names) { name throws(ClientError) in
      try server.call(.delete, try Server.path("replication", "rules", name))
    }
  }
}

struct RuleRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run a rule now and wait for its end.",
    discussion: "Exit code \(ExitStatus.incomplete) where something could not be copied.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var details: ShowOptions
  @Argument(help: "The rule.") var name: String

  func run() throws {
    let execution = try connection.connect().call(.post, try Server.path("replication", "rules", name, "run"))
    var listing = RuleHistory.listing()
    RuleHistory.add(execution, to: &listing)
    try details.show(listing)
    for failure in execution["failures"].items {
      Console.complain("failed to copy '\(failure.text("subject"))': \(failure.text("message"))")
    }
    if execution.text("state") != "succeeded" { throw ExitCode(ExitStatus.incomplete) }
  }
}

struct RuleHistory: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "Show a rule's runs; --format json does so with what failed.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var list: ShowOptions
  @Argument(help: "The rule.") var name: String

  func run() throws {
    let runs = try connection.connect().list(try Server.path("replication", "rules", name, "executions"))
    var listing = Self.listing()
    for execution in runs { Self.add(execution, to: &listing) }
    try list.show(listing)
  }

  static func listing() -> Listing {
    Listing(
      [
        ("ID", "ID"), ("STATE", "State"), ("CAUSE", "Cause"), ("STARTED", "Started"), ("ENDED", "Ended"),
        ("COPIED", "Copied"), ("SKIPPED", "Skipped"), ("FAILED", "Failed"),
      ], identity: "ID")
  }

  static func add(_ execution: JSONValue, to listing: inout Listing) {
    func count(_ field: String) -> JSONValue { .int(execution[field].int ?? 0) }
    listing.add([
      "ID": execution["id"], "State": execution["state"], "Cause": execution["cause"],
      "Started": execution["startedAt"].time, "Ended": execution["endedAt"].time, "Copied": count("copied"),
      "Skipped": count("skipped"), "Failed": count("failed"), "Attempts": count("attempts"),
      "Failures": .array(
        execution["failures"].items.map { ["Subject": $0["subject"], "Message": $0["message"]] }),
    ])
  }
}
