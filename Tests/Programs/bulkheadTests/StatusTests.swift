import Testing

@testable import bulkhead

@Suite struct StatusTests {
  private typealias Answers = [StatusQuestion: StatusQuestion.Answer]

  private static let now: Int64 = 1_800_000_000

  private static func json(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

  private static let info =
    #"{"ServerVersion":"0.1.0","DockerRootDir":"/r","ContainersRunning":3,"ContainersPaused":1,"ContainersStopped":5,"Images":12}"#
  private static let usage =
    #"{"LayersSize":1000,"Containers":[{"SizeRw":20},{}],"Volumes":[{"UsageData":{"Size":300}},{"UsageData":{"Size":-1}}],"BuildCache":[{"Size":4}]}"#
  private static let server =
    #"{"version":"0.1.0","startedAt":1,"addresses":["https://127.0.0.1:5443"],"certificateEndsAt":1807776000,"projects":2,"usedBytes":5000,"freeBytes":70000}"#
  private static let cluster =
    #"{"addresses":["https://127.0.0.1:6443"],"certificateEndsAt":1807776000,"nodes":1,"nodesNotReady":[],"pods":{"Succeeded":1,"Running":4},"podsNotReady":1,"#
    + #""workloads":2,"workloadsUnsettled":[],"services":3,"servicesWithoutEndpoints":["a/b"],"warnings":[{"at":1799999880,"namespace":"a","object":"pod/x","reason":"BackOff","message":"again","count":3}]}"#
  private static let doctor =
    #"{"checks":[{"status":"ok","title":"Kernel"},{"status":"warn","title":"Rights"},{"status":"info","title":"Groups"}]}"#
  private static let agent = #"{"node":"n1","address":"192.0.2.1","version":"1.33","pods":5}"#

  private static func answers(_ changes: Answers = [:]) throws -> Answers {
    let well: [StatusQuestion: String] = [
      .engine: info, .disk: usage, .host: doctor, .server: server, .cluster: cluster, .agent: agent,
    ]
    return try well.mapValues { StatusQuestion.Answer.told(try json($0)) }.merging(changes) { $1 }
  }

  private static func report(
    _ changes: Answers = [:], parts: [StatusPart.Name] = StatusPart.Name.allCases, free: Int64 = 80_000
  ) throws -> StatusReport {
    StatusReport(
      parts, try answers(changes), now: now, space: { $0 == "/r" ? (freeBytes: free, totalBytes: 100_000) : nil })
  }

  @Test func `all that is well is a page`() throws {
    let report = try Self.report()
    #expect(report.isWell)
    #expect(
      report.page == """
        PART      STATE   WHAT
        engine    up      version 0.1.0, root /r
                          containers: 3 running, 1 paused, 5 stopped; images: 12
                          disk: 1.32kB used, 80kB free of 100kB
        host      up      checks: 3, warnings: 1 (Rights)
        server    up      version 0.1.0, https://127.0.0.1:5443
                          certificate: until 2027-04-15
                          projects: 2, 5kB used, 70kB free
        cluster   up      https://127.0.0.1:6443
                          certificate: until 2027-04-15
                          nodes: 1 of 1 ready
                          pods: 4 Running (1 not ready), 1 Succeeded
                          workloads: 2
                          services: 3, 1 without a ready endpoint: a/b
                          warning: 2 minutes ago, a pod/x: BackOff: again (3 times)
        agent     up      node n1 (192.0.2.1), pods: 5

        """)
    #expect(report.json["State"] == "up")
    #expect(report.json["Engine"].compact.hasPrefix(#"{"State":"up","Version":"0.1.0","Root":"/r","Running":3"#))
    #expect(report.json["Engine"]["UsedBytes"] == 1_324 && report.json["Cluster"]["Pods"]["Running"] == 4)
    #expect(report.json["Server"]["CertificateEndsAt"] == "2027-04-15T08:00:00Z")
  }

  private static func changed(_ text: String, _ old: String, _ new: String) throws -> StatusQuestion.Answer {
    .told(try json(text.replacing(old, with: new)))
  }

  @Test(
    arguments: [
      (.engine, .late, .engine, .down, "no answer within 2 s: its log says why ('journalctl -u bulkhead-engine')"),
      (.server, .failed(ClientError("gone", status: 500)), .server, .down, "gone"),
      (.agent, .failed(ClientError("the agent is not running")), .agent, .down, "the agent is not running"),
      (.cluster, .late, .cluster, .down, "no answer within 2 s: its log says why ('journalctl -u bulkhead-server')"),
    ] as [(StatusQuestion, StatusQuestion.Answer, StatusPart.Name, StatusPart.State, String)])
  func `what does not answer is down`(
    question: StatusQuestion, answer: StatusQuestion.Answer, name: StatusPart.Name, state: StatusPart.State,
    problem: String
  ) throws {
    let report = try Self.report([question: answer])
    let part = try #require(report.parts.first { $0.name == name })
    #expect(part.state == state && part.problems == [problem] && !report.isWell && report.json["State"] == "down")
    #expect(report.page.hasSuffix("\nWhat needs care:\n  \(name.rawValue): \(problem)\n"))
    // The others are told of nevertheless.
    #expect(report.parts.filter { $0.name != name }.allSatisfy { $0.state == .up })
  }

  @Test(
    arguments: [
      (StatusQuestion.host, doctor, #"{"status":"ok","#, #"{"status":"fail","#, "for want of: Kernel"),
      (.server, server, "1807776000", "1800000000", "its certificate is over"),
      (.server, server, "1807776000", "1800950400", "ends in 11 days and was not renewed"),
      (.cluster, cluster, #""nodesNotReady":[]"#, #""nodesNotReady":["n1"]"#, "not ready: node n1"),
      (.cluster, cluster, #""nodes":1"#, #""nodes":0"#, "no node has registered"),
      (
        .cluster, cluster, #""workloadsUnsettled":[]"#,
        #""workloadsUnsettled":[{"kind":"Deployment","namespace":"a","name":"web","wanted":3,"available":2}]"#,
        "deployment a/web has 2 of 3 pods"
      ),
    ])
  func `what is not as it should be is degraded`(
    question: StatusQuestion, text: String, old: String, new: String, problem: String
  ) throws {
    let report = try Self.report([question: try Self.changed(text, old, new)])
    let part = try #require(report.parts.first { $0.state == .degraded })
    #expect(part.problems.count == 1 && part.problems[0].contains(problem), "\(part.problems)")
    #expect(report.json["State"] == "degraded" && !report.isWell)
  }

  @Test func `a disk with less than a twentieth free needs care`() throws {
    #expect(try Self.report(free: 5_000).isWell)
    let report = try Self.report(free: 4_999)
    #expect(report.parts[0].problems.count == 1 && report.parts[0].state == .degraded)
    // How much is used may take longer to find out.
    let late = try Self.report([.disk: .late])
    #expect(late.isWell && late.page.contains("disk: unknown used, 80kB free of 100kB"))
  }

  @Test func `who may not look sees less, and that is no fault`() throws {
    let forbidden = StatusQuestion.Answer.forbidden(isListening: true)
    let report = try Self.report([
      .engine: forbidden, .disk: forbidden, .server: forbidden, .cluster: forbidden,
      .agent: .forbidden(isListening: false), .host: .failed(ClientError("'bulkheadd' is not there")),
    ])
    #expect(report.isWell && report.parts.allSatisfy { $0.state == .hidden })
    #expect(report.json["Engine"].compact == #"{"State":"hidden","Listening":true,"Problems":[]}"#)
    #expect(report.page.contains("host      hidden   not looked at: 'bulkheadd' is not there\n"))
    #expect(report.page.contains("agent     hidden   nothing is seen of it"))
  }

  @Test func `a server without a cluster needs no agent`() throws {
    let none = StatusQuestion.Answer.failed(ClientError("this server serves no cluster", status: 404))
    let stopped = StatusQuestion.Answer.failed(ClientError("the agent is not running"))
    let report = try Self.report([.cluster: none, .agent: stopped])
    #expect(report.isWell && report.parts.suffix(2).allSatisfy { $0.state == .unused })
    #expect(try Self.report([.cluster: none], parts: [.agent]).parts.map(\.state) == [.up])
    #expect(try !Self.report([.agent: stopped], parts: [.agent]).isWell)
  }

  @Test func `long lists are cut`() throws {
    let names = (1...7).map { #"{"kind":"Deployment","namespace":"a","name":"w\#($0)","wanted":1,"available":0}"# }
    let warnings = (1...7).map {
      #"{"at":\#(Self.now),"namespace":"a","object":"pod/\#($0)","reason":"R","message":"m\n","count":1}"#
    }
    let text = Self.cluster
      .replacing(#""workloadsUnsettled":[]"#, with: #""workloadsUnsettled":[\#(names.joined(separator: ","))]"#)
      .replacing(#""warnings":[{"#, with: #""warnings":[\#(warnings.joined(separator: ",")),{"#)
    let report = try Self.report([.cluster: .told(try Self.json(text))], parts: [.cluster])
    #expect(report.parts[0].problems.count == 6)
    #expect(report.parts[0].problems.last == "2 more have another number of pods than wanted")
    #expect(report.page.contains("… 3 more warnings") && report.page.contains("a pod/1: R: m\n"))
  }

  @Test(
    arguments: [
      (nil, nil, "/run/bulkhead/server/admin.sock", "/run/bulkhead/agent/agent.sock"),
      (nil, nil, "/tmp/r/server/admin.sock", "/tmp/r/agent/agent.sock"),
      (nil, nil, "/tmp/own.sock", "/run/bulkhead/agent/agent.sock"),
      (nil, "/e/a.sock", "/tmp/r/server/admin.sock", "/e/a.sock"),
      ("unix:///o/a.sock", "/e/a.sock", "/tmp/r/server/admin.sock", "/o/a.sock"),
    ] as [(String?, String?, String, String)])
  func `the agent is found beside the server`(
    option: String?, environment: String?, server: String, expected: String
  ) throws {
    let address = try EngineAddress.resolveAgent(
      option: option, beside: try EngineAddress(parsing: server, service: .server),
      environment: { $0 == "BULKHEAD_AGENT" ? environment : nil })
    #expect(address.path == expected && address.service == .agent)
  }
}
