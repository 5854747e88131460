import ContainerEngine
import HTTPServing
import LinuxSystem
import Model
import PodStreams
import Synchronization

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
  }

  private struct Ticket {
    var target: Target
    /// On the monotonic clock, in nanoseconds.
    var endsAt: UInt64
  }

  /// Tickets at a time, and how long one is good for.
  private static let ticketLimit = 1024
  private static let ticketNanoseconds: UInt64 = 60_000_000_000
  /// One for ports is good for many connections, and this long.
  private static let portsNanoseconds: UInt64 = 4 * 3_600_000_000_000

  private let engine: Engine
  private let socketPath: String
  private let tickets = Mutex<[String: Ticket]>([:])

  package init(engine: Engine, socketPath: String) {
    self.engine = engine
    self.socketPath = socketPath
  }

  /// The address of a stream: `http+unix://SOCKET/WORD/TICKET`, the socket's path percent-encoded.
  func url(for target: Target) throws -> String {
    let ticket = ContainerID.random().hex
    let now = Clock.monotonicNanoseconds()
    let (word, time) =
      switch target {
      case .exec: ("exec", Self.ticketNanoseconds)
      case .attach: ("attach", Self.ticketNanoseconds)
      case .ports: ("portforward", Self.portsNanoseconds)
      }
    try tickets.withLock { tickets in
      for (name, other) in tickets where other.endsAt < now { tickets[name] = nil }
      guard tickets.count < Self.ticketLimit else {
        throw PlatformError(.resourceExhausted, "\(Self.ticketLimit) streams wait for their clients, the limit")
      }
      tickets[ticket] = Ticket(target: target, endsAt: now + time)
    }
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
    guard let target = take(request.path[1]) else {
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
          ) { nil }
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

  /// What a ticket leads to; one for a process is good once.
  private func take(_ ticket: String) -> Target? {
    tickets.withLock { tickets in
      guard let found = tickets[ticket], found.endsAt > Clock.monotonicNanoseconds() else { return nil }
      if case .ports = found.target { return found.target }
      tickets[ticket] = nil
      return found.target
    }
  }

  private static let blockBytes = 64 << 10
}
