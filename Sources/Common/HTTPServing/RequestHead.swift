/// How a request's body is delimited.
enum BodyFraming: Sendable, Equatable {
  case none
  case length(Int)
  case chunked
}

/// A request's first line and headers, checked.
struct RequestHead: Sendable {
  var method: HTTPMethod
  var rawPath: String
  var path: [String]
  var query: QueryParameters
  var headers: HTTPHeaders
  var framing: BodyFraming
  var isHTTP10: Bool
  var keepsAlive: Bool
  var expectsContinue: Bool
  /// What the client would leave HTTP for, in small letters: `tcp`, `websocket`, `spdy/3.1`.
  var upgrades: [String]
  var isUpgrade: Bool { upgrades.contains("tcp") }
}

extension RequestHead {
  /// Draws what the connection needs from the headers; throws `HTTPRefusal` where they contradict each other.
  ///
  /// Source: RFC 9112, sections 3.2 (Host), 6 (message body) and 9.3 (persistence). Where the RFC lets a server choose
  /// between repairing and refusing, this refuses: two parties that repair differently can be played against each other.
  init(line: RequestLine, headers: HTTPHeaders, maxQueryItems: Int) throws {
    let hosts = headers["host"]
    guard hosts.count == 1 || (hosts.isEmpty && line.isHTTP10) else {
      throw HTTPRefusal(.badRequest, "expected one Host header, found \(hosts.count)")
    }
    self.framing = try Self.framing(headers, isHTTP10: line.isHTTP10)
    let connection = Self.tokens(headers["connection"])
    let question = line.target.utf8.firstIndex(of: UInt8(ascii: "?"))
    let path = line.target[..<(question ?? line.target.endIndex)]
    guard let segments = PercentCoding.segments(of: path) else {
      throw HTTPRefusal(.badRequest, "the path has an invalid percent escape")
    }
    self.method = line.method
    self.rawPath = String(path)
    self.path = segments
    self.query =
      try question.map {
        try QueryParameters(parsing: line.target[line.target.utf8.index(after: $0)...], maxItems: maxQueryItems)
      } ?? QueryParameters()
    self.headers = headers
    self.isHTTP10 = line.isHTTP10
    self.keepsAlive = line.isHTTP10 ? connection.contains("keep-alive") : !connection.contains("close")
    self.expectsContinue = !line.isHTTP10 && Self.tokens(headers["expect"]).contains("100-continue")
    self.upgrades = !line.isHTTP10 && connection.contains("upgrade") ? Self.tokens(headers["upgrade"]).sorted() : []
  }

  private static func framing(_ headers: HTTPHeaders, isHTTP10: Bool) throws -> BodyFraming {
    let lengths = headers["content-length"]
    let encodings = headers["transfer-encoding"]
    if !encodings.isEmpty {
      guard lengths.isEmpty else {
        throw HTTPRefusal(.badRequest, "Content-Length and Transfer-Encoding exclude each other")
      }
      guard !isHTTP10, encodings.count == 1, encodings[0].lowercased() == "chunked" else {
        throw HTTPRefusal(.badRequest, "unsupported Transfer-Encoding: only a single 'chunked' is")
      }
      return .chunked
    }
    guard lengths.count <= 1 else { throw HTTPRefusal(.badRequest, "more than one Content-Length") }
    guard let text = lengths.first else { return .none }
    guard !text.isEmpty, text.utf8.count <= 18, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let length = Int(text)
    else { throw HTTPRefusal(.badRequest, "Content-Length is not a number") }
    return length == 0 ? .none : .length(length)
  }

  /// The comma-separated members of a header, in lower case.
  private static func tokens(_ values: [String]) -> [String] {
    guard !values.isEmpty else { return [] }
    return values.flatMap { value in
      value.utf8.split(separator: UInt8(ascii: ",")).map { part in
        let start = part.drop { $0 == 32 || $0 == 9 }
        let end = start.reversed().drop { $0 == 32 || $0 == 9 }.reversed()
        return String(decoding: end, as: UTF8.self).lowercased()
      }
    }
  }
}

/// The first line of a request.
struct RequestLine: Sendable, Equatable {
  var method: HTTPMethod
  /// Origin form: begins with `/`.
  var target: String
  var isHTTP10: Bool
}
