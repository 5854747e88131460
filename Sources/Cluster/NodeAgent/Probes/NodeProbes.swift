import AsyncHTTPClient
import Glibc
import KubeMachinery
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Does what probes and hooks say, from the node: programs through the runtime, connections to the pod's address.
/// What answers is foreign: it is bounded, and leads nowhere else.
final class NodeProbes: ProbeRunner {
  /// Source: Kubernetes `probe/http`, of the body this much is looked at.
  static let maxBodyBytes = 10 << 10
  private static let maxRedirects = 10

  private let runtime: any PodRuntime
  private let version: String
  private let clock: any Clock<Duration>
  private let logger: Logger
  private let client: HTTPClient

  init(runtime: any PodRuntime, version: String, clock: any Clock<Duration>, logger: Logger) {
    self.runtime = runtime
    self.version = version
    self.clock = clock
    self.logger = logger
    // Who serves probes has no certificate that the node could know.
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.certificateVerification = .none
    var configuration = HTTPClient.Configuration(
      tlsConfiguration: tls, redirectConfiguration: .disallow,
      connectionPool: .init(idleTimeout: .seconds(1), concurrentHTTP1ConnectionsPerHostSoftLimit: 64))
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.httpVersion = .http1Only
    client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  func shutdown() { client.shutdown { _ in } }

  func run(_ target: ProbeTarget, in container: String, address: String, timeoutSeconds: Int64) async -> ProbeAnswer {
    switch target {
    case .execute(let command): await execute(command, container, timeoutSeconds)
    case .http(let check):
      await within(timeoutSeconds, Self.tooLate(check)) { await self.ask(check, timeoutSeconds) }
    case .tcp(let host, let port): await connect(host, port, timeoutSeconds)
    case .grpc(let port, let service):
      await within(timeoutSeconds, "timeout: failed to connect service within \(timeoutSeconds)s") {
        await self.health(address, port, service, timeoutSeconds)
      }
    case .sleep(let seconds): await sleep(PodDocument.bounded(min(seconds, timeoutSeconds)))
    case .impossible(let reason): .failure(reason)
    }
  }

  private func execute(_ command: [String], _ container: String, _ timeoutSeconds: Int64) async -> ProbeAnswer {
    do {
      let result = try await runtime.execute(command, in: container, timeoutSeconds: timeoutSeconds)
      return result.exitCode == 0 ? .success : .failure(String(result.output.prefix(Self.maxBodyBytes)))
    } catch let error as RuntimeFailure {
      switch error.kind {
      case .timeout: return .failure("command timed out: \(command.joined(separator: " ")) after \(timeoutSeconds)s")
      case .unavailable, .notFound: return .unknown(error.message)
      default: return .failure(error.message)
      }
    } catch {
      return .unknown("\(error)")
    }
  }

  private func sleep(_ seconds: Int64) async -> ProbeAnswer {
    do {
      try await clock.sleep(for: .seconds(seconds))
      return .success
    } catch {
      return .unknown("cancelled")
    }
  }

  private func connect(_ host: String, _ port: Int64, _ timeoutSeconds: Int64) async -> ProbeAnswer {
    do {
      let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connectTimeout(.seconds(timeoutSeconds)).connect(host: host, port: Int(port)).get()
      channel.close(promise: nil)
      return .success
    } catch {
      return .failure("dial tcp \(Self.joined(host, port)): \(Self.reason(error))")
    }
  }

  private func health(_ host: String, _ port: Int64, _ service: String, _ timeoutSeconds: Int64) async -> ProbeAnswer {
    do {
      return try await GRPCHealth.serves(
        host: host, port: Int(port), service: service, connectSeconds: timeoutSeconds)
        ? .success : .failure("service unhealthy (responded with \"NOT_SERVING\")")
    } catch {
      return .failure("failed to connect service \(Self.joined(host, port)): \(error)")
    }
  }

  /// The answer, or a failure once the time is over, of whatever is under way then: its task is cancelled.
  private func within(
    _ seconds: Int64, _ reason: String, _ ask: @escaping @Sendable () async -> ProbeAnswer
  ) async -> ProbeAnswer {
    await withTaskGroup(of: ProbeAnswer.self) { [clock] group in
      group.addTask { await ask() }
      group.addTask {
        try? await clock.sleep(for: .seconds(seconds))
        return .failure(reason)
      }
      let first = await group.next() ?? .unknown("cancelled")
      group.cancelAll()
      // Nothing has been learnt of a pod by a probe that was called off.
      return Task.isCancelled ? .unknown("cancelled") : first
    }
  }

  // MARK: HTTP

  private func ask(_ check: ProbeTarget.HTTPCheck, _ timeoutSeconds: Int64) async -> ProbeAnswer {
    let deadline = NIODeadline.now() + .seconds(timeoutSeconds)
    let origin = Self.origin(check)
    var path = check.path
    do {
      for _ in 0...Self.maxRedirects {
        let response = try await client.execute(request(check, origin + path), deadline: deadline, logger: logger)
        let status = Int(response.status.code)
        if [301, 302, 303, 307, 308].contains(status), let location = response.headers.first(name: "Location") {
          // It answers, and where it leads to elsewhere is not the node's business.
          guard let next = Self.path(location, origin: origin) else { return .success }
          path = next
          continue
        }
        var seen = 0
        for try await piece in response.body {
          seen += piece.readableBytes
          if seen >= Self.maxBodyBytes { break }
        }
        return (200..<400).contains(status) ? .success : .failure("HTTP probe failed with statuscode: \(status)")
      }
      return .failure("Get \"\(origin)\(check.path)\": stopped after \(Self.maxRedirects) redirects")
    } catch is CancellationError {
      return .unknown("cancelled")
    } catch {
      return .failure("Get \"\(origin)\(check.path)\": \(Self.reason(error))")
    }
  }

  private func request(_ check: ProbeTarget.HTTPCheck, _ url: String) -> HTTPClientRequest {
    var request = HTTPClientRequest(url: url)
    for header in check.headers where header.name.lowercased() != "host" {
      request.headers.add(name: header.name, value: header.value)
    }
    if let host = check.headers.first(where: { $0.name.lowercased() == "host" }) {
      request.headers.replaceOrAdd(name: "Host", value: host.value)
    }
    if !request.headers.contains(name: "User-Agent") {
      request.headers.add(name: "User-Agent", value: "kube-probe/\(version)")
    }
    if !request.headers.contains(name: "Accept") { request.headers.add(name: "Accept", value: "*/*") }
    request.headers.replaceOrAdd(name: "Connection", value: "close")
    return request
  }

  /// Nil where a redirect leaves the origin.
  static func path(_ location: String, origin: String) -> String? {
    if location.hasPrefix("//") { return nil }
    if location.hasPrefix("/") { return location }
    guard location.hasPrefix(origin) else { return nil }
    let rest = location.dropFirst(origin.count)
    return rest.isEmpty ? "/" : rest.hasPrefix("/") ? String(rest) : rest.hasPrefix("?") ? "/\(rest)" : nil
  }

  static func joined(_ host: String, _ port: Int64) -> String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case let error as HTTPClientError:
      switch error {
      case .deadlineExceeded, .readTimeout, .connectTimeout, .getConnectionFromPoolTimeout:
        lateness
      default: error.shortDescription
      }
    case let error as NIOConnectionError:
      error.connectionErrors.first.map { reason($0.error) } ?? "no address answers"
    case let error as IOError: error.errnoCode == ECONNREFUSED ? "connect: connection refused" : error.description
    case is ChannelError: "i/o timeout"
    default: "\(error)"
    }
  }

  private static func tooLate(_ check: ProbeTarget.HTTPCheck) -> String {
    "Get \"\(origin(check))\(check.path)\": \(lateness)"
  }

  private static let lateness = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"

  private static func origin(_ check: ProbeTarget.HTTPCheck) -> String {
    "\(check.isEncrypted ? "https" : "http")://\(joined(check.host, check.port))"
  }
}
