import HTTPServing
import Model
import Testing

@testable import ContainerEngine
@testable import DockerAPI

/// What a container learns at an engine socket of its own.
@Suite struct ContainerSocketTests {
  private static let project = ContainerRecord.projectLabel

  /// A container with a secret in every place that must not be told.
  private static func secretive() throws -> ContainerView {
    let (settings, _) = try CreateRequest.settings(
      try Golden.fields("create-full.request.json"), version: .current, platform: nil)
    var record = Samples.record(settings: settings)
    record.settings.environment = ["TOKEN=SECRET"]
    record.settings.command = ["SECRET"]
    record.settings.entrypoint = ["SECRET"]
    record.settings.user = "SECRET"
    record.settings.workingDirectory = "/SECRET"
    record.settings.host.log.options = ["syslog-address": "SECRET"]
    record.settings.host.annotations = ["a": "SECRET"]
    record.settings.host.extraHosts = ["SECRET:10.0.0.1"]
    record.settings.host.sysctls = ["net.SECRET": "1"]
    record.settings.host.tmpfs = ["/SECRET": ""]
    record.arguments = ["SECRET"]
    record.environment = ["TOKEN=SECRET"]
    record.workingDirectory = "/SECRET"
    record.user = "SECRET"
    var check = HealthcheckSettings()
    check.test = ["CMD", "SECRET"]
    record.healthcheck = check
    record.labels = [project: "shop", "\(project).working_dir": "/home/SECRET", "traefik.enable": "true"]
    record.mounts = [
      MountPoint(
        kind: .bind, volumeName: nil, source: "/SECRET", destination: "/SECRET", readOnly: true, propagation: "",
        modeText: "", subpath: nil, noCopy: false, nonRecursive: false, tmpfsOptions: nil, shortSyntax: true)
    ]
    record.run.error = "SECRET"
    let health = HealthState(
      status: .unhealthy, failingStreak: 1,
      log: [.init(startedAt: 1, finishedAt: 2, exitCode: 1, output: "SECRET")])
    return ContainerView(
      record: record, health: health, execIDs: [], revision: 1, logPath: "/SECRET", hostnamePath: "/SECRET",
      hostsPath: "/SECRET", resolvConfPath: "/SECRET")
  }

  @Test func `variables, arguments, mounts, commands and paths of others are not told`() throws {
    let view = try Self.secretive()
    let whole = ContainerInspect.encode(view, sizes: nil, version: .v1(40), networkID: { _ in "" })
    #expect(String(decoding: whole, as: UTF8.self).contains("SECRET"))
    let outline = view.outline()
    let summary = ContainerSummary.encode(outline, image: "busybox", networkID: { _ in "" })
    for version in [APIVersion.v1(24), .v1(40), .current] {
      let bytes = ContainerInspect.encode(outline, sizes: nil, version: version, networkID: { _ in "" })
      let text = String(decoding: bytes + summary.head + summary.tail, as: UTF8.self)
      #expect(!text.contains("SECRET"), "\(text)")
      #expect(!text.contains("4711"), "no process number of the host")
      #expect(text.contains("traefik.enable") && text.contains(#""Status":"unhealthy""#) && text.contains("172.17.0.2"))
    }
  }

  @Test(
    "events of the project's containers alone, and never of what runs inside",
    arguments: [
      (EngineEvent.Kind.container, "start", "shop", true), (.container, "health_status: healthy", "shop", true),
      (.container, "exec_create: sh -c SECRET", "shop", false), (.container, "exec_start: sh", "shop", false),
      (.container, "start", "other", false), (.container, "start", "", false), (.container, "attach", "shop", false),
      (.container, "engine_socket", "shop", false), (.network, "connect", "shop", false),
      (.volume, "create", "shop", false),
    ])
  func events(kind: EngineEvent.Kind, action: String, project: String, isShown: Bool) {
    let event = EngineEvent(
      kind: kind, action: action, actorID: "1",
      attributes: [Self.project: project, "\(Self.project).working_dir": "/home/x", "name": "web"], time: 1)
    let shown = ProjectScope.shown(event, of: "shop")
    #expect((shown != nil) == isShown)
    #expect(shown?.attributes["\(Self.project).working_dir"] == nil)
  }

  @Test func `names and ids are looked up among the project's own`() throws {
    let views = [
      Samples.view(Samples.record("1", name: "web")), Samples.view(Samples.record("2", name: "db")),
    ]
    for (reference, name) in [("web", "web"), ("/db", "db"), ("222", "db"), (String(repeating: "1", count: 64), "web")]
    {
      #expect(try ProjectScope.find(reference, in: views).record.name == name)
    }
    for reference in ["", "3", "we", "other"] {
      let error = #expect(throws: PlatformError.self) { try ProjectScope.find(reference, in: views) }
      #expect(error?.code == .notFound && error?.message == "No such container: \(reference)")
    }
  }
}
