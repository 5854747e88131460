import HTTPServing
import KubeMachinery

/// The document in a request's body.
enum RequestDocument {
  /// As much as a server of Kubernetes takes.
  static let maxBytes = 3 * 1024 * 1024

  /// Of whole objects.
  static let mediaTypes = ["application/json", "application/yaml", ProtobufDocument.mediaType]

  /// An object. Throws `StatusError`: 400, 413, 415.
  /// - Parameter schema: of a kind, for bodies in protobuf; nil for one that is not known.
  static func read(
    _ request: HTTPRequest, accepting mediaTypes: [String] = mediaTypes, schema: (KindName) -> ObjectSchema?
  ) async throws -> JSONValue {
    guard let value = try await optional(request, accepting: mediaTypes, schema: schema) else {
      throw StatusError.badRequest("the request's body is empty")
    }
    return value
  }

  /// The same where a body may be left out.
  static func optional(
    _ request: HTTPRequest, accepting mediaTypes: [String] = mediaTypes, schema: (KindName) -> ObjectSchema?
  ) async throws -> JSONValue? {
    let mediaType = self.mediaType(request) ?? mediaTypes[0]
    guard mediaTypes.contains(mediaType) || request.body.isFinished else { throw unsupported(mediaTypes) }
    let bytes: [UInt8]
    do {
      bytes = try await request.body.collect(limit: maxBytes)
    } catch let refusal as HTTPRefusal where refusal.status == .payloadTooLarge {
      throw StatusError.tooLarge("Request entity too large: limit is \(maxBytes)")
    }
    if bytes.isEmpty { return nil }
    if mediaType == ProtobufDocument.mediaType { return try ProtobufDocument.read(bytes, schema) }
    do {
      return try JSONParser.parse(bytes)
    } catch let refusal as HTTPRefusal {
      throw StatusError(
        refusal.status == .payloadTooLarge ? 413 : 400,
        refusal.status == .payloadTooLarge ? "RequestEntityTooLarge" : "BadRequest", refusal.message)
    }
  }

  static func mediaType(_ request: HTTPRequest) -> String? {
    request.headers.first(name: "Content-Type").flatMap { Negotiation.Entry.all($0).first?.mediaType }
  }

  static func unsupported(_ mediaTypes: [String]) -> StatusError {
    StatusError(
      415, "UnsupportedMediaType",
      "the body of the request was in an unknown format - accepted media types include: "
        + mediaTypes.joined(separator: ", "))
  }
}
