import HTTPServing
import KubeMachinery

/// How what the machinery says becomes an HTTP answer.
enum Answers {
  static let maxWarningBytes = 4_096

  static func json(
    _ bytes: [UInt8], status: HTTPStatus = .ok, contentType: String = "application/json", warnings: [String] = []
  ) -> HTTPResponse {
    var response = HTTPResponse(status: status, contentType: contentType, bytes: bytes)
    var left = maxWarningBytes
    for warning in warnings {
      let text = "299 - \(quoted(warning))"
      left -= text.utf8.count
      if left < 0 { break }
      response.headers.add(name: "Warning", value: text)
    }
    return response
  }

  static func json(_ document: JSONValue, status: HTTPStatus = .ok) -> HTTPResponse {
    var encoder = ObjectEncoder()
    encoder.write(document)
    encoder.write(encoded: CollectionOfOne(10))
    return json(encoder.bytes, status: status)
  }

  static func text(_ text: String, status: HTTPStatus = .ok) -> HTTPResponse {
    HTTPResponse(status: status, contentType: "text/plain; charset=utf-8", bytes: Array(text.utf8))
  }

  /// An address that there is not.
  static var pageNotFound: HTTPResponse { text("404 page not found\n", status: .notFound) }

  static var notAcceptable: HTTPResponse {
    text(
      "406: Not Acceptable\n\nAvailable representations: \(Negotiation.mediaTypes.joined(separator: ", "))\n",
      status: .notAcceptable)
  }

  static func failure(_ error: StatusError) -> HTTPResponse {
    var response = json(error.document, status: HTTPStatus(statusCode: error.code))
    if let seconds = error.details?.retryAfterSeconds, seconds > 0, error.code == 429 {
      response.headers.add(name: "Retry-After", value: String(seconds))
    }
    return response
  }

  /// The deletion of an object or a collection that has succeeded.
  static func success(name: String, uid: String, kind: Kind) -> JSONValue {
    let details = StatusError.Details(name: name, group: kind.name.group, kind: kind.plural, uid: uid)
    return [
      "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "details": details.document,
    ]
  }

  /// Source: RFC 9110, section 5.6.4; what cannot stand in a header is left out.
  private static func quoted(_ text: String) -> String {
    var output = "\""
    for scalar in text.unicodeScalars where scalar.value >= 32 && scalar.value != 127 {
      if scalar == "\"" || scalar == "\\" { output += "\\" }
      output.unicodeScalars.append(scalar)
    }
    return output + "\""
  }
}
