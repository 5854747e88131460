import Glibc
import Testing

/// An engine whose engine.yaml allows what the default forbids, and has defaults of its own.
@Suite("policy", .enabled(if: Target.canStart), .serialized)
struct PolicyTests {
  private static let permissive = """
    privileged: true
    hostNamespaces: {network: true, pid: true, ipc: true, uts: true, user: true, cgroup: true}
    devices: {allowed: [/dev/null, /dev/bulkhead-test/*], cgroupRules: true}
    hostPaths:
      allowed:
        - path: /etc
          readOnly: true
    defaults: {logDriver: local, pidsLimit: 99, sharedMemorySizeBytes: 8388608}

    """

  @Test("what a policy allows is done, and its defaults hold and are told")
  func permissivePolicy() throws {
    let fixture = try EngineFixture(policy: Self.permissive)
    for line in CaseFile.cases("policy") { try line.check(on: fixture) }
    #expect(fixture.tearDown() == [])
  }

  @Test("ATT-032 a build gets no network of the host that the policy denies")
  func buildsWithoutHostNetwork() throws {
    let fixture = try EngineFixture(policy: "hostNamespaces: {network: false}\n")
    let script = """
      printf 'FROM busybox\nRUN true\n' >Dockerfile
      DOCKER_BUILDKIT=0 docker build --network host . >docker 2>&1 && echo built
      "$CLIENT" build --progress plain --network host . >option 2>&1 && echo built
      grep -l hostNamespaces.network docker option
      """
    #expect(try fixture.shell(script).output == "docker\noption\n")
    #expect(fixture.tearDown() == [])
  }

  @Test("what a policy says of builds")
  func builds() throws {
    let fixture = try EngineFixture(policy: "builds: {hosts: [127.0.0.1]}\n")
    for line in CaseFile.cases("build-policy") { try line.check(on: fixture) }
    #expect(fixture.tearDown() == [])
  }

  @Test("a container's health is kept over a restart of the engine")
  func healthIsKept() throws {
    let fixture = try EngineFixture()
    let script = """
      docker run -d --name sick --health-cmd 'echo told; exit 1' --health-interval 200ms --health-retries 1 busybox sleep 1000
      until_true '[ "$(docker inspect -f "{{.State.Health.Status}}" sick)" = unhealthy ]'
      # From now on the next probe is far away.
      docker run -d --name well --health-cmd true --health-interval 1h --health-start-period 1h \
      --health-start-interval 200ms busybox sleep 1000
      until_true '[ "$(docker inspect -f "{{.State.Health.Status}}" well)" = healthy ]'
      """
    #expect(try fixture.shell(script).status == 0)
    for signal in [SIGKILL, SIGTERM] {
      #expect(fixture.end(signal))
      try fixture.start()
      let told = try fixture.docker(
        "inspect", "-f", "{{.State.Health.Status}} {{(index .State.Health.Log 0).ExitCode}}", "well", "sick")
      #expect(told.output == "healthy 0\nunhealthy 1\n", "after signal \(signal): \(told.errors)")
    }
    #expect(fixture.tearDown() == [])
  }
}
