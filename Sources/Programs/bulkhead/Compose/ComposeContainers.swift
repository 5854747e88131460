import ArgumentParser
import Compose
import Glibc

/// Commands that are another one of the client's for a service's container.
extension ComposeSession {
  var hostWords: [String] { ["--host", "unix://\(engine.address.path)"] }
}

struct ComposeAttach: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attach", abstract: "Tie this terminal to a running container of a service.")
  @OptionGroup var options: ComposeOptions
  @Flag(help: "Do not send what is typed.") var noStdin = false
  @Option(help: "The keys that leave it running.") var detachKeys: String?
  @Option(help: "true, or false: keep signals from the container.") var sigProxy = true
  @Option(help: "Which of the service's containers.") var index: Int?
  @Argument(help: "The service.") var service: String

  func run() throws {
    let session = try options.existing(of: [service])
    var words = session.hostWords + ["--sig-proxy", sigProxy ? "true" : "false"]
    if noStdin { words.append("--no-stdin") }
    if let detachKeys { words += ["--detach-keys", detachKeys] }
    try Attach.parse(words + [session.container(of: service, index: index).id]).run()
  }
}

struct ComposeStats: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stats", abstract: "Show what the project's containers use, again and again.")
  @OptionGroup var options: ComposeOptions
  @Flag(help: "Once only.") var noStream = false
  @Flag(name: .shortAndLong, help: "Those that do not run, too.") var all = false
  @Option(help: "table, json, or a template such as '{{.Name}} {{.CPUPerc}}'.") var format: String?
  @Flag(help: "Do not shorten ids.") var noTrunc = false
  @Argument(help: "Services; all when none is named.") var services: [String] = []

  func run() throws {
    let session = try options.existing(of: services)
    let containers = try session.containers(of: services, isRunning: all ? nil : true)
    guard !containers.isEmpty else { throw ClientError("nothing of the project '\(session.project.name)' runs") }
    var words = session.hostWords
    if noStream { words.append("--no-stream") }
    if all { words.append("--all") }
    if noTrunc { words.append("--no-trunc") }
    if let format { words += ["--format", format] }
    try Stats.parse(words + containers.map(\.id)).run()
  }
}

struct ComposeVolumes: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "volumes", abstract: "List the project's volumes.")
  @OptionGroup var options: ComposeOptions
  @Option(help: "table, json, or a template such as '{{.Name}}'.") var format: String?
  @Flag(name: .shortAndLong, help: "Names only.") var quiet = false
  @Argument(help: "Those of these services; all when none is named.") var services: [String] = []

  func validate() throws { try Template.check(format) }

  func run() throws {
    let session = try options.existing(of: services, mayBeEmpty: true)
    let filters = try Filters.encode(["label=\(ComposeLabel.project)=\(session.project.name)"])
    let volumes = try session.engine.call(.get, "/volumes", query: [("filters", filters)])["Volumes"].items
    var wanted: Set<String> = []
    if !services.isEmpty {
      for container in try session.containers(of: services) {
        wanted.formUnion(try session.engine.volumes(of: container.id).values)
      }
    }
    var listing = Listing([("DRIVER", "Driver"), ("VOLUME NAME", "Name")], identity: "Name")
    for volume in volumes.sorted(by: { $0.text("Name") < $1.text("Name") })
    where services.isEmpty || wanted.contains(volume.text("Name")) {
      listing.add([("Driver", volume.text("Driver")), ("Name", volume.text("Name"))])
    }
    print(try listing.text(format: format, quiet: quiet), terminator: "")
  }
}

struct ComposeExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write the files of a service's container as an archive.")
  @OptionGroup var options: ComposeOptions
  @Option(name: .shortAndLong, help: "Write to this file instead of standard output.") var output: String?
  @Option(help: "Which of the service's containers.") var index: Int?
  @Argument(help: "The service.") var service: String

  func run() throws {
    let session = try options.existing(of: [service])
    if output == nil, Terminal.isTerminal(STDOUT_FILENO) {
      throw ClientError.usage("an archive is nothing for a terminal: name a file with --output, or send it into one")
    }
    let container = try session.container(of: service, index: index, mustRun: false)
    let response = try session.engine.open(.get, "/containers/\(container.id)/export")
    guard let output else { return try Self.copy(response, to: STDOUT_FILENO) }
    let file = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw ClientError("cannot write '\(output)': \(describe(errno: errno))") }
    defer { close(file) }
    try Self.copy(response, to: file)
  }

  static func copy(_ response: Engine.Response, to file: Int32) throws(ClientError) {
    while let piece = try response.body.next() { try writeAll(file, piece[...]) }
  }
}

struct ComposeCommit: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "commit", abstract: "Make an image of what a service's container has changed.")
  @OptionGroup var options: ComposeOptions
  @Option(name: .shortAndLong, help: "Who made it.") var author: String?
  @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "A Dockerfile's instruction; may be repeated.")
  var change: [String] = []
  @Option(name: .shortAndLong, help: "What is to be said of it.") var message: String?
  @Option(name: .shortAndLong, help: "true, or false: the container goes on meanwhile.") var pause = true
  @Option(help: "Which of the service's containers.") var index: Int?
  @Argument(help: "The service.") var service: String
  @Argument(help: "The image's name: repository[:tag].") var name: String?

  func run() throws {
    let session = try options.existing(of: [service])
    let container = try session.container(of: service, index: index, mustRun: false)
    let (repository, tag) = name.map { Engine.repositoryAndTag($0) } ?? ("", nil)
    let answer = try session.engine.call(
      .post, "/commit",
      query: [
        ("container", container.id), ("repo", repository.isEmpty ? nil : repository), ("tag", tag), ("author", author),
        ("comment", message), ("pause", pause ? "1" : "0"),
      ] + change.map { ("changes", $0) })
    print(answer.text("Id"))
  }
}
