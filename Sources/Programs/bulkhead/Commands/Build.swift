import ArgumentParser
import Glibc

/// What decides over an image that is built.
struct BuildOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "A name for the image: repository[:tag]; may be repeated.") var tag: [String] = []
  @Option(name: .shortAndLong, help: "The Dockerfile; PATH/Dockerfile when not named, - for standard input.")
  var file: String?
  @Option(help: "The stage to build; the last when not named.") var target: String?
  @Option(help: "NAME=VALUE for an ARG; NAME alone takes it from the environment.") var buildArg: [String] = []
  @Option(help: "NAME=VALUE for the image.") var label: [String] = []
  @Flag(help: "Run every step anew.") var noCache = false
  @Flag(help: "Ask the registry for base images although they are here.") var pull = false
  @Option(help: "The platform, such as linux/amd64.") var platform: String?
  @Option(help: "id=ID,src=FILE or id=ID,env=NAME: for RUN --mount=type=secret.") var secret: [String] = []
  @Option(help: "default or ID[=SOCKET]: an SSH agent for RUN --mount=type=ssh.") var ssh: [String] = []
  @Option(help: "NAME=FOLDER or NAME=docker-image://IMAGE: what FROM NAME and COPY --from=NAME mean.")
  var buildContext: [String] = []
  @Option(help: "The network of RUN: default, none, host or a network's name.") var network: String?
  @Option(help: "HOST:ADDRESS for RUN.") var addHost: [String] = []
  @Option(help: "An image or a cache whose steps count as known, or type=registry,ref=NAME.") var cacheFrom: [String] =
    []
  @Option(help: "Where to leave the steps: type=registry,ref=NAME[,mode=max], or type=inline.")
  var cacheTo: [String] = []
  @Option(help: "The size of /dev/shm in RUN.") var shmSize: String?
  @Option(help: "NAME=SOFT[:HARD] for RUN.") var ulimit: [String] = []
  // Taken so that they are refused with what to do instead.
  @Option(name: .shortAndLong, help: .hidden) var output: [String] = []
  @Flag(help: .hidden) var squash = false

  func query() throws(ClientError) -> [(String, String?)] {
    if squash {
      throw ClientError.usage("--squash is not supported: use a last stage that copies what is wanted with COPY --from")
    }
    if !output.isEmpty { throw ClientError.usage("--output is not supported: write the image with 'bulkhead save'") }
    let limits = try ulimit.map { text throws(ClientError) in try LimitOptions.ulimit(text) }
    let memory = try shmSize.map { text throws(ClientError) in try Units.parseBytes(text, option: "--shm-size") }
    return tag.map { ("t", $0) } + [
      ("target", target), ("buildargs", Self.json(try arguments())), ("labels", Self.json(try labels())),
      ("nocache", noCache ? "1" : nil), ("pull", pull ? "1" : nil), ("platform", platform), ("networkmode", network),
      ("extrahosts", addHost.isEmpty ? nil : addHost.joined(separator: ",")),
      ("cachefrom", cacheFrom.isEmpty ? nil : JSONValue.strings(cacheFrom).compact),
      ("cacheto", cacheTo.isEmpty ? nil : JSONValue.strings(cacheTo).compact), ("shmsize", memory.map { String($0) }),
      ("ulimits", limits.isEmpty ? nil : JSONValue.array(limits).compact),
    ]
  }

  private static func json(_ values: [(String, String)]) -> String? {
    values.isEmpty ? nil : JSONValue.map(values).compact
  }

  private func arguments() throws(ClientError) -> [(String, String)] {
    var result: [(String, String)] = []
    for text in buildArg {
      if let pair = splitOnce(text, "=") {
        result.append(pair)
      } else if let value = environmentVariable(text) {
        result.append((text, value))
      }
    }
    return result
  }

  private func labels() throws(ClientError) -> [(String, String)] {
    label.map { splitOnce($0, "=") ?? ($0, "") }
  }

  func secrets() throws(ClientError) -> [(id: String, value: [UInt8])] {
    try secret.map { text throws(ClientError) in try Self.secret(text) }
  }

  func agents() throws(ClientError) -> [OfferedAgent] {
    let agents = try ssh.map { text throws(ClientError) in
      try OfferedAgent.parse(text, environment: environmentVariable)
    }
    guard agents.count <= OfferedAgent.maximumAgents else {
      throw ClientError.usage("at most \(OfferedAgent.maximumAgents) agents can be offered by --ssh")
    }
    guard Set(agents.map(\.id)).count == agents.count else {
      throw ClientError.usage("invalid --ssh: an id is given twice")
    }
    return agents
  }

  static let maximumContexts = 64

  func contexts() throws(ClientError) -> [NamedContext] {
    guard buildContext.count <= Self.maximumContexts else {
      throw ClientError.usage("at most \(Self.maximumContexts) contexts can be named by --build-context")
    }
    let contexts = try buildContext.map { text throws(ClientError) in try NamedContext(reading: text) }
    guard Set(contexts.map { $0.name.lowercased() }).count == contexts.count else {
      throw ClientError.usage("invalid --build-context: a name is given twice")
    }
    return contexts
  }

  static let maximumSecretBytes = 500 << 10

  /// `id=ID[,src=FILE|,env=NAME][,type=file|env]`; the id is the file's or the variable's name when nothing else is said.
  static func secret(_ text: String) throws(ClientError) -> (id: String, value: [UInt8]) {
    var fields: [String: String] = [:]
    for part in text.split(separator: ",") {
      guard let (key, value) = splitOnce(part, "=") else {
        throw ClientError.usage("invalid --secret '\(part)': write id=ID,src=FILE or id=ID,env=NAME")
      }
      guard ["id", "src", "source", "env", "type"].contains(key) else {
        throw ClientError.usage("invalid --secret: unknown key '\(key)', expected id, src, env or type")
      }
      fields[key == "source" ? "src" : key] = value
    }
    guard let id = fields["id"], !id.isEmpty else { throw ClientError.usage("invalid --secret: expected an id") }
    let isVariable = fields["type"] == "env" || (fields["env"] != nil && fields["src"] == nil)
    if isVariable || (fields["src"] == nil && environmentVariable(id) != nil) {
      let name = fields["env"] ?? fields["src"] ?? id
      guard let value = environmentVariable(name) else { throw ClientError("the secret '\(id)': $\(name) is not set") }
      return (id, Array(value.utf8))
    }
    let file = try openFile(fields["src"] ?? id)
    defer { close(file) }
    return (id, try BuildSource.read(file, limit: maximumSecretBytes, named: "the secret '\(id)'"))
  }
}

struct Build: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make an image by a Dockerfile.",
    discussion: """
      Only files of the context that changed since the last build are read and sent. .dockerignore is heeded, or
      NAME.dockerignore beside the Dockerfile NAME. Secrets reach the steps that name them, no layer and no log. Of an
      SSH agent steps may ask which keys it has, and to sign with them.
      """)
  @OptionGroup var connection: EngineOptions
  @OptionGroup var options: BuildOptions
  @Option(help: "auto, plain, tty or quiet.") var progress = "auto"
  @Flag(name: .shortAndLong, help: "Print the image's id only.") var quiet = false
  @Option(help: "Write the image's id to this file.") var iidfile: String?
  @Option(help: "Write what was built to this file, as JSON.") var metadataFile: String?
  @Argument(
    help: "A folder, an address of a repository or archive, or - for an archive or Dockerfile on standard input.")
  var context: String

  func run() throws {
    let query = try options.query() + [("events", "1")]
    let engine = try connection.engine()
    var view = BuildView(try style())
    let agents = try options.agents()
    let forwarder = agents.isEmpty ? nil : AgentForwarder(agents, engine: engine)
    let response = try BuildSource(
      context: context, file: options.file, fields: Engine.authorizations(), agents: forwarder,
      contexts: try options.contexts()
    ).start(engine, query: query, secrets: options.secrets())
    try forwarder?.start()
    try follow(response, &view)
    view.finish()
    guard let id = view.progress.id else {
      throw ClientError("the engine ended without naming an image: its log says why")
    }
    if let iidfile { try write(id, to: iidfile) }
    if let metadataFile { try write(metadata(id).compact + "\n", to: metadataFile) }
    if quiet || progress == "quiet" { print(id) }
  }

  private func style() throws(ClientError) -> BuildView.Style {
    switch progress {
    case _ where quiet: .quiet
    case "quiet": .quiet
    case "plain": .plain
    case "tty": .tree
    case "auto": Terminal.isTerminal(STDERR_FILENO) ? .tree : .plain
    default: throw ClientError.usage("invalid --progress '\(progress)': expected auto, plain, tty or quiet")
    }
  }

  private func follow(_ response: Engine.Response, _ view: inout BuildView) throws(ClientError) {
    var pending: [UInt8] = []
    while true {
      while !response.connection.hasInput(withinMilliseconds: 200) { view.tick() }
      guard let piece = try response.body.next() else { break }
      pending.append(contentsOf: piece)
      while let end = pending.firstIndex(of: 0x0A) {
        let line = Array(pending[..<end])
        pending.removeFirst(end + 1)
        if !line.allSatisfy({ $0 == 0x0D || $0 == 0x20 }) { try view.take(try Engine.decode(line)) }
      }
      guard pending.count <= Engine.maximumLineBytes else {
        throw ClientError("the engine sent a line of more than \(Engine.maximumLineBytes) bytes")
      }
    }
    if !pending.isEmpty { try view.take(try Engine.decode(pending)) }
  }

  private func metadata(_ id: String) -> JSONValue {
    ["containerimage.config.digest": .string(id), "image.name": .string(options.tag.joined(separator: ","))]
  }

  private func write(_ text: String, to path: String) throws(ClientError) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw ClientError("cannot write '\(path)': \(describe(errno: errno))") }
    defer { close(file) }
    try writeAll(file, Array(text.utf8)[...])
  }
}

struct BuilderGroup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "builder", abstract: "Builds and what they keep.", subcommands: [BuilderPrune.self, Build.self])
}

struct BuilderPrune: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "Remove what builds keep for the next ones.")
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "Everything, not only what was not used lately.") var all = false
  @Flag(name: .shortAndLong, help: "Do not ask.") var force = false
  @Option(help: "Keep up to this size.") var keepStorage: String?
  @Option(parsing: .unconditionalSingleValue, help: "Only what matches key=value.") var filter: [String] = []

  func run() throws {
    if !force {
      print("This removes what builds keep\(all ? "" : " and no image uses"). Go on? [y/N] ", terminator: "")
      Console.flush()
      guard readLine()?.lowercased().hasPrefix("y") == true else { throw ExitCode(1) }
    }
    let kept = try keepStorage.map { try Units.parseBytes($0, option: "--keep-storage") }
    let answer = try connection.engine().call(
      .post, "/build/prune",
      query: [
        ("all", all ? "1" : nil), ("keep-storage", kept.map { String($0) }), ("filters", try Filters.encode(filter)),
      ])
    for item in answer["CachesDeleted"].items { print(item.string ?? "") }
    print("freed \(Units.decimalSize(answer["SpaceReclaimed"].int ?? 0))")
  }
}
