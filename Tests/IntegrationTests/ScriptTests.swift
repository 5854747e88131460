import Testing

/// Clients written in Python: the `docker` package, and the CLI on a terminal. Each script reports its checks by lines.
@Suite("scripts", .enabled(if: Target.canServe))
struct ScriptTests {
  @Test("checks of a script", arguments: ["sdk", "terminal"])
  func script(_ name: String) throws {
    let fixture = try EngineFixture.shared
    let path = "\(Target.sources)/Tests/IntegrationTests/Python/\(name).py"
    let outcome = try Subprocess.run(
      ["python3", path], environment: fixture.environment, folder: fixture.scratch, deadlineSeconds: 400)
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
