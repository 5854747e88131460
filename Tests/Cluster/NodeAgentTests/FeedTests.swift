import HTTPServing
import KubeControllers
import KubeMachinery
import KubeResources
import Logging
import Model
import Synchronization
import Testing

@testable import NodeAgent

/// What the agent follows and keeps of the server's.
@Suite(.timeLimit(.minutes(1)))
struct FeedTests {
  /// A server that says what a script tells it to.
  private final class Script: ClusterAccess {
    private struct State {
      var answers: [Result<JSONValue, any Error>]
      var watches: [[JSONValue]]
      var requests: [String] = []
    }

    private let state: Mutex<State>
    let isOver = Bell()

    init(_ answers: [Result<JSONValue, any Error>], watches: [[JSONValue]] = []) {
      state = Mutex(State(answers: answers, watches: watches))
    }

    var requests: [String] { state.withLock { $0.requests } }

    func send(_ request: ClusterRequest) async throws -> JSONValue {
      let answer = state.withLock { state -> Result<JSONValue, any Error>? in
        let query = request.query.filter { $0.name == "continue" }.map(\.value)
        state.requests.append(
          (["\(request.method.rawValue) \(request.path.last ?? "")"] + query).joined(separator: " "))
        return state.answers.isEmpty ? nil : state.answers.removeFirst()
      }
      if let answer { return try answer.get() }
      isOver.ring()
      try await Task.sleep(for: .seconds(3_600))
      return [:]
    }

    func watch(_ request: ClusterRequest, _ seen: @escaping @Sendable (JSONValue) async throws -> Void) async throws {
      let events = state.withLock { state -> [JSONValue]? in
        state.requests.append("watch \(request.query.first { $0.name == "resourceVersion" }?.value ?? "")")
        return state.watches.isEmpty ? nil : state.watches.removeFirst()
      }
      guard let events else {
        isOver.ring()
        return try await Task.sleep(for: .seconds(3_600))
      }
      for event in events { try await seen(event) }
    }
  }

  private static func list(_ names: [String], revision: String, next: String = "") -> Result<JSONValue, any Error> {
    .success([
      "metadata": ["resourceVersion": .string(revision), "continue": .string(next)],
      "items": .array(names.map { ["metadata": ["name": .string($0)]] }),
    ])
  }

  private static func event(_ type: String, _ name: String, _ revision: String) -> JSONValue {
    ["type": .string(type), "object": ["metadata": ["name": .string(name), "resourceVersion": .string(revision)]]]
  }

  private func followed(_ script: Script) async -> (news: [String], failures: Int) {
    let seen = Mutex<(news: [String], failures: Int)>(([], 0))
    let following = Task {
      await ObjectFeed(script, path: ["api", "v1", "pods"], clock: QuickClock()).run(
        { news in
          let text =
            switch news {
            case .all(let documents): "all \(documents.map(\.meta.name).joined(separator: ","))"
            case .changed(let document): "changed \(document.meta.name)"
            case .gone(let document): "gone \(document.meta.name)"
            }
          seen.withLock { $0.news.append(text) }
        }, failed: { _ in seen.withLock { $0.failures += 1 } })
    }
    await script.isOver.wait(since: 0)
    following.cancel()
    await following.value
    return seen.withLock { $0 }
  }

  @Test("A list comes in pages, then what changes; a watch that ends goes on where it was")
  func follows() async {
    let script = Script(
      [Self.list(["a"], revision: "7", next: "t"), Self.list(["b"], revision: "7")],
      watches: [
        [Self.event("ADDED", "c", "8"), Self.event("BOOKMARK", "", "12")],
        [Self.event("MODIFIED", "c", "13"), Self.event("DELETED", "a", "14")],
      ])
    let (news, failures) = await followed(script)
    #expect(news == ["all a,b", "changed c", "changed c", "gone a"])
    #expect(failures == 0)
    #expect(script.requests == ["GET pods", "GET pods t", "watch 7", "watch 12", "watch 14"])
  }

  @Test("A revision that is too old is a list anew, and no failure")
  func expired() async {
    let gone: JSONValue = ["type": "ERROR", "object": ["code": 410, "reason": "Expired", "message": "too old"]]
    let script = Script(
      [Self.list(["a"], revision: "7"), Self.list(["b"], revision: "90")],
      watches: [[gone], [Self.event("ADDED", "c", "91")]])
    let (news, failures) = await followed(script)
    #expect(news == ["all a", "all b", "changed c"])
    #expect(failures == 0)
    #expect(script.requests == ["GET pods", "watch 7", "GET pods", "watch 90", "watch 91"])
  }

  @Test("A server that is away, or says what nobody understands, is asked for everything again")
  func failures() async {
    let script = Script(
      [
        .failure(PlatformError(.unavailable, "away")), Self.list(["a"], revision: "7"), Self.list([], revision: "9"),
      ], watches: [[["type": "NONSENSE", "object": [:]]]])
    let (news, failures) = await followed(script)
    #expect(news == ["all a", "all "])
    #expect(failures == 2)
  }

  // MARK: the node

  @Test(
    "A node is found, or made; one that somebody made at the same moment is found",
    arguments: [
      ([.success(["metadata": ["uid": "n"]])], ["GET n1"]),
      ([.failure(StatusError(404, "NotFound", "")), .success(["metadata": ["uid": "n"]])], ["GET n1", "POST nodes"]),
      (
        [
          .failure(StatusError(404, "NotFound", "")), .failure(StatusError(409, "AlreadyExists", "")),
          .success(["metadata": ["uid": "n"]]),
        ], ["GET n1", "POST nodes", "GET n1"]
      ),
    ] as [([Result<JSONValue, any Error>], [String])])
  func registers(answers: [Result<JSONValue, any Error>], requests: [String]) async throws {
    let script = Script(answers)
    let registration = NodeRegistration(
      cluster: script, settings: Sample.node, facts: { NodeFacts() }, now: { Sample.start }, clock: QuickClock(),
      logger: Self.quiet)
    #expect(try await registration.register().meta.uid == "n")
    #expect(script.requests == requests)
  }

  // MARK: tokens

  private static func token(_ text: String, until seconds: Int64) -> Result<JSONValue, any Error> {
    .success([
      "status": [
        "token": .string(text),
        "expirationTimestamp": .string(Timestamp(seconds: Sample.start.seconds + seconds).text),
      ]
    ])
  }

  @Test("A token is asked for once, renewed in time, and kept while it is good where the server is away")
  func tokens() async throws {
    let away = Result<JSONValue, any Error>.failure(PlatformError(.unavailable, "away"))
    let script = Script([Self.token("one", until: 1_000), away, Self.token("two", until: 1_900), away])
    let cache = TokenCache()
    let pod = Sample.pod()
    let key = ProjectedToken.Key(audience: "", seconds: 1_000)
    func text(after seconds: Int64) async throws -> String {
      let context = AgentContext(
        runtime: FakeRuntime(), cluster: script, node: Sample.node,
        probes: Alive(), hostDNS: SandboxRequest.DNS(), services: { _ in [] }, tokens: cache, announce: { _, _ in },
        now: { Timestamp(seconds: Sample.start.seconds + seconds) }, clock: QuickClock(), executor: nil,
        logger: Self.quiet)
      return try await cache.token(key, for: pod, context).text
    }
    #expect(try await text(after: 0) == "one")
    #expect(try await text(after: 799) == "one")
    #expect(script.requests == ["POST token"])
    #expect(try await text(after: 850) == "one")
    #expect(try await text(after: 900) == "two")
    #expect(script.requests.count == 3)
    // One that is over is no token.
    await #expect(throws: PlatformError.self) { try await text(after: 1_901) }
    await cache.forget(pod: "u1")
    #expect(script.requests.count == 4)
  }

  private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}
