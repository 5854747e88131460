import SwiftProtobuf

/// What a server answers, by the paths of methods. A path that is not here is answered with `unimplemented` and its name.
package struct GRPCHandlers: Sendable {
  enum Handler: Sendable {
    case unary(@Sendable ([UInt8]) async throws -> [UInt8])
    case streaming(@Sendable ([UInt8], @escaping @Sendable ([UInt8]) async throws -> Void) async throws -> Void)

    var isUnary: Bool {
      if case .unary = self { true } else { false }
    }
  }

  private var handlers: [String: Handler] = [:]
  /// Turns what a handler throws into what the client is told.
  let statusOf: @Sendable (any Error) -> GRPCStatus

  /// - Parameter statusOf: asked for every error of a handler but a `GRPCStatus`; logs what the client is not told.
  package init(statusOf: @escaping @Sendable (any Error) -> GRPCStatus) { self.statusOf = statusOf }

  subscript(path: String) -> Handler? { handlers[path] }

  /// Answers a method with one message. The handler's task is cancelled where the client goes away or its deadline passes.
  package mutating func on<Request, Response>(
    _ method: GRPCMethod<Request, Response>, _ body: @escaping @Sendable (Request) async throws -> Response
  ) {
    handlers[method.path] = .unary { bytes in try await body(Self.decode(bytes)).serializedBytes() }
  }

  /// Answers a method with messages as they come. `send` returns when the client has room for more, and throws
  /// `CancellationError` when it is gone; the call ends when the handler does.
  package mutating func on<Request, Response>(
    _ method: GRPCStreamingMethod<Request, Response>,
    _ body:
      @escaping @Sendable (Request, _ send: @escaping @Sendable (Response) async throws -> Void) async throws -> Void
  ) {
    handlers[method.path] = .streaming { bytes, send in
      try await body(Self.decode(bytes)) { try await send($0.serializedBytes()) }
    }
  }

  private static func decode<Request: Message>(_ bytes: [UInt8]) throws(GRPCStatus) -> Request {
    do {
      return try Request(serializedBytes: bytes)
    } catch {
      throw GRPCStatus(.invalidArgument, "the request is not a message of this method")
    }
  }
}
