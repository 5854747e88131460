import ArgumentParser
import Glibc

/// The client: reads the command line, runs one command against the socket of the engine or the server, ends with an exit
/// code.
@main
struct Bulkhead: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bulkhead",
    abstract: "Runs and watches containers on a Bulkhead engine.",
    discussion: """
      The engine is found at --host, else $BULKHEAD_HOST, else $DOCKER_HOST, else \(EngineAddress.defaultPath). \
      The server is found at --server, else $BULKHEAD_SERVER, else \(EngineAddress.defaultServerPath).

      Exit codes:
        0    done
        1    refused, or the engine or the server cannot be reached; 'status'
             found a part that is down or degraded
        3    done, but 'registry fsck' found or 'replication rule run' left
             something wrong, or 'exposure' more than --allow names
        64   the command line is wrong
        run and exec end with the code of the container's program, or with
        125  the engine failed
        126  the program cannot be invoked
        127  the program was not found
      """,
    version: "bulkhead \(Version.current)",
    groupedSubcommands: [
      CommandGroup(
        name: "Containers",
        subcommands: [
          Run.self, Create.self, Start.self, Stop.self, Kill.self, Restart.self, Pause.self, Unpause.self, Rename.self,
          Remove.self,
          List.self, Logs.self, Exec.self, Attach.self, CopyFiles.self, Wait.self, Top.self, Port.self, Stats.self,
          Inspect.self,
          ContainerGroup.self,
        ]),
      CommandGroup(
        name: "Images",
        subcommands: [
          ImageGroup.self, Build.self, BuilderGroup.self, Images.self, RemoveImage.self, Tag.self, Load.self, Save.self,
          Import.self, History.self,
        ]),
      CommandGroup(
        name: "Registries",
        subcommands: [Pull.self, Push.self, Login.self, Logout.self, Search.self, ManifestGroup.self]),
      CommandGroup(
        name: "The server",
        subcommands: [
          ProjectGroup.self, UserGroup.self, RobotGroup.self, TokenGroup.self, RegistryGroup.self,
          ReplicationGroup.self, Audit.self, Trust.self,
        ]),
      CommandGroup(name: "Applications", subcommands: [ComposeGroup.self]),
      CommandGroup(name: "Networks and volumes", subcommands: [NetworkGroup.self, Exposure.self, VolumeGroup.self]),
      CommandGroup(
        name: "The platform",
        subcommands: [Status.self]),
      CommandGroup(
        name: "The engine",
        subcommands: [Events.self, SystemGroup.self, Doctor.self, Info.self, VersionCommand.self, Completion.self]),
    ],
    // `-h` belongs to `run --hostname`, as with docker.
    helpNames: .long
  )

  static func main() {
    do {
      let arguments = try ComposeArguments.moved(hostTaken(from: Array(CommandLine.arguments.dropFirst())))
      var command = try directly(arguments) ?? parsed(arguments)
      try command.run()
    } catch let failure as ClientError {
      Console.flush()
      Console.complain(failure.message)
      Glibc.exit(failure.exitCode)
    } catch {
      end(with: error)
    }
    Console.flush()
  }

  private static func parsed(_ arguments: [String]) throws -> any ParsableCommand {
    if let unknown = UnknownCommand.find(in: arguments) { throw unknown }
    return try parseAsRoot(arguments)
  }

  /// Prints what the parser of arguments has to say, help that was asked for included, and ends.
  private static func end(with error: any Error) -> Never {
    let code = exitCode(for: error)
    let text = HelpText.wrapped(fullMessage(for: error))
    if code == .success { print(text) } else if !text.isEmpty { Console.writeError(text + "\n") }
    Console.flush()
    Glibc.exit(code.rawValue)
  }

  /// The commands that need to start fast, parsed without building the tree of all commands, which takes longer than the
  /// rest of the start. What does not parse, help included, is left to the tree, which knows the full usage.
  private static func directly(_ arguments: [String]) -> (any ParsableCommand)? {
    let commands: [String: any ParsableCommand.Type] = [
      "run": Run.self, "exec": Exec.self, "ps": List.self, "start": Start.self, "stop": Stop.self, "kill": Kill.self,
      "rm": Remove.self, "inspect": Inspect.self, "logs": Logs.self, "images": Images.self,
      "version": VersionCommand.self, "build": Build.self,
    ]
    return try? arguments.first.flatMap { commands[$0] }?.parse(Array(arguments.dropFirst()))
  }

  /// Takes `--host` before the command's name into the environment, where every command finds it.
  private static func hostTaken(from arguments: [String]) -> [String] {
    var rest = arguments[...]
    while let first = rest.first {
      if first == "--host" || first == "-H", rest.count > 1 {
        setenv("BULKHEAD_HOST", rest[rest.startIndex + 1], 1)
        rest = rest.dropFirst(2)
      } else if first.hasPrefix("--host=") {
        setenv("BULKHEAD_HOST", String(first.dropFirst(7)), 1)
        rest = rest.dropFirst()
      } else {
        break
      }
    }
    return Array(rest)
  }
}

/// Where the engine is; part of every command that talks to it.
struct EngineOptions: ParsableArguments {
  // None of the root command's: that one would take it from every command that the tree parses.
  @Option(name: [.customShort("H"), .long], help: "The engine's socket: unix:///path/docker.sock.")
  var host: String?

  func engine() throws(ClientError) -> Engine {
    Engine(address: try EngineAddress.resolve(option: host, environment: environmentVariable))
  }
}

/// How a list is shown; part of every command that lists.
struct ListOptions: ParsableArguments {
  @Option(help: "table, json, or a template such as '{{.Names}}'.")
  var format: String?

  @Flag(name: .shortAndLong, help: "Show ids or names only.")
  var quiet = false

  @Option(
    name: .shortAndLong, parsing: .unconditionalSingleValue, help: "Show only what matches key=value; may be repeated.")
  var filter: [String] = []

  @Flag(help: "Do not shorten.")
  var noTrunc = false

  /// The filters as the API takes them: a JSON object of lists.
  func filters(adding more: [(String, String)] = []) throws(ClientError) -> String? {
    try Filters.encode(filter, adding: more)
  }

  func validate() throws { try Template.check(format) }

  func show(_ listing: Listing) throws(ClientError) {
    print(try listing.text(format: format, quiet: quiet), terminator: "")
  }
}

/// What lists share that the engine does not filter.
struct TableOptions: ParsableArguments {
  @Option(help: "table, json, or a template such as '{{.Volume}}'.")
  var format: String?
  @Flag(name: .shortAndLong, help: "Show ids or names only.")
  var quiet = false

  func validate() throws { try Template.check(format) }

  func show(_ listing: Listing) throws(ClientError) {
    print(try listing.text(format: format, quiet: quiet), terminator: "")
  }
}

/// `key=value` filters as the API takes them.
enum Filters {
  static func encode(_ filters: [String], adding more: [(String, String)] = []) throws(ClientError) -> String? {
    var lists = JSONValue.object([])
    for text in filters {
      guard let (key, value) = splitOnce(text, "=") else {
        throw ClientError.usage("invalid filter '\(text)': write key=value")
      }
      lists[key] = .array(lists[key].items + [.string(value)])
    }
    for (key, value) in more { lists[key] = .array(lists[key].items + [.string(value)]) }
    return lists.members.isEmpty ? nil : lists.compact
  }
}

/// The parts before and after the first separator; nil without one.
func splitOnce(_ text: some StringProtocol, _ separator: Character) -> (String, String)? {
  guard let index = text.firstIndex(of: separator) else { return nil }
  return (String(text[..<index]), String(text[text.index(after: index)...]))
}
