import NIOHTTP1

/// The answer to a request.
public struct HTTPResponse: Sendable {
  public enum Body: Sendable {
    case empty
    case bytes([UInt8])
    /// The length is known and sent; on plain sockets the kernel sends the file itself.
    case file(FileBody)
    /// The head is sent at once, then whatever the closure writes, chunk by chunk. The closure's task is cancelled when
    /// the client goes away (closes its sending side or more). An error from it cuts the connection, as the head is
    /// out already.
    case stream(@Sendable (StreamWriter) async throws -> Void)
    /// The head is sent (101 where the client asked for an upgrade, else the response's status), then the connection
    /// is the closure's, raw in both directions, until it returns. Its task is cancelled when the client is gone wholly.
    case hijack(@Sendable (HijackedStream) async throws -> Void)
  }

  public var status: HTTPStatus
  public var headers: HTTPHeaders
  public var body: Body
  /// With `hijack`: the protocol that the connection goes over to, as `101` says it; nil for docker's `tcp`, where the client asked
  /// for that.
  public var upgradesTo: String?
  /// Sends `Connection: close` and closes after this answer.
  public var closesConnection = false

  public init(status: HTTPStatus = .ok, headers: HTTPHeaders = HTTPHeaders(), body: Body = .empty) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// An answer with a body of a known type.
  public init(status: HTTPStatus = .ok, contentType: String, bytes: [UInt8]) {
    self.init(status: status, headers: ["Content-Type": contentType], body: .bytes(bytes))
  }
}
