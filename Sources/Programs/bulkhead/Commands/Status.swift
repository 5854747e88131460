import ArgumentParser
import Glibc
import LinuxSystem

struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the whole platform on one page.",
    discussion: """
      Engine, host, server, cluster and the node's agent are asked at once, with \(StatusQuestion.limitSeconds) s to answer. \
      Root and the group 'bulkhead' see everything, others what anybody may see ('hidden' is no fault).

      Exit code 0: all that was seen is well. 1: something is down or degraded: a role that does not answer, a check of \
      'doctor' that failed, a disk with less than a twentieth free, a certificate that is over or was not renewed, a node that is \
      not ready, a deployment, daemon set or replication controller with another number of pods than wanted. Warnings of 'doctor', \
      events and services without endpoints are shown and change nothing.
      """)
  @OptionGroup var connection: EngineOptions
  @OptionGroup var serverConnection: ServerOptions
  @Option(
    help: "The agent's local socket; $BULKHEAD_AGENT, or where it is beside the server's, when not named.") var agent:
    String?
  @Option(
    name: .customLong("part"), parsing: .unconditionalSingleValue,
    help: "Only this part: engine, host, server, cluster or agent; may be repeated.") var parts: [StatusPart.Name] = []
  @Option(help: "table, json, or a template such as '{{.Engine.State}}'.") var format: String?

  func validate() throws { try Template.check(format) }

  func run() throws {
    let wanted = StatusPart.Name.allCases.filter { parts.isEmpty || parts.contains($0) }
    let server = try serverConnection.connect().transport.address
    let places = StatusQuestion.Places(
      engine: try connection.engine().address, server: server,
      agent: try EngineAddress.resolveAgent(option: agent, beside: server, environment: environmentVariable))
    let report = StatusReport(
      wanted, try StatusQuestion.ask(Self.questions(wanted), places), now: Units.now(),
      space: { try? FileSystem.space(of: $0) })
    switch format {
    case nil, "table": print(report.page, terminator: "")
    case "json": print(report.json.compact)
    case let format?: print(try Template(parsing: format).render(report.json))
    }
    if !report.isWell { throw ExitCode(ExitStatus.failure) }
  }

  private static func questions(_ parts: [StatusPart.Name]) -> [StatusQuestion] {
    let questions = parts.flatMap { part -> [StatusQuestion] in
      switch part {
      case .engine: [.engine, .disk]
      case .host: [.host]
      case .server: [.server]
      case .cluster: [.cluster]
      // Whether there is anything for it to do.
      case .agent: [.agent, .cluster]
      }
    }
    return StatusQuestion.allCases.filter(questions.contains)
  }
}
