import ArgumentParser
import Compose
import Glibc

struct ComposePs: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ps", abstract: "List the project's containers.")
  @OptionGroup var options: ComposeOptions
  @Flag(name: .shortAndLong, help: "Those that do not run, and those of 'run', too.") var all = false
  @Flag(help: "The services' names only.") var services = false
  @Option(
    parsing: .unconditionalSingleValue,
    help: "created, running, paused, restarting, removing, exited, dead; may be repeated.")
  var status: [String] = []
  @Option(parsing: .unconditionalSingleValue, help: "status=STATE, as --status; may be repeated.")
  var filter: [String] = []
  @Option(help: "table, json, or a template such as '{{.Name}}'.") var format: String?
  @Flag(name: .shortAndLong, help: "Ids only.") var quiet = false
  @Flag(help: "Do not shorten.") var noTrunc = false
  @Argument(help: "Services; all when none is named.") var names: [String] = []

  func validate() throws {
    try Template.check(format)
    if let wrong = filter.first(where: { !$0.hasPrefix("status=") }) {
      throw ValidationError("invalid --filter '\(wrong)': expected status=STATE")
    }
    for state in states where ObservedContainer.State(rawValue: state) == nil {
      let known = ObservedContainer.State.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("invalid status '\(state)': expected one of \(known)")
    }
  }

  private var states: [String] { status + filter.map { String($0.dropFirst("status=".count)) } }

  func run() throws {
    let status = states
    let session = try options.existing(of: names, mayBeEmpty: true)
    let filters = try Filters.encode(["label=\(ComposeLabel.project)=\(session.project.name)"])
    let answer = try session.engine.call(
      .get, "/containers/json", query: [("all", all || !status.isEmpty ? "1" : nil), ("filters", filters)])
    let entries = answer.items.map { (entry: $0, container: ObservedContainer(listed: $0)) }
      .filter { item in
        (names.isEmpty || names.contains(item.container.service)) && (all || !item.container.isOneOff)
          && (status.isEmpty || status.contains(item.container.state.rawValue))
      }
      .sorted { ($0.container.service, $0.container.number) < ($1.container.service, $1.container.number) }
    if services {
      for name in Set(entries.map(\.container.service)).sorted() { print(name) }
      return
    }
    var listing = Listing(
      [
        ("NAME", "Name"), ("IMAGE", "Image"), ("COMMAND", "Command"), ("SERVICE", "Service"), ("CREATED", "RunningFor"),
        ("STATUS", "Status"), ("PORTS", "Ports"),
      ], identity: "ID")
    let now = Units.now()
    for (entry, container) in entries { listing.add(fields(entry, container, session.project.name, now: now)) }
    print(try listing.text(format: format, quiet: quiet), terminator: "")
  }

  private func fields(_ entry: JSONValue, _ container: ObservedContainer, _ project: String, now: Int64) -> JSONValue {
    let command = entry.text("Command")
    let publishers = entry["Ports"].items.map { port -> JSONValue in
      [
        "URL": port["IP"].isNull ? "" : port["IP"], "TargetPort": port["PrivatePort"],
        "PublishedPort": port["PublicPort"].isNull ? 0 : port["PublicPort"], "Protocol": port["Type"],
      ]
    }
    return [
      "ID": .string(noTrunc ? container.id : String(container.id.prefix(12))), "Name": .string(container.name),
      "Image": entry["Image"],
      "Command": .string("\"" + (noTrunc || command.count <= 20 ? command : command.prefix(19) + "…") + "\""),
      "Project": .string(project), "Service": .string(container.service), "Created": entry["Created"],
      "RunningFor": .string(Units.age(seconds: now.minus(entry["Created"].int ?? now)) + " ago"),
      "State": entry["State"], "Status": entry["Status"],
      "Health": container.health == .none ? "" : .string(container.health.rawValue),
      "ExitCode": .int(container.exitCode ?? 0), "Publishers": .array(publishers),
      "Ports": .string(PortText.line(entry["Ports"].items)),
    ]
  }
}

struct ComposeList: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "ls", abstract: "List the engine's projects.")
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "Those of which nothing runs, too.") var all = false
  @Option(help: "table, json, or a template such as '{{.Name}}'.") var format: String?
  @Flag(name: .shortAndLong, help: "Names only.") var quiet = false
  @Option(parsing: .unconditionalSingleValue, help: "name=TEXT: only projects whose names have it; may be repeated.")
  var filter: [String] = []

  func validate() throws {
    try Template.check(format)
    if let wrong = filter.first(where: { !$0.hasPrefix("name=") }) {
      throw ValidationError("invalid --filter '\(wrong)': expected name=TEXT")
    }
  }

  func run() throws {
    let answer = try connection.engine().call(
      .get, "/containers/json",
      query: [("all", "1"), ("filters", try Filters.encode(["label=\(ComposeLabel.project)"]))])
    var listing = Listing([("NAME", "Name"), ("STATUS", "Status"), ("CONFIG FILES", "ConfigFiles")], identity: "Name")
    let projects = Dictionary(grouping: answer.items) { $0["Labels"].text(ComposeLabel.project) }
    for (name, containers) in projects.sorted(by: { $0.key < $1.key }) {
      let states = Dictionary(grouping: containers) { $0.text("State") }
      guard all || states["running"] != nil,
        filter.isEmpty || filter.contains(where: { name.contains($0.dropFirst(5)) })
      else { continue }
      let status = states.sorted { $0.key < $1.key }.map { "\($0.key)(\($0.value.count))" }.joined(separator: ", ")
      listing.add([
        ("Name", name), ("Status", status),
        ("ConfigFiles", containers.first?["Labels"].text(ComposeLabel.configFiles) ?? ""),
      ])
    }
    print(try listing.text(format: format, quiet: quiet), terminator: "")
  }
}

struct ComposeImages: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "images", abstract: "List the images of the project's containers.")
  @OptionGroup var options: ComposeOptions
  @Option(help: "table, json, or a template such as '{{.Repository}}'.") var format: String?
  @Flag(name: .shortAndLong, help: "Ids only.") var quiet = false
  @Argument(help: "Services; all when none is named.") var services: [String] = []

  func validate() throws { try Template.check(format) }

  func run() throws {
    let session = try options.existing(of: services, mayBeEmpty: true)
    var listing = Listing(
      [
        ("CONTAINER", "ContainerName"), ("REPOSITORY", "Repository"), ("TAG", "Tag"), ("IMAGE ID", "ID"),
        ("SIZE", "Size"),
      ], identity: "ID")
    for container in try session.containers(of: services) {
      let image = try container.imageID.flatMap { id throws(ClientError) in try session.engine.findImage(id) }
      let service = session.project.service(container.service)
      let name = image?["RepoTags"].items.first?.string ?? service.map(session.project.imageName) ?? ""
      let (repository, tag) = Engine.repositoryAndTag(name)
      let id = (container.imageID ?? "").replacing("sha256:", with: "")
      listing.add([
        ("ContainerName", container.name), ("Repository", repository), ("Tag", tag ?? ""),
        ("ID", String(id.prefix(12))),
        ("Size", Units.decimalSize(image?["Size"].int ?? 0)),
      ])
    }
    print(try listing.text(format: format, quiet: quiet), terminator: "")
  }
}

struct ComposePortCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "port", abstract: "Show where a port is published.")
  @OptionGroup var options: ComposeOptions
  @Option(name: .customLong("protocol"), help: "tcp or udp.") var transport = "tcp"
  @Option(help: "Which of the service's containers.") var index: Int?
  @Argument(help: "The service.") var service: String
  @Argument(help: "The port inside.") var port: UInt16

  func run() throws {
    let session = try options.existing(of: [service])
    let container = try session.container(of: service, index: index)
    let details = try session.engine.call(.get, "/containers/\(container.id)/json")
    let bindings = details["NetworkSettings"]["Ports"]["\(port)/\(transport)"].items
    guard !bindings.isEmpty else {
      throw ClientError("container \(container.name) publishes no port \(port)/\(transport)")
    }
    for binding in bindings { print(PortText.address(binding.text("HostIp")) + ":" + binding.text("HostPort")) }
  }
}

struct ComposeTop: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "top", abstract: "List the processes of containers.")
  @OptionGroup var options: ComposeOptions
  @Argument(help: "Services; all when none is named.") var services: [String] = []

  func run() throws {
    let session = try options.existing(of: services)
    for container in try session.containers(of: services, isRunning: true) {
      guard let answer = try processes(of: container, session.engine) else { continue }
      print(container.name)
      let lines = [answer["Titles"]] + answer["Processes"].items
      print(Listing.align(lines.map { $0.items.map { $0.string ?? "" } }))
    }
  }
}

extension ComposeTop {
  /// nil where nothing runs: between two runs of a container that restarts, or when it has just ended.
  private func processes(of container: ObservedContainer, _ engine: Engine) throws(ClientError) -> JSONValue? {
    do {
      return try engine.call(.get, "/containers/\(container.id)/top")
    } catch {
      guard error.status == 404 || error.status == 409 else { throw error }
      Console.complain("container \(container.name) has no processes at the moment")
      return nil
    }
  }
}

struct ComposeLogs: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "logs", abstract: "Show what containers wrote.")
  @OptionGroup var options: ComposeOptions
  @Flag(name: .shortAndLong, help: "Go on as more is written.") var follow = false
  @Flag(name: .shortAndLong, help: "With the time of each line.") var timestamps = false
  @Option(help: "From this time on: 10m, 2026-01-31T12:00:00Z.") var since: String?
  @Option(help: "Up to this time.") var until: String?
  @Option(name: [.customShort("n"), .long], help: "Only the last lines of each.") var tail: String?
  @Option(help: "Only lines that have this text.") var grep: String?
  @Flag(name: .shortAndLong, help: "Take capital and small letters of --grep for the same.") var ignoreCase = false
  @Flag(help: "No colours.") var noColor = false
  @Flag(help: "No names before the lines.") var noLogPrefix = false
  @Option(help: "Which of a service's containers.") var index: Int?
  @Argument(help: "Services; all when none is named.") var services: [String] = []

  func validate() throws {
    if ignoreCase, grep == nil { throw ValidationError("--ignore-case needs --grep") }
    try LogLines.check(tail: tail)
  }

  func run() throws {
    let session = try options.existing(of: services, mayBeEmpty: true)
    let containers = try session.containers(of: services).filter { index == nil || $0.number == index }
    let now = Units.now()
    var logs = LogFollower.Options()
    logs.follows = follow
    logs.timestamps = timestamps
    logs.since = try since.map { text throws(ClientError) in try Units.parseTime(text, option: "--since", now: now) }
    logs.until = try until.map { text throws(ClientError) in try Units.parseTime(text, option: "--until", now: now) }
    logs.tail = tail
    logs.filter = grep.map { TextFilter($0, ignoresCase: ignoreCase) }
    logs.showsNames = !noLogPrefix
    logs.colors = !noColor && Terminal.isTerminal(STDOUT_FILENO)
    let project = session.project.name
    let watch = follow ? try ContainerWatch(session.engine, project: project) : nil
    let names = containers.map { ForegroundRun.shortName($0, project) }
    let follower = LogFollower(session.engine, logs, names: names, watch: watch)
    // Of what is followed every container needs a thread; what is read to its end comes one after the other.
    let items = containers.enumerated().map { (position: $0.offset, container: $0.element) }
    try Threads.forEach(items, limit: follow ? max(items.count, 1) : 1) { item throws(ClientError) in
      _ = try follower.show(
        item.container.id, named: ForegroundRun.shortName(item.container, project), position: item.position)
    }
  }
}

struct ComposeEvents: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "events", abstract: "Show what happens to the project's containers.")
  @OptionGroup var options: ComposeOptions
  @Flag(help: "A JSON document for each.") var json = false
  @Option(help: "From this time on: 10m, 2026-01-31T12:00:00Z.") var since: String?
  @Option(help: "Up to this time.") var until: String?
  @Argument(help: "Services; all when none is named.") var services: [String] = []

  func run() throws {
    let session = try options.existing(of: services, mayBeEmpty: true)
    let now = Units.now()
    let response = try session.engine.open(
      .get, "/events",
      query: [
        ("filters", try Filters.encode(["type=container", "label=\(ComposeLabel.project)=\(session.project.name)"])),
        ("since", try since.map { text throws(ClientError) in try Units.parseTime(text, option: "--since", now: now) }),
        ("until", try until.map { text throws(ClientError) in try Units.parseTime(text, option: "--until", now: now) }),
      ])
    try session.engine.eachDocument(of: response) { event throws(ClientError) in
      let attributes = event["Actor"]["Attributes"]
      let service = attributes.text(ComposeLabel.service)
      guard services.isEmpty || services.contains(service) else { return }
      let time = Units.date(nanoseconds: event["timeNano"].int ?? 0)
      if json {
        let kept = attributes.members.filter { !$0.name.hasPrefix("com.docker.compose.") }
        let document: JSONValue = [
          "time": .string(time), "type": "container", "action": event["Action"], "id": event["Actor"]["ID"],
          "service": .string(service), "attributes": .object(kept),
        ]
        print(document.compact)
      } else {
        print(
          "\(time) container \(event.text("Action")) \(event["Actor"].text("ID")) (service=\(service), name=\(attributes.text("name")))"
        )
      }
      Console.flush()
    }
  }
}

struct ComposeVersion: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "version", abstract: "Show this program's version.")
  @Flag(help: "The number only.") var short = false
  @Option(name: .shortAndLong, help: "pretty or json.") var format = "pretty"

  func run() throws {
    switch format {
    case _ where short: print(Version.current)
    case "json": print((["version": .string(Version.current)] as JSONValue).compact)
    case "pretty": print("Bulkhead Compose version \(Version.current)")
    default: throw ClientError.usage("invalid --format '\(format)': expected pretty or json")
    }
  }
}
