import FoundationEssentials
import Glibc
import Synchronization
import Testing

/// Kills the engine at a random moment of a mixed load, starts it again, and compares what it has with what it had
/// acknowledged. Rounds by BULKHEAD_CRASH_ROUNDS (10), repeatable by BULKHEAD_CRASH_SEED.
@Suite("crash", .enabled(if: Target.canStart), .serialized)
struct CrashTests {
  /// A small generator whose start is known.
  struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }

  /// What the clients were told.
  final class Acknowledged: Sendable {
    enum Presence: Sendable { case there, leaving }
    struct Things: Sendable {
      var containers: [String: Presence] = [:]
      var running: Set<String> = []
      var volumes: [String: Presence] = [:]
      var tags: [String: Presence] = [:]
    }
    private let things = Mutex(Things())
    var now: Things { things.withLock { $0 } }
    func change(_ work: (inout Things) -> Void) { things.withLock { work(&$0) } }
  }

  private static let workers = 3

  @Test("kill -9 at any moment loses nothing that was acknowledged and leaks nothing")
  func killAndRestart() throws {
    let seed = Target.crashSeed
    var random = Random(state: seed)
    let fixture = try EngineFixture()
    let acknowledged = Acknowledged()
    for round in 1...max(1, Target.crashRounds) {
      let note: Comment = "round \(round), BULKHEAD_CRASH_SEED=\(seed)"
      let process = try #require(fixture.process)
      let delay = UInt32.random(in: 1_000...400_000, using: &random)
      load(fixture, acknowledged, seed: random.next(), round: round) {
        usleep(delay)
        kill(process, SIGKILL)
      }
      fixture.end(SIGKILL)
      try fixture.start()
      try compare(fixture, acknowledged, note)
    }
    let leaks = fixture.tearDown()
    #expect(leaks.isEmpty, "seed \(seed): \(leaks.joined(separator: "\n"))")
  }

  /// Lets some clients work until the engine is gone.
  private func load(
    _ fixture: EngineFixture, _ acknowledged: Acknowledged, seed: UInt64, round: Int, killer: () -> Void
  ) {
    var threads: [Thread] = []
    for worker in 0..<Self.workers {
      threads.append(
        Thread {
          var random = Random(state: seed &+ UInt64(worker) &* 7919 | 1)
          var step = 0
          while Self.step(fixture, acknowledged, &random, name: "r\(round)w\(worker)s\(step)") { step += 1 }
        })
    }
    killer()
    for thread in threads { thread.join() }
  }

  /// One change by one client; false when the engine did not answer. What is acknowledged is written down.
  private static func step(
    _ fixture: EngineFixture, _ acknowledged: Acknowledged, _ random: inout Random, name: String
  ) -> Bool {
    func answered(_ method: String, _ target: String, _ body: String? = nil) -> Bool? {
      guard let answer = try? fixture.request(method, target, body: body) else { return nil }
      return (200..<300).contains(answer.status)
    }
    let things = acknowledged.now
    switch Int.random(in: 0..<10, using: &random) {
    case 0...3:
      let body = #"{"Image":"busybox","Cmd":["sleep","100000"],"HostConfig":{}}"#
      guard let created = answered("POST", "/containers/create?name=\(name)", body) else { return false }
      guard created else { return true }
      acknowledged.change { $0.containers[name] = .there }
      guard let started = answered("POST", "/containers/\(name)/start") else { return false }
      // Another worker may be removing it already.
      if started { acknowledged.change { if $0.containers[name] == .there { $0.running.insert(name) } } }
    case 4, 5:
      guard let victim = things.containers.filter({ $0.value == .there }).keys.randomElement(using: &random) else {
        break
      }
      acknowledged.change {
        $0.containers[victim] = .leaving
        $0.running.remove(victim)
      }
      guard let removed = answered("DELETE", "/containers/\(victim)?force=1") else { return false }
      if removed { acknowledged.change { $0.containers[victim] = nil } }
    case 6:
      guard let created = answered("POST", "/volumes/create", #"{"Name":"\#(name)"}"#) else { return false }
      if created { acknowledged.change { $0.volumes[name] = .there } }
    case 7:
      guard let tagged = answered("POST", "/images/busybox/tag?repo=\(name)&tag=1") else { return false }
      if tagged { acknowledged.change { $0.tags["\(name):1"] = .there } }
    case 8:
      guard let victim = things.running.randomElement(using: &random) else { break }
      acknowledged.change { _ = $0.running.remove(victim) }
      guard answered("POST", "/containers/\(victim)/kill") != nil else { return false }
    default:
      guard let victim = things.running.randomElement(using: &random) else { break }
      guard answered("POST", "/containers/\(victim)/exec", #"{"Cmd":["true"]}"#) != nil else { return false }
    }
    return true
  }

  private func compare(_ fixture: EngineFixture, _ acknowledged: Acknowledged, _ note: Comment) throws {
    let things = acknowledged.now
    let listed = try fixture.request("GET", "/containers/json?all=1").json.array
    var states: [String: String] = [:]
    for item in listed {
      states[String(item["Names"][0].string?.dropFirst() ?? "")] = item["State"].string
    }
    for (name, presence) in things.containers where presence == .there {
      #expect(states[name] != nil, "container \(name) is gone; \(note)")
    }
    for name in things.running {
      #expect(states[name] == "running", "container \(name) is \(states[name] ?? "gone"); \(note)")
      let inspected = try fixture.request("GET", "/containers/\(name)/json").json
      let process = pid_t(inspected["State"]["Pid"].integer ?? 0)
      #expect(process > 0 && kill(process, 0) == 0, "process of \(name) is not there; \(note)")
    }
    let volumes = Set(try fixture.request("GET", "/volumes").json["Volumes"].array.compactMap { $0["Name"].string })
    for name in things.volumes.keys { #expect(volumes.contains(name), "volume \(name) is gone; \(note)") }
    let tags = Set(
      try fixture.request("GET", "/images/json").json.array.flatMap { $0["RepoTags"].array.compactMap(\.string) })
    for tag in things.tags.keys { #expect(tags.contains(tag), "image \(tag) is gone; \(note)") }
    try expectAlive(fixture, note)
    // What was on its way out may be there or not; from here on nobody speaks of it.
    acknowledged.change { $0.containers = $0.containers.filter { $0.value == .there } }
    if let name = things.running.first {
      let outcome = try fixture.docker("exec", name, "echo", "alive")
      #expect(outcome.output == "alive\n", "exec in \(name): \(outcome.errors) \(note)")
    }
  }

  /// There is exactly one supervisor for each running container.
  private func expectAlive(_ fixture: EngineFixture, _ note: Comment) throws {
    // Both are counted anew each time: what was killed just before the engine may still be ending.
    func counts() throws -> (running: Int, supervisors: Int) {
      let listed = try fixture.request("GET", "/containers/json").json.array
      let supervisors = Leftovers.processes(naming: fixture.folder).filter { $0.command.contains("conmon") }
      return (listed.filter { $0["State"].string == "running" }.count, supervisors.count)
    }
    let settled = Waiting.until(seconds: 5) { (try? counts()).map { $0.running == $0.supervisors } ?? false }
    let last = try counts()
    #expect(settled, "\(last.supervisors) supervisors for \(last.running) running containers; \(note)")
  }

  @Test("exit codes and output of containers that end while the engine is away")
  func endsWhileAway() throws {
    let fixture = try EngineFixture()
    _ = try fixture.shell("docker run -d --name away busybox sh -c 'echo before; sleep 0.5; echo after; exit 42'")
    fixture.end(SIGKILL)
    #expect(Waiting.until { Leftovers.processes(naming: fixture.folder).isEmpty })
    try fixture.start()
    let outcome = try fixture.shell(
      "docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' away; docker logs away; docker wait away")
    #expect(outcome.output == "exited 42\nbefore\nafter\n42\n", "\(outcome.output)\(outcome.errors)")
    #expect(fixture.tearDown() == [])
  }

  @Test("restart policies hold over a crash, stopped ones stay stopped")
  func policiesAfterCrash() throws {
    let fixture = try EngineFixture()
    _ = try fixture.shell(
      """
      docker run -d --name always --restart always busybox sleep 0.3
      docker run -d --name stopped --restart unless-stopped busybox sleep 1000
      docker stop -t 0 stopped
      docker run -d --name published -p 127.0.0.1:28799:80 busybox sh -c 'echo page >/index.html; exec httpd -f -h /'
      """)
    fixture.end(SIGKILL)
    try fixture.start()
    let outcome = try fixture.shell(
      """
      until_true '[ "$(docker inspect -f "{{.State.Running}}" always)" = true ]'
      docker inspect -f '{{.State.Running}}' stopped
      until_true 'curl -sf --max-time 2 http://127.0.0.1:28799 >/dev/null'
      curl -s --max-time 5 http://127.0.0.1:28799
      """)
    #expect(outcome.output == "false\npage\n", "\(outcome.output)\(outcome.errors)")
    #expect(fixture.tearDown() == [])
  }

  @Test("stopping the engine with --stop-containers stops them and leaves nothing")
  func stopsContainers() throws {
    let fixture = try EngineFixture()
    fixture.end(SIGTERM)
    try fixture.start(["--stop-containers"])
    _ = try fixture.shell(
      "docker run -d --name one busybox sleep 1000; docker run -d --name two -p 28798:80 busybox sleep 1000")
    #expect(fixture.end(SIGTERM))
    #expect(Leftovers.of(folder: fixture.folder, root: fixture.root) == [])
    #expect(fixture.tearDown() == [])
  }
}
