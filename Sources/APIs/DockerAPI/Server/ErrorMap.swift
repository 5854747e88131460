import HTTPServing
import Model

/// The one place where errors become statuses of the Docker API.
enum ErrorMap {
  static let mapper = ErrorMapper(contentType: "application/json", classify: classify, body: body)

  static func body(_ status: HTTPStatus, _ message: String) -> [UInt8] {
    JSONWriter.object { $0.field("message", message) } + [UInt8(ascii: "\n")]
  }

  static func status(of code: PlatformError.Code) -> HTTPStatus {
    switch code {
    case .invalidArgument: .badRequest
    case .notFound: .notFound
    case .conflict: .conflict
    case .notModified: .notModified
    case .forbidden: .forbidden
    case .unauthenticated: .unauthorized
    case .resourceExhausted: .tooManyRequests
    case .notImplemented: .notImplemented
    case .unavailable: .serviceUnavailable
    case .cancelled: .init(statusCode: 499, reasonPhrase: "Client Closed Request")
    case .internal: .internalServerError
    }
  }

  /// Nil for what no API caller can make sense of: the server then logs it and answers 500 with a request id.
  static func classify(_ error: any Error) -> (status: HTTPStatus, message: String)? {
    switch error {
    case let error as PlatformError:
      // The message of an internal failure is written for the user; its context and cause stay in the log.
      return (error.isDiskFull ? .insufficientStorage : status(of: error.code), error.message)
    case RouteError.notFound: return (.notFound, "page not found")
    case RouteError.methodNotAllowed(let allowed):
      return (.methodNotAllowed, "method not allowed; this path takes \(allowed.joined(separator: ", "))")
    default: return nil
    }
  }
}
