import FoundationEssentials
import Model
import Testing

@testable import ContainerEngine
@testable import DockerAPI

/// What containers look like on the wire.
@Suite struct ContainerGoldenTests {
  private static func networkID(_ name: String) -> String { Samples.networkID.hex }

  @Test func listsAContainer() throws {
    let view = Samples.view(Samples.record())
    let entry = ContainerSummary.encode(view, image: "busybox:latest", networkID: Self.networkID)
    let status = ContainerWords.status(view.record.run, nil, now: Samples.time + 200_000_000_000)
    var bytes: [UInt8] = []
    ContainerSummary.write(entry, status: status, sizes: nil, into: &bytes)
    try Golden.expect(bytes, is: "container-list-entry.json")
    var sized: [UInt8] = []
    ContainerSummary.write(entry, status: status, sizes: (12, 345), into: &sized)
    try Golden.expect(sized, is: "container-list-entry-sizes.json")
  }

  @Test func inspectsARunningContainer() throws {
    let health = HealthState(
      status: .healthy, failingStreak: 0,
      log: [.init(startedAt: Samples.time, finishedAt: Samples.time + 5, exitCode: 0, output: "ok\n")])
    let bytes = ContainerInspect.encode(
      Samples.view(Samples.record(), health: health), sizes: nil, version: .current, networkID: Self.networkID)
    try Golden.expect(bytes, is: "container-inspect.json")
  }

  @Test func showsACreatedContainerAsItWasAskedFor() throws {
    let (settings, _) = try CreateRequest.settings(
      try Golden.fields("create-full.request.json"), version: .current, platform: nil)
    var record = Samples.record(settings: settings)
    record.run = ContainerRunState()
    record.endpoints = [:]
    record.publishedPorts = []
    record.networks = settings.networks
    record.healthcheck = settings.healthcheck
    record.arguments = ["/bin/e", "sh", "-c", "echo a b"]
    let bytes = ContainerInspect.encode(
      Samples.view(record), sizes: (1, 2), version: .v1(43), networkID: { _ in "" })
    try Golden.expect(bytes, is: "container-inspect-created.json")
  }

  @Test(arguments: [true, false])
  func sendsStatistics(version2: Bool) throws {
    let bytes = StatsResponse.encode(
      Samples.stats(version2: version2, offset: 1_000), before: Samples.stats(version2: version2),
      record: Samples.record())
    try Golden.expect(bytes, is: version2 ? "stats-v2.json" : "stats-v1.json")
  }

  @Test func sendsZeroStatisticsOfAStoppedContainer() throws {
    var sample = Samples.stats(version2: true)
    sample.cgroup = nil
    sample.networks = []
    try Golden.expect(StatsResponse.encode(sample, before: nil, record: Samples.record()), is: "stats-stopped.json")
  }

  @Test func answersWaits() {
    #expect(
      String(decoding: ContainerLifeRoutes.waitAnswer(code: 3, error: nil), as: UTF8.self) == "{\"StatusCode\":3}\n")
    #expect(
      String(decoding: ContainerLifeRoutes.waitAnswer(code: 127, error: "no \"x\""), as: UTF8.self)
        == "{\"StatusCode\":127,\"Error\":{\"Message\":\"no \\\"x\\\"\"}}\n")
  }

  @Test func inspectsAnExec() throws {
    var settings = ExecSettings(arguments: ["sh", "-c", "true"])
    settings.attachStdin = true
    settings.user = "1"
    let view = ExecView(
      id: ExecID(unchecked: String(repeating: "2", count: 64)), container: Samples.containerID(), settings: settings,
      running: false, exitCode: 0, pid: 0)
    try Golden.expect(ExecRoutes.encode(view), is: "exec-inspect.json")
  }

  @Test func tellsOfAPath() throws {
    let epoch = PathStat(name: "f", sizeBytes: 0, mode: 420, modifiedAt: 0, linkTarget: "")
    let old = try #require(Data(base64Encoded: ArchiveRoutes.encode(epoch)))
    #expect(String(decoding: old, as: UTF8.self).contains(#""mtime":"1970-01-01T00:00:00Z""#))
    let stat = PathStat(name: "etc", sizeBytes: 4_096, mode: 2_147_484_141, modifiedAt: Samples.time, linkTarget: "")
    let text = try #require(Data(base64Encoded: ArchiveRoutes.encode(stat)))
    #expect(
      String(decoding: text, as: UTF8.self)
        == #"{"name":"etc","size":4096,"mode":2147484141,"mtime":"2026-01-02T03:04:05.123456789Z","linkTarget":""}"#)
  }

  @Test func keepsEntriesUntilTheirContainerChanges() {
    let cache = ContainerSummaryCache()
    var record = Samples.record()
    func entry(_ revision: UInt64, _ image: String) -> ContainerSummary.Encoded {
      cache.entry(record.id, revision: revision, image: image) {
        ContainerSummary.encode(Samples.view(record, revision: revision), image: $0, networkID: Self.networkID)
      }
    }
    let first = entry(1, "i")
    record.name = "other"
    #expect(entry(1, "i").head == first.head)
    let changed = entry(2, "i")
    #expect(changed.head != first.head)
    #expect(entry(2, "sha256:1").head != changed.head)
  }

  @Test func wordsStates() {
    var run = ContainerRunState()
    let now = Samples.time
    func status(_ health: HealthState.Status? = nil) -> String { ContainerWords.status(run, health, now: now) }
    #expect(status() == "Created")
    run.status = .running
    run.startedAt = now - 65_000_000_000
    #expect(status() == "Up About a minute")
    #expect(status(.starting) == "Up About a minute (health: starting)")
    #expect(status(.unhealthy) == "Up About a minute (unhealthy)")
    run.status = .paused
    #expect(status() == "Up About a minute (Paused)")
    run.finishedAt = now - 3_000_000_000
    run.exitCode = 9
    run.status = .exited
    #expect(status() == "Exited (9) 3 seconds ago")
    run.status = .restarting
    #expect(status() == "Restarting (9) 3 seconds ago")
    run.status = .removing
    #expect(status() == "Removal In Progress")
  }
}
