import Testing

/// Without an engine all other tests would be off; this one says so.
@Suite("programs")
struct ProgramTests {
  @Test("there is an engine to test, and the rights to run it")
  func engineIsThere() {
    #expect(Target.isRoot, "integration tests need root")
    #expect(
      Target.isForeign || Target.engineProgram != nil,
      "no bulkheadd beside the tests, and BULKHEAD_PROGRAMS does not name its folder")
  }

  @Test("an engine whose policy file is missing does not start", .enabled(if: Target.canStart))
  func missingPolicy() throws {
    let program = try #require(Target.engineProgram)
    for role in ["engine", "doctor"] {
      let folder = "/tmp/bulkhead-no-policy"
      let outcome = try Subprocess.run(
        [program, role, "--root", folder, "--run", folder, "--config", "/nonexistent/engine.yaml"],
        folder: "/tmp", deadlineSeconds: 20)
      #expect(outcome.status != 0)
      #expect(outcome.errors.contains("/nonexistent/engine.yaml is not there"))
    }
  }

  @Test(
    "an option that a role does not have is refused, and its help does not name it", .enabled(if: Target.canStart),
    arguments: [("agent", "--config"), ("engine", "--node-address"), ("doctor", "--stop-containers")])
  func foreignOption(_ role: String, _ option: String) throws {
    let program = try #require(Target.engineProgram)
    let outcome = try Subprocess.run([program, role, option, "x"], folder: "/tmp", deadlineSeconds: 20)
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains("Unknown option '\(option)'"))
    let help = try Subprocess.run([program, role, "--help"], folder: "/tmp", deadlineSeconds: 20)
    #expect(help.status == 0 && !help.output.contains(option))
  }

  @Test(
    "nothing but the loopback is served unencrypted", .enabled(if: Target.canStart),
    arguments: ["0.0.0.0:0", "192.0.2.1:0", "[::]:0", "localhost:0", "128.0.0.1:0"])
  func plainOnLoopbackOnly(_ address: String) throws {
    let program = try #require(Target.engineProgram)
    let folder = "/tmp/bulkhead-no-plain"
    let outcome = try Subprocess.run(
      [program, "server", "--root", folder, "--run", folder, "--listen-plain", address], folder: "/tmp",
      deadlineSeconds: 20)
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains("invalid --listen-plain '\(address)'"))
  }
}
