import FoundationEssentials
import Glibc
import Testing

/// Clients written in Python: the `docker` package, the CLI on a terminal, HTTP. Each script reports its checks by lines.
@Suite("scripts", .enabled(if: Target.canServe))
struct ScriptTests {
  @Test("checks of a script", arguments: ["sdk", "terminal", "dockerfiles"])
  func script(_ name: String) throws {
    let fixture = try EngineFixture.shared
    try Self.run(name, [], environment: fixture.environment, folder: fixture.scratch)
  }

  @Test("the server", .enabled(if: Target.canStart))
  func server() throws {
    let program = try #require(Target.engineProgram)
    let folder = "/tmp/bulkhead-server-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    // The server's user has to reach its folders below.
    chmod(folder, 0o755)
    try Self.run("server", [program, folder], environment: ProcessInfo.processInfo.environment, folder: folder)
    try FileManager.default.removeItem(atPath: folder)
  }

  private static func run(
    _ name: String, _ arguments: [String], environment: [String: String], folder: String
  ) throws {
    let path = "\(Target.sources)/Tests/IntegrationTests/Python/\(name).py"
    let outcome = try Subprocess.run(
      ["python3", path] + arguments, environment: environment, folder: folder, deadlineSeconds: 400)
    var isDone = false
    for line in outcome.output.split(separator: "\n") {
      if line.hasPrefix("not ok ") {
        let text = "\(name): \(line.dropFirst("not ok ".count))"
        Issue.record(Comment(rawValue: text))
      }
      if line.hasPrefix("done ") { isDone = true }
    }
    #expect(isDone, "\(name) did not come to its end: \(outcome.output.suffix(1000))\(outcome.errors.suffix(2000))")
  }
}
