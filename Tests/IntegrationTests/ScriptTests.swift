import FoundationEssentials
import Glibc
import Testing

/// Clients written in Python: the `docker` and `kubernetes` packages, kubectl, the CLI on a terminal, HTTP. Each script reports its checks by lines.
@Suite("scripts", .enabled(if: Target.canServe))
struct ScriptTests {
  @Test(
    "checks of a script", arguments: ["sdk", "terminal", "dockerfiles", "compose", "compose_client", "compose_compare"])
  func script(_ name: String) throws {
    let fixture = try EngineFixture.shared
    // The comparison of compose files takes a minute and more on an idle machine.
    try Self.run(name, [], environment: fixture.environment, folder: fixture.scratch, deadlineSeconds: 900)
  }

  /// Scripts that start a server, and some an engine, in a folder of their own.
  @Test(
    "the server", .enabled(if: Target.canStart),
    arguments: [
      "server", "clients", "collection", "adversity", "metrics", "survival", "volumes", "network", "bootstrap",
      "kubectl", "cri", "pods", "services", "voting", "kubernetes_client",
    ])
  func server(_ name: String) throws {
    try Self.runAlone(name)
  }

  @Test("kill -9 of server and engine while images come and go", .enabled(if: Target.canStart))
  func crashImages() throws {
    let rounds = Target.crashImageRounds
    try Self.runAlone(
      "crash_images", ["\(rounds)", "\(Target.crashSeed)"], deadlineSeconds: 400 + rounds * 30)
  }

  @Test(
    "kill -9 of server, agent and engine while objects are written and pods come and go", .enabled(if: Target.canStart))
  func crashCluster() throws {
    let rounds = Target.crashClusterRounds
    try Self.runAlone(
      "crash_cluster", ["\(rounds)", "\(Target.crashSeed)"], deadlineSeconds: 400 + rounds * 60)
  }

  private static func runAlone(_ name: String, _ arguments: [String] = [], deadlineSeconds: Int = 400) throws {
    let program = try #require(Target.engineProgram)
    let folder = "\(EngineFixture.folderPrefix)\(getpid())-\(name)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    // The server's user has to reach its folders below.
    chmod(folder, 0o755)
    let isClean = try run(
      name, [program, folder] + arguments, environment: ProcessInfo.processInfo.environment, folder: folder,
      deadlineSeconds: deadlineSeconds)
    let leaks = Leftovers.of(folder: folder, root: "\(folder)/root")
    #expect(leaks == [], "\(name)")
    // The logs stay for who looks for the reason.
    Leftovers.end(folder: folder, keepsFiles: !isClean || !leaks.isEmpty)
  }

  /// Runs a script and records its failures; true where it has none.
  @discardableResult
  private static func run(
    _ name: String, _ arguments: [String], environment: [String: String], folder: String, deadlineSeconds: Int = 400
  ) throws -> Bool {
    let path = "\(Target.sources)/Tests/IntegrationTests/Python/\(name).py"
    let outcome = try Subprocess.run(
      ["python3", path] + arguments, environment: environment, folder: folder, deadlineSeconds: deadlineSeconds)
    var isDone = false
    var failures = 0
    for line in outcome.output.split(separator: "\n") {
      if line.hasPrefix("not ok ") {
        let text = "\(name): \(line.dropFirst("not ok ".count))"
        Issue.record(Comment(rawValue: text))
        failures += 1
      }
      if line.hasPrefix("# ") { print("\(name): \(line.dropFirst(2))") }
      if line.hasPrefix("done ") { isDone = true }
    }
    #expect(isDone, "\(name) did not come to its end: \(outcome.output.suffix(1000))\(outcome.errors.suffix(2000))")
    return isDone && failures == 0
  }
}
