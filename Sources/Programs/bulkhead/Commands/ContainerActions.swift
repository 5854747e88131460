import ArgumentParser

struct Stop: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Ask containers to stop, then kill them.")
  @OptionGroup var connection: EngineOptions
  @Option(name: [.customShort("t"), .long], help: "Seconds until it is killed.") var time: Int?
  @Option(name: .shortAndLong, help: "The signal that asks.") var signal: String?
  @Argument(help: "Names or ids.") var containers: [String]

  func run() throws {
    try act(connection, containers, "stop", [("t", time.map(String.init)), ("signal", signal)])
  }
}

struct Restart: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Stop containers and start them again.")
  @OptionGroup var connection: EngineOptions
  @Option(name: [.customShort("t"), .long], help: "Seconds until it is killed.") var time: Int?
  @Option(name: .shortAndLong, help: "The signal that asks.") var signal: String?
  @Argument(help: "Names or ids.") var containers: [String]

  func run() throws {
    try act(connection, containers, "restart", [("t", time.map(String.init)), ("signal", signal)])
  }
}

struct Kill: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Send a signal to containers, KILL unless told otherwise.")
  @OptionGroup var connection: EngineOptions
  @Option(name: .shortAndLong, help: "The signal.") var signal: String?
  @Argument(help: "Names or ids.") var containers: [String]

  func run() throws { try act(connection, containers, "kill", [("signal", signal)]) }
}

struct Pause: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Freeze every process of containers.")
  @OptionGroup var connection: EngineOptions
  @Argument(help: "Names or ids.") var containers: [String]

  func run() throws { try act(connection, containers, "pause") }
}

struct Unpause: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Let frozen containers go on.")
  @OptionGroup var connection: EngineOptions
  @Argument(help: "Names or ids.") var containers: [String]

  func run() throws { try act(connection, containers, "unpause") }
}

struct Rename: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Give a container another name.")
  @OptionGroup var connection: EngineOptions
  @Argument(help: "Name or id.") var container: String
  @Argument(help: "The new name.") var name: String

  func run() throws {
    try connection.engine().call(.post, "/containers/\(Engine.escape(container))/rename", query: [("name", name)])
  }
}

struct Remove: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "rm", abstract: "Remove containers.")
  @OptionGroup var connection: EngineOptions
  @Flag(name: .shortAndLong, help: "Even if they run.") var force = false
  @Flag(name: .shortAndLong, help: "With their anonymous volumes.") var volumes = false
  @Argument(help: "Names or ids.") var containers: [String]

  func run() throws {
    let engine = try connection.engine()
    try engine.each(containers) { name throws(ClientError) in
      try engine.call(
        .delete, "/containers/\(Engine.escape(name))",
        query: [("force", force ? "1" : nil), ("v", volumes ? "1" : nil)])
    }
  }
}

struct Wait: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Wait until containers end, and print their exit codes.")
  @OptionGroup var connection: EngineOptions
  @Argument(help: "Names or ids.") var containers: [String]

  func run() throws {
    let engine = try connection.engine()
    for name in containers {
      let waiting = try engine.open(.post, "/containers/\(Engine.escape(name))/wait")
      print(try engine.exitCode(waiting))
    }
  }
}

/// Posts an action to each container and prints the names of those done.
private func act(
  _ connection: EngineOptions, _ containers: [String], _ action: String, _ query: [(String, String?)] = []
) throws(ClientError) {
  let engine = try connection.engine()
  try engine.each(containers) { name throws(ClientError) in
    try engine.call(.post, "/containers/\(Engine.escape(name))/\(action)", query: query)
  }
}
