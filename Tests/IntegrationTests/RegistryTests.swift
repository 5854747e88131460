import Testing

/// Pull, push and login against a real registry, through docker's client and ours.
@Suite("registries", .enabled(if: Target.canStart), .serialized)
struct RegistryTests {
  private static let policy = """
    registries:
      insecure:
        - 127.0.0.1

    """

  @Test("docker-registry, and the server's cache of it", arguments: ["registries", "caches"])
  func peer(cases: String) throws {
    let fixture = try EngineFixture(policy: Self.policy)
    for line in CaseFile.cases(cases) { try line.check(on: fixture, deadlineSeconds: 120) }
    #expect(fixture.tearDown() == [])
  }
}
