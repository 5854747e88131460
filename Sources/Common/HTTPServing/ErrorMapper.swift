/// How an API turns errors into answers.
public struct ErrorMapper: Sendable {
  /// The status and the message for an error the API knows; nil for one it does not, which becomes a 500 that tells the
  /// client a request id only.
  public let classify: @Sendable (any Error) -> (status: HTTPStatus, message: String)?
  /// The body for a message, in the API's form.
  public let body: @Sendable (HTTPStatus, String) -> [UInt8]
  public let contentType: String

  public init(
    contentType: String, classify: @escaping @Sendable (any Error) -> (status: HTTPStatus, message: String)?,
    body: @escaping @Sendable (HTTPStatus, String) -> [UInt8]
  ) {
    self.classify = classify
    self.body = body
    self.contentType = contentType
  }

  /// Plain text; knows only refusals.
  public static let plainText = ErrorMapper(
    contentType: "text/plain; charset=utf-8", classify: { _ in nil }, body: { Array("\($1)\n".utf8) })

  func response(status: HTTPStatus, message: String) -> HTTPResponse {
    guard status.mayHaveResponseBody, status != .notModified else { return HTTPResponse(status: status) }
    return HTTPResponse(status: status, contentType: contentType, bytes: body(status, message))
  }
}
