/// The engine behind its socket: one connection for each request, Docker Engine API without a version in the path, which
/// means the newest that the engine speaks. `Server` reaches the server by the same means.
struct Engine {
  /// Bytes of an answer that is held in memory as a whole.
  static let maximumAnswerBytes = 64 << 20
  /// Bytes of one line of a stream of JSON documents.
  static let maximumLineBytes = 4 << 20

  let address: EngineAddress

  enum Method: String {
    case get = "GET", post = "POST", delete = "DELETE", put = "PUT", head = "HEAD", patch = "PATCH"
  }

  /// A response whose body has not been read.
  struct Response {
    let head: ResponseHead
    let body: BodyReader
    let connection: Connection
  }

  /// Sends a request and waits for the answer's head. Throws what the engine said for any status of 400 and above.
  func open(
    _ method: Method, _ path: String, query: [(String, String?)] = [], json: JSONValue? = nil, upgrade: Bool = false,
    fields extra: [(String, String)] = []
  ) throws(ClientError) -> Response {
    let connection = try Connection(to: address)
    let body = json.map { Array($0.compact.utf8) } ?? []
    var fields = [("Content-Length", String(body.count))] + extra
    if json != nil { fields.append(("Content-Type", "application/json")) }
    try connection.send(Self.head(method, path, query, fields, upgrade: upgrade) + body)
    return try answer(on: connection)
  }

  /// Sends a request and reads the whole answer as JSON; `.null` for an empty one.
  @discardableResult
  func call(
    _ method: Method, _ path: String, query: [(String, String?)] = [], json: JSONValue? = nil
  ) throws(ClientError) -> JSONValue {
    let bytes = try open(method, path, query: query, json: json).body.all(limit: Self.maximumAnswerBytes)
    return try Self.decode(bytes)
  }

  /// Reads the answer's head from a connection on which a request was sent.
  func answer(on connection: Connection) throws(ClientError) -> Response {
    let head = try readHead(connection)
    let framing: ResponseHead.Framing
    do { framing = try head.framing() } catch { throw Self.notOurs(address) }
    let response = Response(head: head, body: BodyReader(connection, framing: framing), connection: connection)
    guard head.status < 400 else { throw failure(response) }
    return response
  }

  /// Calls `each` with every line of a streamed answer, decoded.
  func eachDocument(of response: Response, _ each: (JSONValue) throws(ClientError) -> Void) throws(ClientError) {
    var pending: [UInt8] = []
    while let piece = try response.body.next() {
      pending.append(contentsOf: piece)
      while let end = pending.firstIndex(of: 0x0A) {
        let line = Array(pending[..<end])
        pending.removeFirst(end + 1)
        if !line.allSatisfy({ $0 == 0x0D || $0 == 0x20 }) { try each(try Self.decode(line)) }
      }
      guard pending.count <= Self.maximumLineBytes else {
        throw ClientError("the engine sent a line of more than \(Self.maximumLineBytes) bytes")
      }
    }
    if !pending.isEmpty { try each(try Self.decode(pending)) }
  }

  static func head(
    _ method: Method, _ path: String, _ query: [(String, String?)], _ fields: [(String, String)], upgrade: Bool = false
  ) -> [UInt8] {
    var text =
      "\(method.rawValue) \(target(path, query)) HTTP/1.1\r\nHost: bulkhead\r\nUser-Agent: bulkhead/\(Version.current)\r\n"
    text += upgrade ? "Connection: Upgrade\r\nUpgrade: tcp\r\n" : "Connection: close\r\n"
    for (name, value) in fields { text += "\(name): \(value)\r\n" }
    return Array((text + "\r\n").utf8)
  }

  /// Path and query; a query item without a value is left out.
  static func target(_ path: String, _ query: [(String, String?)]) -> String {
    let items = query.compactMap { name, value in value.map { "\(name)=\(escape($0))" } }
    return items.isEmpty ? path : path + "?" + items.joined(separator: "&")
  }

  /// Percent-encodes everything but unreserved characters (RFC 3986, section 2.3).
  static func escape(_ text: String) -> String {
    var escaped = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
        escaped.unicodeScalars.append(Unicode.Scalar(byte))
      default: escaped += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
    return escaped
  }

  static func decode(_ bytes: [UInt8]) throws(ClientError) -> JSONValue {
    if bytes.isEmpty { return .null }
    do { return try JSONParser.parse(bytes) } catch { throw ClientError("the engine's answer is not JSON: \(error)") }
  }

  private func readHead(_ connection: Connection) throws(ClientError) -> ResponseHead {
    var searched = 0
    while true {
      if let end = Self.endOfHead(connection.buffer, from: searched) {
        let text = String(decoding: connection.take(end).dropLast(4), as: UTF8.self)
        do { return try ResponseHead(parsing: text) } catch {
          throw ClientError("the answer is not HTTP/1.1: is this \(address.service.name)'s socket?")
        }
      }
      searched = max(0, connection.buffer.count - 3)
      guard connection.buffer.count <= ResponseHead.maximumBytes, try connection.fill() else {
        throw ClientError(
          "\(address.service.name) hung up without an answer: its log says why ('journalctl -u \(address.service.unit)')"
        )
      }
    }
  }

  /// The offset behind the empty line that ends a head.
  private static func endOfHead(_ bytes: [UInt8], from start: Int) -> Int? {
    var index = start
    while index + 3 < bytes.count {
      if bytes[index] == 13, bytes[index + 1] == 10, bytes[index + 2] == 13, bytes[index + 3] == 10 { return index + 4 }
      index += 1
    }
    return nil
  }

  private static func notOurs(_ address: EngineAddress) -> ClientError {
    ClientError("what answers at \(address.path) is not \(address.service.name)")
  }

  /// What is said in the body of an error: `{"message": …, "field": …}` by the engine, a problem (RFC 9457) or the registry's list of
  /// errors by the server.
  private func failure(_ response: Response) -> ClientError {
    let bytes = (try? response.body.all(limit: Self.maximumLineBytes)) ?? []
    let body = (try? JSONParser.parse(bytes)) ?? .null
    let told = body["message"].string ?? body["detail"].string ?? body["errors"].items.first?["message"].string
    let message = told ?? "\(address.service.name) answered with status \(response.head.status)"
    return ClientError(
      message, status: response.head.status, field: body["field"].string, element: body["element"].string)
  }
}
