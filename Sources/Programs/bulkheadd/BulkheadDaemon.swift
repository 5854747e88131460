import ArgumentParser
import ContainerEngine
import Glibc
import LinuxSystem
import Logging

@main
enum Main {
  static func main() async {
    Signals.ignoreBrokenPipe()
    // The engine's own call, before anything here makes a second thread.
    if CommandLine.arguments.dropFirst() == [FileWorker.command] { exit(FileWorker.run()) }
    do {
      let signals = try Signals.receive([SIGTERM, SIGINT])
      await BulkheadDaemon.$signals.withValue(signals) { await BulkheadDaemon.main() }
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
    subcommands: [EngineCommand.self, ServerCommand.self, RunCommand.self, DoctorCommand.self])
}

/// Options that every role has.
struct DaemonOptions: ParsableArguments {
  @Option(help: "Folder for everything that must survive a reboot.")
  var root = "/var/lib/bulkhead"

  @Option(help: "Folder for sockets and the state of what runs.")
  var run = "/run/bulkhead"

  @Option(name: [.customLong("config"), .customShort("c")], help: "The engine's policy; owned by root.")
  var config: String?

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

struct EngineCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "engine", abstract: "Run the container engine (root; unix sockets only).")

  @OptionGroup var options: DaemonOptions

  @Flag(help: "Stop all containers when the engine ends; otherwise they live on.")
  var stopContainers = false

  func run() async throws {
    try await EngineProgram(options: options, stopContainers: stopContainers).run()
  }
}

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run every role there is, for a first try.")

  @OptionGroup var options: DaemonOptions

  func run() async throws {
    try await EngineProgram(options: options, stopContainers: true).run()
  }
}
