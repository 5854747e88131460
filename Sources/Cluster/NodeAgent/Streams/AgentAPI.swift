import FoundationEssentials
import Glibc
import HTTPServing
import KubeMachinery
import LinuxSystem
import Model
import PodStreams

/// What the server asks the agent for, at a socket that only root and the server may use: logs, streams and use of pods.
/// Who may ask for what is the server's decision.
public struct AgentAPI: HTTPResponder {
  /// Below `--run`.
  public static let socketName = "agent/agent.sock"

  private let agent: NodeAgent
  private let poller: Poller
  /// Logs and streams, of each pod and in all.
  private let places = FairBound(each: 256, all: 1_000)

  public init(_ agent: NodeAgent, poller: Poller) {
    self.agent = agent
    self.poller = poller
  }

  /// `GET /measures` (`{"nodes":[…],"pods":[…]}`: `ResourceReport`), `GET /status`, `GET /logs/NAMESPACE/POD/UID?…`, and
  /// `POST /exec|attach|portforward/NAMESPACE/POD/UID?…` for a connection that goes over to the frames of docs/cri.md, or to a port's
  /// own bytes. A pod of that name with another uid is not the one that is meant: 404.
  public func respond(to request: HTTPRequest) async throws -> HTTPResponse {
    do {
      if request.method == .GET, request.path.count == 1 { return try await page(request.path[0]) }
      guard request.path.count == 4 else { throw Self.unknown }
      let (action, pod) = (
        request.path[0], PodIdentity(namespace: request.path[1], name: request.path[2], uid: request.path[3])
      )
      guard let place = places.take(pod.uid) else { throw Self.crowded }
      if request.method == .GET, action == "logs" {
        return try await logs(pod, try LogOptions(request.query)).holding(place)
      }
      guard request.method == .POST, request.isUpgrade else { throw Self.unknown }
      return try await stream(action, pod, request.query).holding(place)
    } catch let error as StatusError {
      return HTTPResponse(
        status: HTTPStatus(statusCode: error.code), contentType: "application/json", bytes: error.document.encoded())
    }
  }

  private static let crowded = StatusError(
    429, "TooManyRequests", "too many logs and streams of this pod, or of all pods, are open")
  private static let unknown = StatusError(404, "NotFound", "the agent has no such address")

  private func page(_ name: String) async throws -> HTTPResponse {
    let document: JSONValue
    switch name {
    case "measures":
      do {
        let report = try await agent.meter.report(at: agent.now())
        document = ["nodes": .array(report.nodes), "pods": .array(report.pods)]
      } catch let failure as RuntimeFailure {
        throw StatusError(503, "ServiceUnavailable", "the node's engine does not answer: \(failure.message)")
      }
    case "status": document = await agent.status
    default: throw Self.unknown
    }
    return HTTPResponse(contentType: "application/json", bytes: document.encoded())
  }

  private func stream(_ action: String, _ pod: PodIdentity, _ query: QueryParameters) async throws -> HTTPResponse {
    let worker = try await worker(of: pod)
    let wish: StreamWish
    switch action {
    case "portforward":
      guard let port = query["port"].flatMap(UInt16.init), port > 0, let sandbox = await worker.sandboxID else {
        throw StatusError.badRequest("pod \(pod.name) has no network to forward a port to")
      }
      wish = .port(port, sandbox: sandbox)
    case "exec":
      wish = .execution(query.all("command"), container: try await running(worker, query), CommandStreams(query))
    case "attach": wish = .attachment(container: try await running(worker, query), CommandStreams(query))
    default: throw Self.unknown
    }
    let connection = try await open(wish)
    return HTTPResponse(
      body: .hijack { client in
        try await client.join(
          read: { try await connection.read() }, write: { try await connection.write($0) },
          end: { try connection.closeWrite() })
      })
  }

  private func open(_ wish: StreamWish) async throws -> UpgradedConnection {
    do {
      let address = try await agent.runtime.streams(wish)
      guard let stream = RuntimeStream(address) else {
        throw StatusError(500, "InternalError", "the runtime gives streams at an address of an unknown form")
      }
      return try await UpgradedConnection.open(socket: stream.socket, target: stream.target(for: wish), poller: poller)
    } catch let failure as RuntimeFailure {
      throw StatusError(500, "InternalError", "the runtime refused: \(failure.message)")
    } catch let refusal as UpgradeRefusal {
      throw StatusError(
        500, "InternalError",
        "the runtime refused: \(String(decoding: refusal.body, as: UTF8.self).filter { !$0.isNewline })")
    }
  }

  /// The id of the container that is meant. Throws `StatusError` where it does not run.
  private func running(_ worker: PodWorker, _ query: QueryParameters) async throws -> String {
    let container = try Self.container(await worker.document, query["container"] ?? "")
    let records = await worker.records.filter { $0.name == container && $0.state == .running }
    guard let record = records.max(by: { $0.attempt < $1.attempt }) else {
      throw StatusError.badRequest(
        "container \(GoText.quoted(container)) in pod \(GoText.quoted(worker.identity.name)) does not run")
    }
    return record.id
  }

  /// Throws `StatusError` (404).
  private func worker(of pod: PodIdentity) async throws -> PodWorker {
    guard let worker = await agent.registry.worker(of: pod) else {
      throw StatusError.notFound(ResourceName(group: "", resource: "pods"), pod.name)
    }
    return worker
  }

  private func logs(_ wished: PodIdentity, _ options: LogOptions) async throws -> HTTPResponse {
    let worker = try await worker(of: wished)
    let pod = await worker.document
    let container = try Self.container(pod, options.container)
    let records = await worker.records.filter { $0.name == container }.sorted { $0.attempt > $1.attempt }
    guard let record = options.isPrevious ? records.dropFirst().first : records.first else {
      throw StatusError.badRequest(
        options.isPrevious
          ? "previous terminated container \(GoText.quoted(container)) in pod \(GoText.quoted(wished.name)) not found"
          : "container \(GoText.quoted(container)) in pod \(GoText.quoted(wished.name)) is waiting to start: \(Self.waitingReason(container, pod))"
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
            // What is not known to run yet may have begun already.
            isAlive: { await worker.records.contains { $0.id == record.id && $0.state != .exited } }
          ) { try await writer.write($0) }
        } catch let error as SystemError where error.errno == ENOENT {
          // It has not written yet, and is not waited for.
        }
      })
  }

  private static func waitingReason(_ container: String, _ pod: PodDocument) -> String {
    let lists = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"]
    let status = lists.flatMap { pod.status.listAt($0) }.first { $0.textAt("name") == container }
    let reason = status?.textAt("state", "waiting", "reason") ?? ""
    return reason.isEmpty ? "ContainerCreating" : reason
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
