import HTTPServing
import KubeMachinery
import Testing

@testable import NodeAgent

struct ProbeTests {
  private func verdicts(
    _ kind: ContainerDocument.ProbeKind, _ probe: String, _ answers: String, known: Bool? = nil
  ) -> String {
    var counter = ProbeCounter(ProbeSchedule(kind, Sample.json(probe)), verdict: known)
    return answers.map { letter in
      let answer: ProbeAnswer = letter == "+" ? .success : letter == "-" ? .failure("") : .unknown("")
      switch counter.take(answer) {
      case nil: return "."
      case true?: return "+"
      case false?: return "-"
      }
    }.joined()
  }

  @Test(
    "Answers in a row make a verdict",
    arguments: [
      (.readiness, "{}", "+", "+"), (.readiness, "{}", "++", "+."), (.readiness, "{}", "---+--+", "..-+..."),
      (.readiness, #"{"successThreshold":2}"#, "+-++", "...+"),
      (.readiness, #"{"failureThreshold":1}"#, "+-+-", "+-+-"), (.readiness, "{}", "--?-", "...-"),
      (.liveness, "{}", "--+---", "..+..-"), (.liveness, #"{"failureThreshold":1}"#, "---", "---"),
      (.startup, #"{"failureThreshold":30}"#, "----+", "....+"),
    ] as [(ContainerDocument.ProbeKind, String, String, String)])
  func verdict(kind: ContainerDocument.ProbeKind, probe: String, answers: String, expected: String) {
    #expect(verdicts(kind, probe, answers) == expected)
  }

  @Test("What was ready before the agent began stays so until it fails often enough")
  func known() {
    #expect(verdicts(.readiness, "{}", "--+", known: true) == "...")
    #expect(verdicts(.readiness, "{}", "---", known: true) == "..-")
  }

  @Test("Who has never been ready is asked often at first, never more seldom than its period says")
  func waits() {
    var counter = ProbeCounter(ProbeSchedule(.readiness, Sample.json(#"{"periodSeconds":1}"#)))
    var waits: [Int64] = []
    for _ in 0..<6 {
      _ = counter.take(.failure(""))
      waits.append(counter.waitMilliseconds)
    }
    #expect(waits == [200, 400, 800, 1_000, 1_000, 1_000])
    _ = counter.take(.success)
    #expect(counter.waitMilliseconds == 1_000)
    var life = ProbeCounter(ProbeSchedule(.liveness, Sample.json("{}")))
    _ = life.take(.failure(""))
    #expect(life.waitMilliseconds == 10_000)
  }

  @Test("Times of any length are times")
  func lengths() {
    let most = #"{"periodSeconds":9223372036854775807,"timeoutSeconds":9223372036854775807,"initialDelaySeconds":-1}"#
    let schedule = ProbeSchedule(.readiness, Sample.json(most))
    #expect(
      schedule.period == 2_147_483_647 && schedule.timeout == ProbeSchedule.maxTimeout && schedule.initialDelay == 0)
    var counter = ProbeCounter(schedule, verdict: true)
    _ = counter.take(.success)
    #expect(counter.waitMilliseconds == 2_147_483_647_000)
    let pod = Sample.pod(#"{"terminationGracePeriodSeconds":9223372036854775807}"#)
    #expect(pod.graceSeconds == 2_147_483_647)
    let deadline = Sample.pod(
      #"{"activeDeadlineSeconds":9223372036854775807}"#, status: #"{"startTime":"2027-01-15T08:00:00Z"}"#)
    #expect(Sample.view(deadline).deadline?.text == "9999-12-31T23:59:59Z")
    let restarts = Sample.pod(
      status:
        #"{"containerStatuses":[{"name":"c","containerID":"x","restartCount":9223372036854775807,"state":{"running":{}}}]}"#
    )
    #expect(PodPlan(Sample.view(restarts)).words == ["start c 2147483648"])
  }

  private static let container = ContainerDocument(
    Sample.json(#"{"name":"c","ports":[{"name":"web","containerPort":8080}]}"#), .main)

  private static func elsewhere(_ host: String) -> ProbeTarget {
    .impossible("the host \(host) is not asked: probes and hooks reach the pod's own address only")
  }

  static let targets: [(String, ProbeTarget)] = [
    (#"{"exec":{"command":["a","b"]}}"#, .execute(["a", "b"])),
    (#"{"tcpSocket":{"port":"web"}}"#, .tcp(host: "10.0.0.1", port: 8_080)),
    (#"{"tcpSocket":{"port":"none"}}"#, .impossible(#"the container has no port "none""#)),
    (#"{"tcpSocket":{"port":70000}}"#, .impossible("the container has no port 70000")),
    (
      #"{"httpGet":{"path":"x?y=1","port":80,"scheme":"HTTPS","httpHeaders":[{"name":"A","value":"b"}]}}"#,
      .http(
        ProbeTarget.HTTPCheck(
          isEncrypted: true, host: "10.0.0.1", port: 80, path: "/x?y=1", headers: [EnvironmentVariable("A", "b")]))
    ),
    (#"{"tcpSocket":{"port":80,"host":"10.0.0.1"}}"#, .tcp(host: "10.0.0.1", port: 80)),
    (#"{"httpGet":{"port":80,"host":"169.254.169.254"}}"#, elsewhere("169.254.169.254")),
    (#"{"httpGet":{"port":80,"host":"127.0.0.1"}}"#, elsewhere("127.0.0.1")),
    (#"{"httpGet":{"port":80,"host":"10.0.0.1.evil.test"}}"#, elsewhere("10.0.0.1.evil.test")),
    (#"{"tcpSocket":{"port":80,"host":"localhost"}}"#, elsewhere("localhost")),
    (#"{"grpc":{"port":9,"service":"s"}}"#, .grpc(port: 9, service: "s")),
    (#"{"sleep":{"seconds":3}}"#, .sleep(seconds: 3)), ("{}", .impossible("the handler names no action")),
  ]

  @Test("What a probe or a hook does", arguments: targets)
  func target(action: String, expected: ProbeTarget) {
    #expect(ProbeTarget(Sample.json(action), of: Self.container, address: "10.0.0.1") == expected)
  }

  @Test(
    "Redirects are followed within their origin only",
    arguments: [
      ("/b", "/b"), ("http://h:80/c", "/c"), ("http://h:80", "/"), ("http://h:80?q", "/?q"), ("http://h:801/c", nil),
      ("http://h:80.evil.test/", nil), ("//evil.test/", nil), ("https://h:80/", nil), ("http://other/", nil),
    ] as [(String, String?)])
  func redirects(location: String, path: String?) {
    #expect(NodeProbes.path(location, origin: "http://h:80") == path)
  }

  @Test("The health service's messages are read and written")
  func health() throws {
    #expect(GRPCHealth.request("") == [0, 0, 0, 0, 0])
    #expect(GRPCHealth.request("ab") == [0, 0, 0, 0, 4, 0x0A, 2, 97, 98])
    let long = GRPCHealth.request(String(repeating: "a", count: 200))
    #expect(Array(long.prefix(8)) == [0, 0, 0, 0, 203, 0x0A, 0xC8, 1])
    #expect(try GRPCHealth.isServing([0, 0, 0, 0, 2, 8, 1]))
    #expect(try !GRPCHealth.isServing([0, 0, 0, 0, 2, 8, 2]))
    #expect(try !GRPCHealth.isServing([0, 0, 0, 0, 0]))
    #expect(throws: GRPCHealth.Failure.self) { try GRPCHealth.isServing([1, 0]) }
  }
}
