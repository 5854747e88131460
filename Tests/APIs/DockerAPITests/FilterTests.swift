import Model
import Testing

@testable import ContainerEngine
@testable import DockerAPI

@Suite struct FilterTests {
  @Test func readsBothForms() throws {
    let lists = try Filters(json: #"{"name":["a","b"],"label":["x=y"]}"#)
    let maps = try Filters(json: #"{"name":{"a":true,"b":true},"label":{"x=y":true}}"#)
    #expect(lists == maps)
    #expect(try Filters(json: "")["name"] == [])
    #expect(try Filters(json: "null")["name"] == [])
  }

  @Test(arguments: ["[]", "{", #"{"a":5}"#, #"{"a":["b",1]}"#, #"{"a":{"b":"c"}}"#, "\"x\""])
  func refusesOtherForms(_ text: String) {
    let error = #expect(throws: PlatformError.self) { try Filters(json: text) }
    #expect(error?.code == .invalidArgument)
  }

  private static let patterns: [(String, String, Bool)] = [
    ("web", "my-web-1", true), ("^web$", "web", true), ("^web$", "web1", false), ("^/web", "/web", true),
    ("w.b", "wxb", true), ("(a|b)+c", "xababc", true), ("[a-c]{2}", "xacx", true), ("[^a-c]", "abc", false),
    ("a{2,3}$", "baa", true), ("a{2,3}$", "ba", false), ("\\d+", "v42", true), ("\\.", "ab", false), ("", "any", true),
    ("a*", "", true), ("a||b", "x", true), ("(?:ab)?c", "abc", true), ("[]a]", "]", true),
  ]

  @Test(arguments: patterns)
  func matchesPatterns(_ pattern: String, _ text: String, _ expected: Bool) throws {
    #expect(try #require(NamePattern(pattern)).matches(text) == expected)
  }

  @Test(arguments: [
    "(", "[a", "*a", "a{3,2}", "a)", "(((((((((((((((((((((((((((((((((a", "\\", "((a{999}){999}){999}",
    "(){999}{999}{999}{999}",
    "((){0,999}){999}", "(^){999}{999}{999}", "(|){999}{999}{999}",
  ])
  func refusesPatterns(_ pattern: String) {
    #expect(NamePattern(pattern) == nil)
  }

  @Test func isNotSlowedDownByPatterns() throws {
    let pattern = try #require(NamePattern("(a*)*(a|aa)*(a+)+$"))
    #expect(!pattern.matches(String(repeating: "a", count: 5_000) + "b"))
  }

  @Test(arguments: [
    ("busybox", "busybox", true), ("busybox", "busybox:latest", false), ("busy*", "busybox", true),
    ("*", "a/b", false), ("*/*", "a/b", true), ("b?x", "box", true), ("a.b", "axb", false), ("[ab]x", "bx", true),
  ])
  func matchesGlobs(_ glob: String, _ text: String, _ expected: Bool) throws {
    #expect(try #require(NamePattern(glob: glob)).matches(text) == expected)
  }

  // MARK: containers

  private static func views() -> [ContainerView] {
    var stopped = Samples.record("2", name: "db")
    stopped.run.status = .exited
    stopped.run.exitCode = 3
    stopped.labels = ["tier": "back"]
    stopped.endpoints = [:]
    stopped.networks = [NetworkAttachment(network: "nn")]
    var created = Samples.record("3", name: "fresh")
    created.run = ContainerRunState()
    return [
      Samples.view(Samples.record("1", name: "web"), health: HealthState(status: .healthy)), Samples.view(stopped),
      Samples.view(created),
    ]
  }

  private static var lookups: ContainerFilter.Lookups {
    ContainerFilter.Lookups(
      container: { reference in
        guard let view = views().first(where: { $0.record.name == reference }) else {
          throw PlatformError(.notFound, "No such container: \(reference)")
        }
        return view.record.id
      }, images: { $0 == "busybox" ? [Samples.imageID] : [] }, networkID: { $0 == "nn" ? "abc123" : "" })
  }

  private static let selections: [(String, Bool, Int, [String])] = [
    ("", false, 0, ["web"]), ("", true, 0, ["web", "db", "fresh"]), ("", false, 2, ["web", "db"]),
    (#"{"name":["w"]}"#, true, 0, ["web"]), (#"{"name":["^/db$","fresh"]}"#, true, 0, ["db", "fresh"]),
    (#"{"id":["22"]}"#, true, 0, ["db"]), (#"{"status":["exited"]}"#, false, 0, ["db"]),
    (#"{"exited":["3"]}"#, true, 0, ["db"]), (#"{"exited":["0"]}"#, true, 0, []),
    (#"{"label":["tier"]}"#, true, 0, ["web", "db", "fresh"]), (#"{"label":["tier=back"]}"#, true, 0, ["db"]),
    (#"{"label":["tier","none"]}"#, true, 0, []), (#"{"health":["healthy"]}"#, true, 0, ["web"]),
    (#"{"ancestor":["busybox"]}"#, true, 0, ["web", "db", "fresh"]), (#"{"ancestor":["gone"]}"#, true, 0, []),
    (#"{"before":["db"]}"#, true, 0, ["fresh"]), (#"{"since":["db"]}"#, true, 0, ["web"]),
    (#"{"volume":["data"]}"#, true, 1, ["web"]), (#"{"volume":["/srv"]}"#, true, 1, ["web"]),
    (#"{"volume":["x"]}"#, true, 0, []), (#"{"network":["nn"]}"#, true, 0, ["db"]),
    (#"{"network":["abc"]}"#, true, 0, ["db"]), (#"{"network":["bridge"]}"#, true, 0, ["web", "fresh"]),
    (#"{"publish":["8080"]}"#, true, 0, ["web"]), (#"{"publish":["8000-8100/tcp"]}"#, true, 0, ["web"]),
    (#"{"publish":["80"]}"#, true, 0, []), (#"{"expose":["80/tcp"]}"#, true, 0, ["web"]),
    (#"{"expose":["80/udp"]}"#, true, 0, []),
    (#"{"is-task":["true"]}"#, true, 0, []), (#"{"is-task":["false"]}"#, false, 0, ["web"]),
  ]

  @Test(arguments: selections)
  func selectsContainers(_ text: String, _ all: Bool, _ limit: Int, _ expected: [String]) throws {
    let filter = try ContainerFilter(try Filters(json: text), all: all, limit: limit, lookups: Self.lookups)
    let views = Self.views()
    #expect(filter.select(views).map { views[$0].record.name } == expected)
  }

  @Test(arguments: [
    (#"{"bogus":["x"]}"#, PlatformError.Code.invalidArgument), (#"{"status":["up"]}"#, .invalidArgument),
    (#"{"health":["ill"]}"#, .invalidArgument), (#"{"exited":["x"]}"#, .invalidArgument),
    (#"{"publish":["8:0"]}"#, .invalidArgument), (#"{"is-task":["perhaps"]}"#, .invalidArgument),
    (#"{"before":["gone"]}"#, .notFound),
  ])
  func refusesContainerFilters(_ text: String, _ code: PlatformError.Code) {
    let error = #expect(throws: PlatformError.self) {
      try ContainerFilter(try Filters(json: text), all: true, limit: 0, lookups: Self.lookups)
    }
    #expect(error?.code == code)
  }

  // MARK: events

  private static let event = EngineEvent(
    kind: .container, action: "exec_create: ls", actorID: "c1",
    attributes: ["name": "web", "image": "busybox:1", "l": "v"],
    time: 1)

  @Test(arguments: [
    ("{}", true), (#"{"type":["container"]}"#, true), (#"{"type":["image"]}"#, false),
    (#"{"event":["exec_create"]}"#, true), (#"{"event":["exec_create: ls"]}"#, true), (#"{"event":["die"]}"#, false),
    (#"{"container":["web"]}"#, true), (#"{"container":["c1","x"]}"#, true), (#"{"container":["db"]}"#, false),
    (#"{"network":["web"]}"#, false), (#"{"image":["busybox"]}"#, true), (#"{"image":["busybox:1"]}"#, true),
    (#"{"image":["debian"]}"#, false), (#"{"label":["l=v"]}"#, true), (#"{"label":["l=w"]}"#, false),
    (#"{"scope":["local"]}"#, true), (#"{"scope":["swarm"]}"#, false),
  ])
  func selectsEvents(_ text: String, _ expected: Bool) throws {
    #expect(try EventFilter(try Filters(json: text)).includes(Self.event) == expected)
  }
}
