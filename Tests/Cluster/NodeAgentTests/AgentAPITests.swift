import FoundationEssentials
import HTTPServing
import KubeMachinery
import LinuxSystem
import Logging
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1))) struct AgentAPITests {
  private static let uid = "7f3c0000-0000-4000-8000-000000000001"

  /// The API of an agent that runs one pod: `ns/p` with that uid.
  private static func with(_ test: (AgentAPI) async throws -> Void) async throws {
    let root = FileManager.default.temporaryDirectory.path + "/agent-api-\(UUID().uuidString)"
    defer { try? FileSystem.removeTree(root) }
    var node = Sample.node
    node.root = root
    let pod = Sample.pod(meta: "{\"uid\":\"\(uid)\"}")
    let poller = try Poller()
    defer { poller.shutdown() }
    let agent = NodeAgent(
      NodeAgent.Plan(
        runtime: FakeRuntime(), cluster: FakeCluster(pod), node: node, hostDNS: SandboxRequest.DNS(),
        facts: { NodeFacts() }, version: "1", now: { Sample.start }, clock: QuickClock(),
        executor: try BlockingExecutor(maxThreads: 2, name: "agent-test"),
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }))
    await agent.registry.take(.changed(pod.document))
    let result: Result<Void, any Error>
    do {
      result = .success(try await test(AgentAPI(agent, poller: poller)))
    } catch { result = .failure(error) }
    await agent.stop()
    try result.get()
  }

  private static func answer(_ api: AgentAPI, _ action: String, of pod: PodIdentity) async throws -> String {
    // A container and a port that no pod has: what is found refuses them.
    let query = "container=none&port=0"
    let target = AgentClient.target(action, pod, try QueryParameters(parsing: query, maxItems: 2))
    let path = String(target.prefix { $0 != "?" })
    let isLog = action == "logs"
    let response = try await api.respond(
      to: HTTPRequest(
        method: isLog ? .GET : .POST, rawPath: path,
        path: path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init),
        query: try QueryParameters(parsing: query, maxItems: 2), headers: [:], peer: nil,
        body: RequestBody(bytes: []), isUpgrade: !isLog))
    guard case .bytes(let bytes) = response.body else { return "\(response.status.code)" }
    return "\(response.status.code): \(try JSONParser.parse(bytes)["message"]?.text ?? "")"
  }

  @Test(
    "what is meant for a pod does not reach another one of its name",
    arguments: [
      ("logs", "container none is not valid for pod p"), ("exec", "container none is not valid for pod p"),
      ("attach", "container none is not valid for pod p"), ("portforward", "pod p has no network to forward a port to"),
    ])
  func identity(_ action: String, _ refusalOfOwn: String) async throws {
    try await Self.with { api in
      let own = try await Self.answer(api, action, of: PodIdentity(namespace: "ns", name: "p", uid: Self.uid))
      #expect(own == "400: \(refusalOfOwn)")
      for (namespace, name, uid) in [
        ("ns", "p", "7f3c0000-0000-4000-8000-000000000000"), ("ns", "p", ""), ("other", "p", Self.uid),
        ("ns", "q", Self.uid),
      ] {
        let other = PodIdentity(namespace: namespace, name: name, uid: uid)
        let refused = try await Self.answer(api, action, of: other)
        #expect(refused == "404: pods \"\(name)\" not found")
      }
    }
  }

  @Test("a name and a uid go into an address as one part each")
  func target() throws {
    let pod = PodIdentity(namespace: "ns", name: "a/b?c", uid: "u 1")
    #expect(
      AgentClient.target("exec", pod, try QueryParameters(parsing: "command=a&command=%26", maxItems: 2))
        == "/exec/ns/a%2Fb%3Fc/u%201?command=a&command=%26")
  }
}
