import ArgumentParser

struct Exec: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Run a command in a running container.")
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "Leave it running in the background.") var detach = false
  @Flag(name: .shortAndLong, help: "Send it what is typed.") var interactive = false
  @Flag(name: .shortAndLong, help: "Give it a terminal.") var tty = false
  @Flag(help: "Take its fences down (engine.yaml must allow it).") var privileged = false
  @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "NAME=value.") var env: [String] = []
  @Option(help: "A file of NAME=value lines.") var envFile: [String] = []
  @Option(name: .shortAndLong, help: "user, uid, user:group or uid:gid.") var user: String?
  @Option(name: .shortAndLong, help: "The folder to start in.") var workdir: String?
  @Option(help: "The keys that leave it running.") var detachKeys: String?
  @Argument(help: "Name or id.") var container: String
  @Argument(parsing: .captureForPassthrough, help: "The command.") var command: [String]

  func run() throws {
    if !detach { try ContainerSession.checkTerminal(terminal: tty, sendsInput: interactive) }
    let engine = try connection.engine()
    let keys = try detachKeys.map { text throws(ClientError) in try DetachKeys(parsing: text) } ?? .standard
    do {
      let id = try engine.call(.post, "/containers/\(Engine.escape(container))/exec", json: try body()).text("Id")
      if detach {
        try engine.call(.post, "/exec/\(id)/start", json: ["Detach": true, "Tty": .bool(tty)])
        return
      }
      let code = try attached(engine, id: id, keys: keys)
      if code != 0 { throw ExitCode(code) }
    } catch let failure as ClientError {
      throw failure.with(exitCode: ExitStatus.engine)
    }
  }

  private func attached(_ engine: Engine, id: String, keys: DetachKeys) throws(ClientError) -> Int32 {
    let session = ContainerSession(
      engine: engine, resource: "/exec/\(id)", terminal: tty, sendsInput: interactive, detachKeys: keys)
    let signals = try session.inbox()
    let streams = try engine.open(
      .post, "/exec/\(id)/start", json: ["Detach": false, "Tty": .bool(tty)], upgrade: true)
    guard try session.run(over: streams.connection, signals: signals) == .closed else { return 0 }
    return Int32(truncatingIfNeeded: try engine.call(.get, "/exec/\(id)/json")["ExitCode"].int ?? 0)
  }

  private func body() throws(ClientError) -> JSONValue {
    var body: JSONValue = [
      "AttachStdin": .bool(interactive && !detach), "AttachStdout": .bool(!detach), "AttachStderr": .bool(!detach),
      "Tty": .bool(tty), "Privileged": .bool(privileged), "Cmd": .strings(command),
    ]
    body.set("Env", ContainerOptions.variables(try ContainerOptions.lines(of: envFile) + env))
    body.set("User", user)
    body.set("WorkingDir", workdir)
    return body
  }
}
