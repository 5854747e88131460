import HTTPServing
import Model

/// One request of the Docker API: what the route captured, the version asked for, and parameters in docker's forms.
struct DockerRequest: Sendable {
  let http: HTTPRequest
  let parameters: RouteParameters
  let version: APIVersion

  /// The bound of JSON bodies.
  static let maxBodyBytes = JSONLimits.maxBytes

  subscript(_ name: String) -> String { parameters[name] }

  /// A parameter's first value where it is not empty.
  func text(_ name: String) -> String? { http.query[name].flatMap { $0.isEmpty ? nil : $0 } }

  /// A flag: everything but empty, `0`, `no`, `false` and `none` is yes.
  func flag(_ name: String, default fallback: Bool = false) -> Bool {
    guard let text = http.query[name] else { return fallback }
    return !["", "0", "no", "false", "none"].contains(Self.trimmed(text).lowercased())
  }

  private static func trimmed(_ text: String) -> String {
    var text = Substring(text)
    while text.first?.isWhitespace == true { text = text.dropFirst() }
    while text.last?.isWhitespace == true { text = text.dropLast() }
    return String(text)
  }

  /// An integer; throws `invalidArgument` where it is none or out of bounds.
  func integer(_ name: String, in range: ClosedRange<Int> = Int.min...Int.max) throws -> Int? {
    guard let text = text(name) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw PlatformError(.invalidArgument, "invalid value '\(text.prefix(64))' of \(name): expected an integer")
    }
    return number
  }

  /// A moment; zero means absent, as clients send it.
  func moment(_ name: String, now: Int64) throws -> Int64? {
    guard let text = text(name), text != "0" else { return nil }
    guard let time = Timestamps.parse(text, now: now) else {
      throw PlatformError(
        .invalidArgument, "invalid value '\(text.prefix(64))' of \(name): expected a time (seconds or RFC 3339)")
    }
    return time
  }

  func filters() throws -> Filters { try Filters(json: http.query["filters"] ?? "") }

  /// The body as an object; nil where there is no body.
  func optionalFields() async throws -> JSONFields? {
    if http.body.announcedLength == 0 { return nil }
    if let type = http.headers["Content-Type"].first, !Self.isJSON(type) {
      throw PlatformError(
        .invalidArgument, "unsupported Content-Type header (\(type.prefix(64))): must be 'application/json'")
    }
    let bytes = try await http.body.collect(limit: Self.maxBodyBytes)
    if bytes.allSatisfy({ $0 == 32 || $0 == 10 || $0 == 13 || $0 == 9 }) { return nil }
    let value = try JSONParser.parse(bytes)
    return value == .null ? nil : try JSONFields(value)
  }

  /// The body as an object; throws `invalidArgument` where there is none.
  func fields() async throws -> JSONFields {
    guard let fields = try await optionalFields() else {
      throw PlatformError(.invalidArgument, "invalid JSON: got EOF while reading request body")
    }
    return fields
  }

  private static func isJSON(_ type: String) -> Bool {
    let kind = type.prefix { $0 != ";" }
    return trimmed(String(kind)).lowercased() == "application/json"
  }
}

extension HTTPResponse {
  /// A JSON answer, with the line end that docker's has.
  static func json(_ bytes: [UInt8], status: HTTPStatus = .ok) -> HTTPResponse {
    var bytes = bytes
    bytes.append(UInt8(ascii: "\n"))
    return HTTPResponse(status: status, contentType: "application/json", bytes: bytes)
  }

  static func json(status: HTTPStatus = .ok, _ body: (inout JSONWriter) -> Void) -> HTTPResponse {
    json(JSONWriter.object(body), status: status)
  }

  static let noContent = HTTPResponse(status: .noContent)
}
