import AsyncHTTPClient
import HTTPServing
import KubeMachinery
import LinuxSystem
import Logging
import Model
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Speaks to the server over HTTPS with the node's certificate. The file that holds it is read anew when the server has renewed it.
public final class ClusterClient: ClusterAccess {
  static let answerSeconds: Int64 = 30
  /// The server tells those who watch how far they are once in a minute.
  static let silenceSeconds: Int64 = 150
  /// Both far above an object's 1.5 MiB, which its metadata and the list around it come to.
  static let maxAnswerBytes = 4 << 20
  static let maxEventBytes = 4 << 20

  private struct State {
    var config: NodeKubeconfig
    var client: HTTPClient
  }

  private let path: String
  private let userAgent: String
  private let logger: Logger
  private let state: Locked<State>

  /// Opens no connection yet. Blocks: reads the file. Throws as `NodeKubeconfig.load`; `invalidArgument` for certificates that cannot be
  /// used.
  /// - Parameter path: of the kubeconfig.
  public init(kubeconfig path: String, userAgent: String, logger: Logger) throws {
    self.path = path
    self.userAgent = userAgent
    self.logger = logger
    let config = try NodeKubeconfig.load(path)
    state = Locked(State(config: config, client: try Self.client(config)))
  }

  /// What holds now; `reload` puts another in its place.
  public var config: NodeKubeconfig { state.withLock { $0.config } }

  private static func client(_ config: NodeKubeconfig) throws -> HTTPClient {
    var tls = TLSConfiguration.makeClientConfiguration()
    do {
      tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(config.authorityPEM.utf8)))
      tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(config.certificatePEM.utf8)).map {
        .certificate($0)
      }
      tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: Array(config.keyPEM.utf8), format: .pem))
    } catch {
      throw PlatformError(.invalidArgument, "the node's certificate is not to be read", cause: error)
    }
    tls.minimumTLSVersion = .tlsv12
    var configuration = HTTPClient.Configuration(
      tlsConfiguration: tls, redirectConfiguration: .disallow,
      timeout: .init(connect: .seconds(5), read: .seconds(silenceSeconds), write: .seconds(answerSeconds)),
      connectionPool: .init(idleTimeout: .seconds(60), concurrentHTTP1ConnectionsPerHostSoftLimit: 16))
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.httpVersion = .http1Only
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  /// Takes a renewed certificate up, where the file has one; what is wrong with it is logged, and the old one stays. Blocks.
  public func reload() {
    do {
      let fresh = try NodeKubeconfig.load(path)
      guard fresh != config else { return }
      let client = try Self.client(fresh)
      let old = state.withLock { state in
        let old = state.client
        state = State(config: fresh, client: client)
        return old
      }
      // Watches on the old connections end with them and begin anew.
      old.shutdown { _ in }
      logger.notice("the node's certificate was renewed")
    } catch {
      logger.warning("the node's certificate was not read anew: \(error)")
    }
  }

  /// Ends all connections, without waiting for it; once, at the end.
  public func shutdown() { state.withLock { $0.client }.shutdown { _ in } }

  private func prepare(_ request: ClusterRequest) -> (HTTPClientRequest, HTTPClient) {
    let (config, client) = state.withLock { ($0.config, $0.client) }
    var url = config.server
    for part in request.path { url += "/" + PercentCoding.encode(part) }
    let query = request.query.map { "\(PercentCoding.encode($0.name))=\(PercentCoding.encode($0.value))" }.joined(
      separator: "&")
    if !query.isEmpty { url += "?\(query)" }
    var prepared = HTTPClientRequest(url: url)
    prepared.method = HTTPMethod(rawValue: request.method.rawValue)
    prepared.headers = ["Accept": "application/json", "User-Agent": userAgent]
    if let body = request.body {
      prepared.headers.add(name: "Content-Type", value: request.contentType)
      prepared.body = .bytes(ByteBuffer(bytes: body.encoded()))
    }
    return (prepared, client)
  }

  public func send(_ request: ClusterRequest) async throws -> JSONValue {
    let (prepared, client) = prepare(request)
    let status: HTTPResponseStatus
    let bytes: [UInt8]
    do {
      let response = try await client.execute(prepared, timeout: .seconds(Self.answerSeconds), logger: logger)
      status = response.status
      bytes = Array(try await response.body.collect(upTo: Self.maxAnswerBytes).readableBytesView)
    } catch {
      throw Self.failure(error)
    }
    guard (200..<300).contains(Int(status.code)) else { throw Self.refusal(Int(status.code), bytes) }
    guard let document = try? JSONParser.parse(bytes) else {
      throw PlatformError(.unavailable, "the server's answer is no JSON document")
    }
    return document
  }

  public func watch(
    _ request: ClusterRequest, _ seen: @escaping @Sendable (JSONValue) async throws -> Void
  ) async throws {
    let (prepared, client) = prepare(request)
    let response: HTTPClientResponse
    do {
      response = try await client.execute(prepared, deadline: .distantFuture, logger: logger)
      guard (200..<300).contains(Int(response.status.code)) else {
        let bytes = Array(try await response.body.collect(upTo: Self.maxAnswerBytes).readableBytesView)
        throw Self.refusal(Int(response.status.code), bytes)
      }
    } catch {
      throw Self.failure(error)
    }
    var line: [UInt8] = []
    var pieces = response.body.makeAsyncIterator()
    while true {
      let piece: ByteBuffer?
      do { piece = try await pieces.next() } catch { throw Self.failure(error) }
      guard let piece else { return }
      var rest = piece.readableBytesView[...]
      while let end = rest.firstIndex(of: 10) {
        line += rest[rest.startIndex..<end]
        rest = rest[(end + 1)...]
        guard !line.isEmpty else { continue }
        guard let event = try? JSONParser.parse(line) else {
          throw PlatformError(.unavailable, "an event of the server is no JSON document")
        }
        line.removeAll(keepingCapacity: true)
        try await seen(event)
      }
      line += rest
      guard line.count <= Self.maxEventBytes else {
        throw PlatformError(.unavailable, "an event of the server has more than \(Self.maxEventBytes) bytes")
      }
    }
  }

  private static func refusal(_ code: Int, _ bytes: [UInt8]) -> StatusError {
    let document = (try? JSONParser.parse(bytes)) ?? [:]
    return StatusError(
      code, document["reason"]?.text ?? "", document["message"]?.text ?? "the server answered with status \(code)")
  }

  private static func failure(_ error: any Error) -> any Error {
    switch error {
    case is StatusError, is PlatformError, is CancellationError: return error
    case is NIOTooManyBytesError: return AnswerTooLong(limitBytes: maxAnswerBytes)
    case let error as HTTPClientError:
      if error == .cancelled { return CancellationError() }
      return PlatformError(.unavailable, "the server does not answer: \(error.shortDescription)", cause: error)
    case let error as NIOConnectionError:
      let reason = error.connectionErrors.compactMap { $0.error as? IOError }.first
      return PlatformError(
        .unavailable,
        "cannot connect to the server: \(reason.map { SystemError.message(for: $0.errnoCode) } ?? "no address answers")",
        cause: error)
    default: return PlatformError(.unavailable, "the connection to the server failed", cause: error)
    }
  }
}
