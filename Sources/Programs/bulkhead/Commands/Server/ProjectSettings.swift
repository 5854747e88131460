import ArgumentParser
import Glibc

struct ProjectSettings: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "settings", abstract: "Show a project's quota, immutable tags and retention rules, or change them.",
    discussion: """
      Without options they are shown. PATTERN is TAGS or REPOSITORIES:TAGS, where * stands for any text and ? for one \
      character. RULE is PATTERN followed by at least one of newest=N, days=N, untagged=N, parted by commas. Options replace \
      all rules of their kind:

        bulkhead project settings team --retain 'team/app:v*,newest=10,days=30'
      """)
  private static let maximumFileBytes = 64 << 10

  @OptionGroup var connection: ServerOptions
  @OptionGroup var details: DetailOptions
  @Option(help: "Bytes that the project may hold, such as 20g.") var quota: String?
  @Flag(help: "No bound.") var noQuota = false
  @Option(help: ArgumentHelp("Tags that can be set once; may be repeated.", valueName: "pattern")) var immutable:
    [String] = []
  @Flag(help: "Every tag can be moved and deleted.") var noImmutable = false
  @Option(help: ArgumentHelp("What is kept; may be repeated.", valueName: "rule")) var retain: [String] = []
  @Flag(help: "Everything is kept.") var noRetain = false
  @Option(help: "All settings from a file in the form that is shown; - for standard input.") var file: String?
  @Argument(help: "The project.") var project: String

  func validate() throws {
    for (option, isGiven, none, isNone) in [
      ("--quota", quota != nil, "--no-quota", noQuota),
      ("--immutable", !immutable.isEmpty, "--no-immutable", noImmutable),
      ("--retain", !retain.isEmpty, "--no-retain", noRetain),
    ] where isGiven && isNone {
      throw ValidationError("\(option) and \(none) exclude each other")
    }
    if file != nil, hasChanges { throw ValidationError("--file has all settings: leave the other options away") }
  }

  private var hasChanges: Bool {
    quota != nil || noQuota || !immutable.isEmpty || noImmutable || !retain.isEmpty || noRetain
  }

  func run() throws {
    // What is wrong with the options is told before the server is asked.
    _ = try changed(.object([]))
    let server = try connection.connect()
    let path = try Server.path("projects", project, "settings")
    if let file {
      try server.call(.put, path, json: try Self.read(file))
    } else if hasChanges {
      try server.call(.put, path, json: try changed(try server.call(.get, path)))
    }
    try details.show(try server.call(.get, path))
  }

  private func changed(_ current: JSONValue) throws(ClientError) -> JSONValue {
    var settings: JSONValue = [
      "immutability": .array(current["immutability"].items), "retention": .array(current["retention"].items),
    ]
    if !noQuota, !current["quotaBytes"].isNull { settings["quotaBytes"] = current["quotaBytes"] }
    if let quota { settings["quotaBytes"] = .int(try Self.bytes(quota)) }
    if !immutable.isEmpty || noImmutable { settings["immutability"] = .array(immutable.map(Self.pattern)) }
    if !retain.isEmpty || noRetain {
      var rules: [JSONValue] = []
      for text in retain { rules.append(try Self.rule(text)) }
      settings["retention"] = .array(rules)
    }
    return settings
  }

  static func bytes(_ text: String) throws(ClientError) -> Int64 {
    let bytes = try Units.parseBytes(text, option: "--quota")
    guard bytes >= 0 else {
      throw ClientError.usage("invalid size '\(text)' for --quota: write --no-quota for no bound")
    }
    return bytes
  }

  /// `TAGS` or `REPOSITORIES:TAGS`.
  static func pattern(_ text: String) -> JSONValue {
    let (repositories, tags) = splitOnce(text, ":") ?? ("*", text)
    return ["repositories": .string(repositories), "tags": .string(tags)]
  }

  static func rule(_ text: String) throws(ClientError) -> JSONValue {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    var rule = pattern(parts[0])
    let names = ["newest": "keepNewest", "days": "keepDays", "untagged": "untaggedDays"]
    for part in parts.dropFirst() {
      guard let (name, value) = splitOnce(part, "="), let field = names[name], let number = Int64(value), number >= 0,
        rule[field].isNull
      else {
        throw ClientError.usage(
          "invalid rule '\(text)' for --retain: '\(part)' is none of newest=N, days=N, untagged=N")
      }
      rule[field] = .int(number)
    }
    guard parts.count > 1 else {
      throw ClientError.usage("invalid rule '\(text)' for --retain: add at least one of newest=N, days=N, untagged=N")
    }
    return rule
  }

  private static func read(_ file: String) throws(ClientError) -> JSONValue {
    let bytes =
      file == "-"
      ? try WholeFile.read(STDIN_FILENO, named: "standard input", limit: maximumFileBytes)
      : try WholeFile.read(file, limit: maximumFileBytes)
    guard let bytes else { throw ClientError("there is no file '\(file)'") }
    do { return try JSONParser.parse(bytes) } catch { throw ClientError("'\(file)' is not JSON: \(error)") }
  }
}

struct ProjectUsage: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "usage", abstract: "Show how many bytes projects hold, each blob counted once.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var list: ShowOptions
  @Argument(help: "Projects; all when none is named.") var projects: [String] = []

  func run() throws {
    let server = try connection.connect()
    let names = projects.isEmpty ? try server.list("/projects").map { $0.text("name") } : projects
    var listing = Listing(
      columns: [
        .init("PROJECT", "Project"), .init("USED", "UsedBytes", shown: \.readableBinarySize),
        .init("QUOTA", "QuotaBytes", absent: "none", shown: \.readableBinarySize),
        .init("SHARE", "SharePercent", absent: "-") { $0.compact + "%" },
      ], identity: "Project")
    for name in names {
      let usage = try server.call(.get, try Server.path("projects", name, "usage"))
      let used = usage["usedBytes"].int ?? 0
      let quota = usage["quotaBytes"].int.flatMap { $0 > 0 ? Double($0) : nil }
      let share = quota.map { Units.fixed(Double(used) * 100 / $0, decimals: 1) }
      listing.add([
        "Project": .string(name), "UsedBytes": .int(used), "QuotaBytes": usage["quotaBytes"],
        "SharePercent": share.map { .number($0) } ?? .null,
      ])
    }
    try list.show(listing)
  }
}

struct ProjectRetention: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retention", abstract: "Remove what a project's retention rules do not keep.")
  @OptionGroup var connection: ServerOptions
  @OptionGroup var list: ShowOptions
  @Flag(help: "Only tell what would go, and why.") var dryRun = false
  @Flag(name: .shortAndLong, help: "Tell what is kept, too.") var all = false
  @Flag(name: .shortAndLong, help: "Do not ask.") var force = false
  @Argument(help: "The project.") var project: String

  func run() throws {
    let server = try connection.connect()
    if !dryRun, !force,
      !Prompt.confirm("This removes what the rules of project '\(project)' do not keep (see --dry-run). Go on? [y/N] ")
    {
      throw ExitCode(ExitStatus.failure)
    }
    let answer = try server.call(
      .post, try Server.path("projects", project, "retention"), query: [("dryRun", dryRun ? "true" : nil)])
    var listing = Listing(
      columns: [
        .init("REPOSITORY", "Repository"), .init("TAG", "Tag", absent: "<none>"),
        .init("DIGEST", "Digest", shown: \.readableDigest), .init("OUTCOME", "Outcome"), .init("REASON", "Reason"),
      ], identity: "Digest")
    for decision in answer.items where all || decision["isKept"].bool == false {
      listing.add([
        "Repository": decision["repository"], "Tag": decision["tag"], "Digest": decision["digest"],
        "Outcome": decision["isKept"].bool == true ? "kept" : dryRun ? "would go" : "removed",
        "Reason": decision["reason"],
      ])
    }
    if listing.rows.isEmpty, list.format == nil, !list.quiet {
      print("nothing goes: the rules keep all there is")
      return
    }
    try list.show(listing)
  }
}
