import ArgumentParser
import Glibc

struct SystemGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "system", abstract: "Disk use, cleaning up, facts.",
    subcommands: [DiskUse.self, SystemPrune.self, Info.self, Events.self])
}

/// What the `prune` commands share.
struct PruneOptions: ParsableArguments {
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "Do not ask.") var force = false
  @Option(parsing: .unconditionalSingleValue, help: "Only what matches key=value.") var filter: [String] = []

  /// Asks unless told not to, prunes each kind in order, prints what went.
  ///
  /// - Parameter adding: further filters of one kind.
  func prune(_ kinds: [String], what: String, adding: [String: [(String, String)]] = [:]) throws {
    if !force, !Prompt.confirm("This removes \(what). Go on? [y/N] ") { throw ExitCode(1) }
    let engine = try connection.engine()
    var freed: Int64 = 0
    for kind in kinds {
      let filters = try Filters.encode(filter, adding: adding[kind] ?? [])
      let answer = try engine.call(.post, "/\(kind)/prune", query: [("filters", filters)])
      for list in answer.members.map(\.value) {
        for item in list.items {
          print(item.string ?? item.members.map { "\($0.name): \($0.value.string ?? "")" }.joined())
        }
      }
      freed = freed.plus(answer["SpaceReclaimed"].int ?? 0)
    }
    print("freed \(Units.decimalSize(freed))")
  }
}

struct SystemPrune: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "Remove containers that do not run, and networks and images that nothing uses.")
  @OptionGroup var options: PruneOptions
  @Flag(name: .shortAndLong, help: "Images with a name that no container uses, too.") var all = false
  @Flag(help: "Volumes without a name that nothing uses, too.") var volumes = false

  func run() throws {
    let kinds = ["containers", "networks"] + (volumes ? ["volumes"] : []) + ["images"]
    try options.prune(
      kinds,
      what: "containers that do not run, networks\(volumes ? ", volumes" : "") and images that nothing uses",
      adding: ["images": all ? [("dangling", "false")] : []])
  }
}

struct DiskUse: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "df", abstract: "Show what takes the space.")
  @OptionGroup var connection: EngineOptions
  @Option(help: "table, json, or a template such as '{{.Type}} {{.Size}}'.") var format: String?
  @Flag(name: .shortAndLong, help: "Each image, container and volume.") var verbose = false

  func run() throws {
    let answer = try connection.engine().call(.get, "/system/df")
    if verbose { return try DiskUseDetails(answer).show(format: format) }
    var listing = Listing(
      [
        ("TYPE", "Type"), ("TOTAL", "TotalCount"), ("ACTIVE", "Active"), ("SIZE", "Size"),
        ("RECLAIMABLE", "Reclaimable"),
      ],
      identity: "Type")
    let images = answer["Images"].items
    let unused = images.filter { ($0["Containers"].int ?? 0) <= 0 }
    let unusedSize = unused.reduce(Int64(0)) { $0.plus($1["Size"].int ?? 0).minus(max($1["SharedSize"].int ?? 0, 0)) }
    add("Images", images.count, images.count - unused.count, answer["LayersSize"].int ?? 0, unusedSize, to: &listing)

    let containers = answer["Containers"].items
    let idle = containers.filter { $0.text("State") != "running" && $0.text("State") != "paused" }
    add(
      "Containers", containers.count, containers.count - idle.count, Self.written(containers), Self.written(idle),
      to: &listing)

    let volumes = answer["Volumes"].items.map { $0["UsageData"] }
    let free = volumes.filter { $0["RefCount"].int ?? 0 <= 0 }
    add("Local Volumes", volumes.count, volumes.count - free.count, Self.size(volumes), Self.size(free), to: &listing)
    print(try listing.text(format: format, quiet: false), terminator: "")
  }

  private func add(
    _ kind: String, _ total: Int, _ active: Int, _ size: Int64, _ reclaimable: Int64, to listing: inout Listing
  ) {
    let share = size > 0 ? " (\(Int64(clamping: (Double(reclaimable) * 100 / Double(size)).rounded(.down)))%)" : ""
    listing.add([
      ("Type", kind), ("TotalCount", String(total)), ("Active", String(active)), ("Size", Units.decimalSize(size)),
      ("Reclaimable", Units.decimalSize(reclaimable) + share),
    ])
  }

  private static func written(_ containers: [JSONValue]) -> Int64 {
    containers.reduce(0) { $0.plus($1["SizeRw"].int ?? 0) }
  }
  private static func size(_ volumes: [JSONValue]) -> Int64 {
    volumes.reduce(0) { $0.plus(max($1["Size"].int ?? 0, 0)) }
  }
}

struct Info: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Show facts about the engine and its host.")
  @OptionGroup var connection: EngineOptions
  @Option(name: .shortAndLong, help: "json, or a template such as '{{.CgroupVersion}}'.") var format: String?

  private static let shown = [
    ("Containers", "Containers"), ("  running", "ContainersRunning"), ("  paused", "ContainersPaused"),
    ("  stopped", "ContainersStopped"), ("Images", "Images"), ("Engine version", "ServerVersion"),
    ("Storage driver", "Driver"),
    ("Log driver", "LoggingDriver"), ("Cgroup version", "CgroupVersion"), ("Cgroup driver", "CgroupDriver"),
    ("Runtime", "DefaultRuntime"), ("Security", "SecurityOptions"), ("Kernel", "KernelVersion"),
    ("Operating system", "OperatingSystem"), ("Architecture", "Architecture"), ("Processors", "NCPU"),
    ("Memory", "MemTotal"),
    ("Name", "Name"), ("Root folder", "DockerRootDir"),
  ]

  func run() throws {
    let answer = try connection.engine().call(.get, "/info")
    switch format {
    case nil:
      for (title, field) in Self.shown where !answer[field].isNull {
        let value = answer[field]
        let text =
          field == "MemTotal"
          ? Units.binarySize(value.int ?? 0)
          : value.items.isEmpty
            ? value.string ?? value.compact : value.items.map { $0.string ?? "" }.joined(separator: ", ")
        print("\(title): \(text)")
      }
      for warning in answer["Warnings"].items { print("Warning: \(warning.string ?? "")") }
    case "json": print(answer.compact)
    case let format?: print(try Template(parsing: format).render(answer))
    }
  }
}

struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Show the versions of client and engine.")
  @OptionGroup var connection: EngineOptions
  @Flag(help: "The client's only; the engine is not asked.") var client = false
  @Option(name: .shortAndLong, help: "json, or a template such as '{{.Server.Version}}'.") var format: String?

  func run() throws {
    if client, format == nil {
      print(Version.current)
      return
    }
    if format == nil { print("Client: bulkhead \(Version.current)") }
    let engine: JSONValue = client ? .null : try connection.engine().call(.get, "/version")
    let both: JSONValue = ["Client": ["Version": .string(Version.current)], "Server": engine]
    switch format {
    case nil:
      print("Engine: \(engine["Platform"].text("Name")) \(engine.text("Version")), API \(engine.text("ApiVersion"))")
      print("Kernel: \(engine.text("KernelVersion")) \(engine.text("Arch"))")
    case "json": print(both.compact)
    case let format?: print(try Template(parsing: format).render(both))
    }
  }
}

struct Events: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Show what happens, as it happens.")
  @OptionGroup var connection: EngineOptions
  @Option(help: "From this time on: 10m, 2026-01-31T12:00:00Z.") var since: String?
  @Option(help: "Up to this time; ends then.") var until: String?
  @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "Only what matches key=value.") var filter:
    [String] = []
  @Option(help: "json, or a template such as '{{.Action}}'.") var format: String?

  func run() throws {
    let engine = try connection.engine()
    let template = try format.flatMap { text throws(ClientError) in text == "json" ? nil : try Template(parsing: text) }
    let now = Units.now()
    let response = try engine.open(
      .get, "/events",
      query: [
        ("since", try since.map { text throws(ClientError) in try Units.parseTime(text, option: "--since", now: now) }),
        ("until", try until.map { text throws(ClientError) in try Units.parseTime(text, option: "--until", now: now) }),
        ("filters", try Filters.encode(filter)),
      ])
    try engine.eachDocument(of: response) { event throws(ClientError) in
      print(try template?.render(event) ?? (format == nil ? Self.line(event) : event.compact))
      Console.flush()
    }
  }

  static func line(_ event: JSONValue) -> String {
    let nanoseconds = event["timeNano"].int ?? (event["time"].int ?? 0).times(1_000_000_000)
    let attributes = event["Actor"]["Attributes"].members.sorted { $0.name < $1.name }
    let text = attributes.map { "\($0.name)=\($0.value.string ?? "")" }.joined(separator: ", ")
    let head = "\(Units.date(nanoseconds: nanoseconds)) \(event.text("Type")) \(event.text("Action"))"
    return "\(head) \(event["Actor"].text("ID"))" + (text.isEmpty ? "" : " (\(text))")
  }
}

struct Completion: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print the completion script for a shell.")
  enum Shell: String, ExpressibleByArgument, CaseIterable { case bash, zsh, fish }
  @Argument(help: "bash, zsh or fish.") var shell: Shell

  func run() throws {
    switch shell {
    case .bash: print(Bulkhead.completionScript(for: .bash))
    case .zsh: print(Bulkhead.completionScript(for: .zsh))
    case .fish: print(Bulkhead.completionScript(for: .fish))
    }
  }
}
