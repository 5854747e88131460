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
}
