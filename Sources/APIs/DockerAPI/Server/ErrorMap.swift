import HTTPServing
import Model

/// The one place where errors become statuses of the Docker API.
enum ErrorMap {
  static let mapper = ErrorMapper(contentType: "application/json", classify: classify, body: body)

  static func body(_ status: HTTPStatus, _ message: String) -> [UInt8] {
    JSONWriter.object { $0.field("message", message) } + [UInt8(ascii: "\n")]
  }

  /// An error that is about a member of the request: `{"message": …, "field": "HostConfig.CapAdd", "element": "SYS_ADMIN"}`.
  ///
  /// docker's clients read the message alone; who made the request of something else, such as a compose file, is led to
  /// what its author wrote.
  static func response(_ error: PlatformError) -> HTTPResponse {
    let status = error.isDiskFull ? .insufficientStorage : status(of: error.code)
    guard status != .notModified else { return HTTPResponse(status: status) }
    return .json(status: status) { writer in
      writer.field("message", error.message)
      switch error.subject {
      case .setting(let setting, let element):
        writer.field("field", setting.member)
        if let element { writer.field("element", String(element.prefix(512))) }
      case .member(let path): writer.field("field", String(path.prefix(512)))
      case nil: break
      }
    }
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
