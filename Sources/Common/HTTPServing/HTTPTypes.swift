import NIOCore
import NIOHTTP1

// The vocabulary of swift-nio, so that APIs import this room only.
public typealias HTTPMethod = NIOHTTP1.HTTPMethod
public typealias HTTPHeaders = NIOHTTP1.HTTPHeaders
public typealias HTTPStatus = NIOHTTP1.HTTPResponseStatus
public typealias ByteBuffer = NIOCore.ByteBuffer

/// A request refused for its form. The connection is closed after the answer, as what follows cannot be trusted.
public struct HTTPRefusal: Error, Sendable, Equatable {
  public let status: HTTPStatus
  /// Written for the client.
  public let message: String

  public init(_ status: HTTPStatus, _ message: String) {
    self.status = status
    self.message = message
  }
}

/// The client went away while its request was being answered.
public struct ClientDisconnected: Error, Sendable {
  public init() {}
}

/// Who is at the other end of a unix socket. Source: unix(7), *SO_PEERCRED*.
public struct PeerCredentials: Sendable, Hashable {
  public let pid: Int32
  public let uid: UInt32
  public let gid: UInt32

  public init(pid: Int32, uid: UInt32, gid: UInt32) {
    self.pid = pid
    self.uid = uid
    self.gid = gid
  }
}

/// What answers requests. Called on the connection's task, one request at a time for each connection.
public protocol HTTPResponder: Sendable {
  func respond(to request: HTTPRequest) async throws -> HTTPResponse

  /// The answer where it is at hand: `.empty` or `.bytes`, for a GET or HEAD without a body. Called on the event loop, so it must
  /// not block; nil sends the request the ordinary way.
  func respondAtOnce(to request: HTTPRequest) -> HTTPResponse?
}

extension HTTPResponder {
  public func respondAtOnce(to request: HTTPRequest) -> HTTPResponse? { nil }
}
