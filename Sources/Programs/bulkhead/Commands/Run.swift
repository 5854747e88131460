import ArgumentParser
import Glibc

struct Create: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Make a container without starting it.")
  @OptionGroup var connection: EngineOptions
  @OptionGroup var options: ContainerOptions
  @Argument(help: "The image.") var image: String
  @Argument(parsing: .captureForPassthrough, help: "What to run instead of the image's command.") var command:
    [String] = []

  func run() throws {
    print(try connection.engine().create(options, image: image, command: command, attach: true))
  }
}

struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Make a container and start it.")
  @OptionGroup var connection: EngineOptions
  @OptionGroup var options: ContainerOptions
  @Flag(name: .shortAndLong, help: "Leave it running in the background and print its id.") var detach = false
  @Option(help: "The keys that leave it running: ctrl-p,ctrl-q unless told otherwise.") var detachKeys: String?
  @Argument(help: "The image.") var image: String
  @Argument(parsing: .captureForPassthrough, help: "What to run instead of the image's command.") var command:
    [String] = []

  func run() throws {
    if detach, !options.attach.isEmpty {
      throw ClientError.usage("--attach and --detach exclude each other: leave one away")
    }
    let engine = try connection.engine()
    if !detach { try ContainerSession.checkTerminal(terminal: options.tty, sendsInput: options.interactive) }
    let keys = try detachKeys.map { text throws(ClientError) in try DetachKeys(parsing: text) } ?? .standard
    let id = try engine.create(options, image: image, command: command, attach: !detach)
    if detach {
      let removal =
        options.removeAtEnd ? try engine.open(.post, "/containers/\(id)/wait", query: [("condition", "removed")]) : nil
      try engine.start(id, waiting: removal)
      print(id)
      return
    }
    let session = ContainerSession(
      engine: engine, resource: "/containers/\(id)", terminal: options.tty, sendsInput: options.interactive,
      detachKeys: keys,
      forwardsSignals: options.passesSignals && !options.tty)
    let code = try engine.runAttached(
      id, session, removed: options.removeAtEnd,
      streams: try AttachedStreams(options.attach, sendsInput: options.interactive))
    if code != 0 { throw ExitCode(code) }
  }
}

struct Start: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Start containers.")
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "Show its output and end with its exit code.") var attach = false
  @Flag(name: .shortAndLong, help: "Send it what is typed.") var interactive = false
  @Argument(help: "Names or ids.") var containers: [String]

  func run() throws {
    let engine = try connection.engine()
    guard attach || interactive else {
      try engine.each(containers) { name throws(ClientError) in
        try engine.call(.post, "/containers/\(Engine.escape(name))/start")
      }
      return
    }
    guard containers.count == 1, let name = containers.first else {
      throw ClientError.usage("only one container can be started with --attach or --interactive")
    }
    let terminal = try engine.usesTerminal(name)
    let session = ContainerSession(
      engine: engine, resource: "/containers/\(Engine.escape(name))", terminal: terminal, sendsInput: interactive,
      forwardsSignals: !terminal)
    let code = try engine.runAttached(name, session, removed: false)
    if code != 0 { throw ExitCode(code) }
  }
}

struct Attach: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Tie this terminal to a running container.")
  @OptionGroup var connection: EngineOptions
  @Flag(help: "Do not send what is typed.") var noStdin = false
  @Option(help: "The keys that leave it running.") var detachKeys: String?
  @Option(help: "true, or false: keep signals from the container.") var sigProxy = true
  @Argument(help: "Name or id.") var container: String

  func run() throws {
    let engine = try connection.engine()
    let details = try engine.call(.get, "/containers/\(Engine.escape(container))/json")
    guard details["State"]["Running"].bool == true else {
      throw ClientError("'\(container)' is not running: start it with 'bulkhead start --attach \(container)'")
    }
    let terminal = details["Config"]["Tty"].bool ?? false
    let input = !noStdin && details["Config"]["OpenStdin"].bool == true
    try ContainerSession.checkTerminal(terminal: terminal, sendsInput: input)
    let keys = try detachKeys.map { text throws(ClientError) in try DetachKeys(parsing: text) } ?? .standard
    let session = ContainerSession(
      engine: engine, resource: "/containers/\(Engine.escape(container))", terminal: terminal, sendsInput: input,
      detachKeys: keys,
      forwardsSignals: sigProxy && !terminal)
    let signals = try session.inbox()
    let waiting = try engine.open(.post, "\(session.resource)/wait", query: [("condition", "next-exit")])
    let streams = try engine.attach(session)
    if try session.run(over: streams.connection, signals: signals) == .detached { return }
    let code = try engine.exitCode(waiting)
    if code != 0 { throw ExitCode(code) }
  }
}

extension Engine {
  /// Makes a container and returns its id.
  func create(_ options: ContainerOptions, image: String, command: [String], attach: Bool) throws(ClientError) -> String
  {
    // First: a container whose id nobody gets to know would be left.
    let idFile = try options.cidfile.map { path throws(ClientError) in try Self.openNew(path) }
    defer { if let idFile { close(idFile) } }
    do {
      var body = try options.body(image: image, command: command, attach: attach)
      if options.tty, let size = Terminal(descriptor: STDOUT_FILENO).size {
        body["HostConfig"]["ConsoleSize"] = [.int(size.rows), .int(size.columns)]
      }
      let answer = try create(options, image: image, body)
      for warning in answer["Warnings"].items { Console.complain("warning: \(warning.string ?? "")") }
      let id = answer.text("Id")
      if let idFile { try writeAll(idFile, Array(id.utf8)[...]) }
      return id
    } catch {
      if let path = options.cidfile { unlink(path) }
      if error.status == 404, options.pull == .never {
        throw ClientError(
          "\(error.message): leave --pull never out, or make an image with 'bulkhead image bootstrap'",
          exitCode: ExitStatus.engine, status: 404)
      }
      throw error.with(exitCode: ExitStatus.engine)
    }
  }

  /// Asks for a container; an image that is not here is pulled first, unless that is forbidden.
  private func create(_ options: ContainerOptions, image: String, _ body: JSONValue) throws(ClientError) -> JSONValue {
    let query: [(String, String?)] = [("name", options.name), ("platform", options.platform)]
    if options.pull == .always { try pull(image, options) }
    do {
      return try call(.post, "/containers/create", query: query, json: body)
    } catch {
      // The engine says the same of a network or container that is named in the options.
      guard error.status == 404, options.pull == .missing, error.message.hasPrefix("No such image") else { throw error }
    }
    Console.writeError("Unable to find image '\(image)' locally\n")
    try pull(image, options)
    return try call(.post, "/containers/create", query: query, json: body)
  }

  private func pull(_ image: String, _ options: ContainerOptions) throws(ClientError) {
    let (name, tag) = image.contains("@") ? (image, nil) : Self.repositoryAndTag(image)
    try pull(
      name, tag: image.contains("@") ? nil : tag ?? "latest", platform: options.platform, quiet: false,
      output: STDERR_FILENO)
  }

  /// Milliseconds to wait for the exit code of a container that could not be started and is being removed.
  private static let removalMilliseconds: Int32 = 2_000

  /// Starts a container. A failure carries docker's exit code: 126 or 127 where the engine recorded it for the container,
  /// which it tells when asked, or in the answer to `wait` where the container is removed at once.
  func start(_ name: String, waiting: Response? = nil) throws(ClientError) {
    do {
      try call(.post, "/containers/\(Self.escape(name))/start")
    } catch {
      var recorded: Int32?
      if let waiting, waiting.connection.hasInput(withinMilliseconds: Self.removalMilliseconds) {
        recorded = try? exitCode(waiting)
      } else if let details = try? call(.get, "/containers/\(Self.escape(name))/json") {
        recorded = details["State"]["ExitCode"].int.map { Int32(truncatingIfNeeded: $0) }
      }
      let known = [ExitStatus.cannotInvoke, ExitStatus.notFound]
      throw error.with(exitCode: recorded.flatMap { known.contains($0) ? $0 : nil } ?? ExitStatus.engine)
    }
  }

  func usesTerminal(_ name: String) throws(ClientError) -> Bool {
    try call(.get, "/containers/\(Self.escape(name))/json")["Config"]["Tty"].bool ?? false
  }

  /// Ties the streams first, then waits for the end, then starts, so that nothing of the container's life is missed.
  func runAttached(
    _ name: String, _ session: ContainerSession, removed: Bool, streams wanted: AttachedStreams? = nil
  ) throws(ClientError) -> Int32 {
    let signals = try session.inbox()
    let streams = try attach(session, wanted)
    let waiting = try open(.post, "\(session.resource)/wait", query: [("condition", removed ? "removed" : "next-exit")])
    let end = try session.run(over: streams.connection, signals: signals) { () throws(ClientError) in
      try start(name, waiting: removed ? waiting : nil)
    }
    return end == .detached ? 0 : try exitCode(waiting)
  }

  func attach(_ session: ContainerSession, _ wanted: AttachedStreams? = nil) throws(ClientError) -> Response {
    func flag(_ isWanted: Bool) -> String { isWanted ? "1" : "0" }
    let query: [(String, String?)] = [
      ("stream", "1"), ("stdin", flag(session.sendsInput && wanted?.input ?? true)),
      ("stdout", flag(wanted?.output ?? true)), ("stderr", flag(wanted?.errors ?? true)),
    ]
    return try open(.post, "\(session.resource)/attach", query: query, upgrade: true)
  }

  /// The code in a finished answer to `wait`.
  func exitCode(_ waiting: Response) throws(ClientError) -> Int32 {
    let answer = try Self.decode(try waiting.body.all(limit: Self.maximumLineBytes))
    if let message = answer["Error"]["Message"].string, !message.isEmpty {
      throw ClientError(message, exitCode: ExitStatus.engine)
    }
    return Int32(truncatingIfNeeded: answer["StatusCode"].int ?? Int64(ExitStatus.engine))
  }

  /// Does something to each name, prints those done, reports the others, and fails at the end when one failed.
  func each(_ names: [String], _ body: (String) throws(ClientError) -> Void) throws(ClientError) {
    var failed: ClientError?
    for name in names {
      do {
        try body(name)
        print(name)
      } catch {
        if let failed { Console.complain(failed.message) }
        failed = error
      }
    }
    if let failed { throw failed }
  }

  private static func openNew(_ path: String) throws(ClientError) -> Int32 {
    let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw ClientError("cannot write '\(path)': \(describe(errno: errno))", exitCode: ExitStatus.engine)
    }
    return descriptor
  }
}
