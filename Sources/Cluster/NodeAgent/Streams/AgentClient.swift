import AsyncHTTPClient
import HTTPServing
import KubeMachinery
import LinuxSystem
import Logging
import NIOCore
import NIOHTTP1
import PodStreams

/// The server's way to the agent of its node.
public final class AgentClient: Sendable {
  private static let maxErrorBytes = 64 << 10
  /// Thrice of what 1,023 containers need.
  private static let maxMeasureBytes = 1 << 20
  /// The agent looks twice, a second apart, and each look takes a moment.
  private static let measureSeconds: Int64 = 10

  private let path: String
  private let address: String
  private let poller: Poller
  private let client: HTTPClient
  private let logger: Logger

  /// Opens no connection yet. Calls block no thread.
  /// - Parameter path: of the agent's socket, which need not be there yet.
  public init(socket path: String, poller: Poller, logger: Logger) {
    self.path = path
    self.poller = poller
    address = "http+unix://" + PercentCoding.encode(path)
    self.logger = logger
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow, timeout: .init(connect: .seconds(5)),
      connectionPool: .init(idleTimeout: .seconds(10), concurrentHTTP1ConnectionsPerHostSoftLimit: 1_024))
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.httpVersion = .http1Only
    client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  /// Ends all connections, without waiting for it; once, at the end.
  public func shutdown() { client.shutdown { _ in } }

  /// A pod's log, as it comes, for a day at most. Throws `StatusError`, the agent's or one that says that it does not answer.
  public func logs(of pod: PodIdentity, query: QueryParameters) async throws -> HTTPResponse {
    var request = HTTPClientRequest(url: address + Self.target("logs", pod, query))
    // The socket's path is no name of a host.
    request.headers.add(name: "Host", value: "localhost")
    let response: HTTPClientResponse
    do {
      response = try await client.execute(request, deadline: .now() + .hours(24), logger: logger)
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      throw silent(error)
    }
    guard response.status == .ok else {
      let bytes = Array(try await response.body.collect(upTo: Self.maxErrorBytes).readableBytesView)
      throw Self.refusal(Int(response.status.code), bytes)
    }
    let body = response.body
    return HTTPResponse(
      headers: ["Content-Type": "text/plain"],
      body: .stream { writer in
        for try await piece in body { try await writer.write(Array(piece.readableBytesView)) }
      })
  }

  /// What the agent measured, `nodes` or `pods`: documents of `metrics.k8s.io/v1beta1` without kind and labels. Throws `StatusError`.
  public func measures(of what: String) async throws -> [JSONValue] {
    var request = HTTPClientRequest(url: address + "/measures")
    request.headers.add(name: "Host", value: "localhost")
    let asked = request
    let answer: (status: Int, bytes: [UInt8])?
    do {
      answer = try await Deadline.run(within: .seconds(Self.measureSeconds)) { [client, logger] in
        let response = try await client.execute(asked, timeout: .seconds(Self.measureSeconds), logger: logger)
        let body = try await response.body.collect(upTo: Self.maxMeasureBytes)
        return (Int(response.status.code), Array(body.readableBytesView))
      }
    } catch is CancellationError {
      throw CancellationError()
    } catch {
      throw silent(error)
    }
    guard let answer else { throw silent("no answer within \(Self.measureSeconds) s") }
    guard answer.status == 200 else { throw Self.refusal(answer.status, answer.bytes) }
    return (try? JSONParser.parse(answer.bytes))?[what]?.items ?? []
  }

  /// A stream of a pod: `exec`, `attach` or `portforward`. Throws `StatusError`.
  public func open(_ action: String, of pod: PodIdentity, query: QueryParameters) async throws -> UpgradedConnection {
    do {
      return try await UpgradedConnection.open(
        socket: path, target: Self.target(action, pod, query), poller: poller)
    } catch let refusal as UpgradeRefusal {
      throw Self.refusal(refusal.status, refusal.body)
    } catch let error as SystemError {
      throw silent(error)
    }
  }

  /// As `AgentAPI` takes it.
  static func target(_ action: String, _ pod: PodIdentity, _ query: QueryParameters) -> String {
    let items = query.names.sorted().flatMap { name in query.all(name).map { (name, $0) } }
    let text = items.map { "\(PercentCoding.encode($0.0))=\(PercentCoding.encode($0.1))" }.joined(separator: "&")
    let place = [pod.namespace, pod.name, pod.uid].map { PercentCoding.encode($0) }.joined(separator: "/")
    return "/\(action)/\(place)?\(text)"
  }

  private static func refusal(_ status: Int, _ body: [UInt8]) -> StatusError {
    let document = (try? JSONParser.parse(body)) ?? [:]
    return StatusError(status, document["reason"]?.text ?? "", document["message"]?.text ?? "the agent refused")
  }

  private func silent(_ reason: Any) -> StatusError {
    logger.warning("the agent of the node does not answer: \(reason)")
    return StatusError(
      503, "ServiceUnavailable", "the agent of the node does not answer: is 'bulkheadd agent' running?")
  }
}
