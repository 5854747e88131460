import AsyncHTTPClient
import HTTPServing
import KubeMachinery
import Logging
import NIOCore
import NIOHTTP1

/// The server's way to the agent of its node.
public final class AgentClient: Sendable {
  private static let maxErrorBytes = 64 << 10

  private let address: String
  private let client: HTTPClient
  private let logger: Logger

  /// - Parameter path: of the agent's socket, which need not be there yet.
  public init(socket path: String, logger: Logger) {
    address = "http+unix://" + ClusterClient.escaped(path)
    self.logger = logger
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow, timeout: .init(connect: .seconds(5)),
      connectionPool: .init(idleTimeout: .seconds(10), concurrentHTTP1ConnectionsPerHostSoftLimit: 1_024))
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.httpVersion = .http1Only
    client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  public func shutdown() { client.shutdown { _ in } }

  /// A pod's log, as it comes. Throws `StatusError`.
  public func logs(_ namespace: String, _ pod: String, query: QueryParameters) async throws -> HTTPResponse {
    let items = query.names.sorted().flatMap { name in query.all(name).map { (name, $0) } }
    let text = items.map { "\(ClusterClient.escaped($0.0))=\(ClusterClient.escaped($0.1))" }.joined(separator: "&")
    let request = HTTPClientRequest(
      url: "\(address)/logs/\(ClusterClient.escaped(namespace))/\(ClusterClient.escaped(pod))?\(text)")
    let response: HTTPClientResponse
    do {
      response = try await client.execute(request, deadline: .now() + .hours(24), logger: logger)
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      logger.warning("the agent of the node does not answer: \(error)")
      throw StatusError(
        503, "ServiceUnavailable", "the agent of the pod's node does not answer: is 'bulkheadd agent' running?")
    }
    guard response.status == .ok else {
      let bytes = Array(try await response.body.collect(upTo: Self.maxErrorBytes).readableBytesView)
      let document = (try? JSONParser.parse(bytes)) ?? [:]
      throw StatusError(
        Int(response.status.code), document["reason"]?.text ?? "", document["message"]?.text ?? "the agent refused")
    }
    let body = response.body
    return HTTPResponse(
      headers: ["Content-Type": "text/plain"],
      body: .stream { writer in
        for try await piece in body { try await writer.write(Array(piece.readableBytesView)) }
      })
  }
}
