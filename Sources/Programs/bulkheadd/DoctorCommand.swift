import ArgumentParser
import FoundationEssentials
import HostChecks
import Isolation

/// Says what the host offers and lacks, and what to do about it.
struct DoctorCommand: AsyncParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }

  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Check the host for what the engine needs.",
    discussion: "Exit code 0: containers can run. 1: something that they need is missing.")

  @OptionGroup var options: DaemonOptions
  @OptionGroup var file: ConfigurationOption

  @Option(help: "table or json")
  var format = Format.table

  func run() async throws {
    let policy = try EnginePolicy.load(path: file.path)
    let report = HostReport.collect(
      HostProbeRequest(rootPath: "\(options.root)/engine", programPaths: policy.runtimes))
    switch format {
    case .json:
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      print(String(decoding: try encoder.encode(report), as: UTF8.self))
    case .table:
      for check in report.checks {
        print("\(Self.padded(check.status.rawValue, 5)) \(Self.padded(check.title, 34)) \(check.found)")
        if !check.advice.isEmpty { print("      → \(check.advice)") }
      }
    }
    if report.status == .fail { throw ExitCode(1) }
  }

  private static func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
