import ArgumentParser
import ContainerEngine
import Glibc
import LinuxSystem
import Logging
import Model

@main
enum Main {
  static func main() async {
    Signals.ignoreBrokenPipe()
    // The engine's own call, before anything here makes a second thread.
    if CommandLine.arguments.dropFirst() == [FileWorker.command] { exit(FileWorker.run()) }
    do {
      let signals = try Signals.receive([SIGTERM, SIGINT])
      try await BulkheadDaemon.$signals.withValue(signals) {
        var command = try BulkheadDaemon.parseAsRoot()
        if var role = command as? any AsyncParsableCommand { try await role.run() } else { try command.run() }
      }
    } catch let error as PlatformError where error.code != .internal {
      // What an administrator can mend is told in one line; where the fault is in the code helps with the rest.
      let line = Array("bulkheadd: \(error.message)\n".utf8)
      _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      exit(1)
    } catch {
      BulkheadDaemon.exit(withError: error)
    }
  }
}

/// The daemon: one program, one role for each command.
struct BulkheadDaemon: AsyncParsableCommand {
  static let version = "0.1.0"
  /// What tells that the program is to end; set by `Main`.
  @TaskLocal static var signals: Descriptor?

  static let configuration = CommandConfiguration(
    commandName: "bulkheadd", abstract: "The daemon of Bulkhead, the secure container platform.", version: version,
    subcommands: [
      EngineCommand.self, ServerCommand.self, AgentCommand.self, RunCommand.self, RotateStorageKeyCommand.self,
      DoctorCommand.self,
    ])
}

/// Options that every role has.
struct DaemonOptions: ParsableArguments {
  static let standardRoot = "/var/lib/bulkhead"
  static let standardRun = "/run/bulkhead"

  @Option(
    name: .customLong("root"),
    help: "Folder for everything that must survive a reboot; \(DaemonOptions.standardRoot) unless told otherwise.")
  var givenRoot: String?

  @Option(
    name: .customLong("run"),
    help: "Folder for sockets and the state of what runs; \(DaemonOptions.standardRun) unless told otherwise.")
  var givenRun: String?

  var root: String { givenRoot ?? Self.standardRoot }
  var run: String { givenRun ?? Self.standardRun }

  @Option(help: "trace, debug, info, notice, warning, error or critical.")
  var logLevel = "info"

  func logger(label: String) throws -> Logger {
    guard let level = Logger.Level(rawValue: logLevel) else {
      throw ValidationError(
        "invalid --log-level '\(logLevel)': expected trace, debug, info, notice, warning, error or critical")
    }
    var logger = Logger(label: label) { label in JournalLogHandler(label: label) }
    logger.logLevel = level
    return logger
  }
}

/// Of roles that have a file of their own.
struct ConfigurationOption: ParsableArguments {
  @Option(
    name: [.customLong("config"), .customShort("c")],
    help: "The role's own file, owned by root: /etc/bulkhead/engine.yaml or server.yaml.")
  var path: String?
}

struct EngineCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "engine", abstract: "Run the container engine (root; unix sockets only).")

  @OptionGroup var options: DaemonOptions
  @OptionGroup var file: ConfigurationOption

  @Flag(help: "Stop all containers when the engine ends; otherwise they live on.")
  var stopContainers = false

  func run() async throws {
    try await EngineProgram(options: options, policyPath: file.path, stopContainers: stopContainers).run()
  }
}

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run the engine in the foreground, for a first try; its containers end with it.")

  @OptionGroup var options: DaemonOptions
  @OptionGroup var file: ConfigurationOption

  func run() async throws {
    try await EngineProgram(options: options, policyPath: file.path, stopContainers: true).run()
  }
}
