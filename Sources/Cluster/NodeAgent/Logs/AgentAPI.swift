import FoundationEssentials
import Glibc
import HTTPServing
import KubeMachinery
import LinuxSystem
import Model

/// What the server asks the agent for, at a socket that only root and the server may use: logs of pods.
/// Who may ask for what is the server's decision.
public struct AgentAPI: HTTPResponder {
  /// Below `--run`.
  public static let socketName = "agent/agent.sock"

  private let agent: NodeAgent

  public init(_ agent: NodeAgent) {
    self.agent = agent
  }

  /// `GET /logs/NAMESPACE/POD?…`
  public func respond(to request: HTTPRequest) async throws -> HTTPResponse {
    do {
      guard request.method == .GET, request.path.count == 3, request.path[0] == "logs" else {
        throw StatusError(404, "NotFound", "the agent has no such address")
      }
      return try await logs(request.path[1], request.path[2], try LogOptions(request.query))
    } catch let error as StatusError {
      return HTTPResponse(
        status: HTTPStatus(statusCode: error.code), contentType: "application/json", bytes: error.document.encoded())
    }
  }

  private func logs(_ namespace: String, _ name: String, _ options: LogOptions) async throws -> HTTPResponse {
    guard let worker = await agent.registry.worker(namespace, name) else {
      throw StatusError.notFound(ResourceName(group: "", resource: "pods"), name)
    }
    let pod = await worker.document
    let container = try Self.container(pod, options.container)
    let records = await worker.records.filter { $0.name == container }.sorted { $0.attempt > $1.attempt }
    guard let record = options.isPrevious ? records.dropFirst().first : records.first else {
      throw StatusError.badRequest(
        options.isPrevious
          ? "previous terminated container \(GoText.quoted(container)) in pod \(GoText.quoted(name)) not found"
          : "container \(GoText.quoted(container)) in pod \(GoText.quoted(name)) is waiting to start: ContainerCreating"
      )
    }
    let settings = agent.settings
    let reader = LogReader(
      path: LogFiles.path(settings, pod.identity, container, record.attempt), options: options, now: agent.now,
      clock: agent.clock)
    return HTTPResponse(
      headers: ["Content-Type": "text/plain"],
      body: .stream { writer in
        do {
          try await reader.run(
            isAlive: { await worker.records.contains { $0.id == record.id && $0.isAlive } }
          ) { try await writer.write($0) }
        } catch let error as SystemError where error.errno == ENOENT {
          // It has not written yet, and is not waited for.
        }
      })
  }

  /// The one that is meant. Throws `StatusError` (400).
  static func container(_ pod: PodDocument, _ wished: String) throws -> String {
    let names = pod.allContainers.map(\.name)
    if names.contains(wished) { return wished }
    guard wished.isEmpty else {
      throw StatusError.badRequest(
        "container \(wished) is not valid for pod \(pod.identity.name)")
    }
    let main = pod.containers.map(\.name)
    guard main.count == 1 else {
      throw StatusError.badRequest(
        "a container name must be specified for pod \(pod.identity.name), choose one of: [\(main.joined(separator: " "))]"
      )
    }
    return main[0]
  }
}
