import ContainerEngine
import HTTPServing
import LinuxSystem
import Model
import PodStreams

/// The streams of `Exec`, `Attach` and `PortForward`: a call of the interface gives an address with a ticket, and whoever shows it
/// on this socket gets the stream. The protocol is in docs/cri.md.
package final class StreamingServer: HTTPResponder {
  /// Where it is served, below the engine's `--run`.
  package static let socketName = "cri-streaming.sock"

  enum Target: Sendable {
    case exec(container: ContainerID, ExecSettings)
    case attach(container: ContainerID, AttachOptions)
    /// The ports that may be connected to; empty: all.
    case ports(sandbox: ContainerID, Set<UInt16>)

    /// The container or sandbox that it is about.
    var subject: ContainerID {
      switch self {
      case .exec(let id, _), .attach(let id, _), .ports(let id, _): id
      }
    }
  }

  private let engine: Engine
  private let socketPath: String
  private let tickets = Locked(StreamTickets())

  package init(engine: Engine, socketPath: String) {
    self.engine = engine
    self.socketPath = socketPath
  }

  /// The address of a stream: `http+unix://SOCKET/WORD/TICKET`, the socket's path percent-encoded.
  func url(for target: Target) throws -> String {
    let word =
      switch target {
      case .exec: "exec"
      case .attach: "attach"
      case .ports: "portforward"
      }
    let ticket = try tickets.withLock { try $0.issue(for: target, now: Clock.monotonicNanoseconds()) }
    return "http+unix://\(PercentCoding.encode(socketPath))/\(word)/\(ticket)"
  }

  /// What a client is told that gets no stream.
  package static let errors = ErrorMapper(contentType: "text/plain", classify: classify) { _, message in
    Array("\(message)\n".utf8)
  }

  private static func classify(_ error: any Error) -> (status: HTTPStatus, message: String)? {
    guard let error = error as? PlatformError else { return nil }
    switch error.code {
    case .notFound: return (.notFound, error.message)
    case .invalidArgument: return (.badRequest, error.message)
    case .conflict: return (.conflict, error.message)
    case .unavailable: return (.serviceUnavailable, error.message)
    case .resourceExhausted: return (.tooManyRequests, error.message)
    default: return (.internalServerError, error.message)
    }
  }

  package func respond(to request: HTTPRequest) async throws -> HTTPResponse {
    guard request.method == .POST, request.isUpgrade, request.path.count == 2 else {
      throw HTTPRefusal(.badRequest, "a stream is asked for by POST with 'Connection: Upgrade' and 'Upgrade: tcp'")
    }
    guard let target = tickets.withLock({ $0.take(request.path[1], now: Clock.monotonicNanoseconds()) }) else {
      throw HTTPRefusal(.notFound, "there is no such stream, or its time is over")
    }
    switch target {
    case .exec(let container, let settings):
      let id = try await engine.createExec(container.hex, settings)
      return HTTPResponse(body: .hijack { [engine] in try await ProcessStream.exec(id.hex, engine, $0, settings) })
    case .attach(let container, let options):
      let session = try await engine.attach(container.hex, options)
      return HTTPResponse(
        body: .hijack { [engine] in
          try await ProcessStream.run(
            session, engine, $0, resize: { try await engine.resizeContainer(container.hex, height: $0, width: $1) }
          ) { ProcessStream.attachmentEnd }
        })
    case .ports(let sandbox, let ports):
      guard let port = request.query["port"].flatMap({ UInt16($0) }), port > 0, ports.isEmpty || ports.contains(port)
      else {
        throw HTTPRefusal(.badRequest, "the query has to name one of the ports that were asked for: ?port=80")
      }
      let connection = try await engine.connect(toPort: port, inSandbox: sandbox.hex)
      return HTTPResponse(
        body: .hijack { client in
          try await client.join(
            read: { try await connection.read(Self.blockBytes) }, write: { try await connection.write($0) },
            end: { try connection.shutdownWrite() })
        })
    }
  }

  private static let blockBytes = 64 << 10
}
