import HTTPServing
import Metrics
import Observability

/// `GET /metrics` of the engine, and nothing else: it is served at a socket of its own, which may be opened by who must not
/// reach the engine's rights, as the server that faces the network.
public struct EngineMetricsAPI: HTTPResponder {
  /// The socket's name below the folder of the run.
  public static let socketName = "metrics.sock"

  private let metrics: EngineMetrics

  public init(metrics: EngineMetrics) { self.metrics = metrics }

  public func respond(to request: HTTPRequest) async throws -> HTTPResponse {
    guard request.path == ["metrics"] else {
      return HTTPResponse(status: .notFound, contentType: "text/plain", bytes: Array("there is only /metrics\n".utf8))
    }
    guard request.method == .GET else {
      var answer = HTTPResponse(
        status: .methodNotAllowed, contentType: "text/plain", bytes: Array("/metrics takes GET\n".utf8))
      answer.headers.add(name: "Allow", value: "GET")
      return answer
    }
    return HTTPResponse(contentType: MetricsText.mediaType, bytes: try await metrics.text())
  }
}
