/// One request, its form already checked.
public struct HTTPRequest: Sendable {
  public let method: HTTPMethod
  /// The path as sent, without the query.
  public let rawPath: String
  /// The path's segments, percent-decoded: `/a/b%2Fc` is `["a", "b/c"]`. No segment holds a NUL.
  public var path: [String]
  public let query: QueryParameters
  public let headers: HTTPHeaders
  /// The process at the other end; nil on TCP.
  public let peer: PeerCredentials?
  /// The client's IP address; nil on unix sockets.
  public let remoteAddress: String?
  /// Whether it came over TLS.
  public let isEncrypted: Bool
  /// What the client has shown over TLS, in DER form: made by one of `ServerTLS`'s authorities, and valid when the connection
  /// began.
  public let clientCertificate: [UInt8]?
  public let body: RequestBody
  /// The client asked to switch to a raw stream (`Connection: Upgrade` and `Upgrade: tcp`).
  public let isUpgrade: Bool
  /// All that the client would leave HTTP for, in small letters: `tcp`, `websocket`, `spdy/3.1`.
  public let upgrades: [String]

  public init(
    method: HTTPMethod, rawPath: String, path: [String], query: QueryParameters, headers: HTTPHeaders,
    peer: PeerCredentials?, body: RequestBody, isUpgrade: Bool, remoteAddress: String? = nil, isEncrypted: Bool = false,
    clientCertificate: [UInt8]? = nil, upgrades: [String] = []
  ) {
    self.method = method
    self.rawPath = rawPath
    self.path = path
    self.query = query
    self.headers = headers
    self.peer = peer
    self.body = body
    self.isUpgrade = isUpgrade
    self.remoteAddress = remoteAddress
    self.isEncrypted = isEncrypted
    self.clientCertificate = clientCertificate
    self.upgrades = upgrades
  }
}

/// The parameters of a query, each with all its values in the order sent.
public struct QueryParameters: Sendable, Equatable {
  private var items: [String: [String]] = [:]

  public init() {}

  /// Splits and decodes the text after `?`: strict percent escapes, `+` is a space. Source: WHATWG URL,
  /// *application/x-www-form-urlencoded parsing*.
  ///
  /// Throws `HTTPRefusal` (400) for a bad escape or more than `maxItems` parameters.
  public init(parsing text: some StringProtocol, maxItems: Int) throws {
    var count = 0
    for pair in text.utf8.split(separator: UInt8(ascii: "&")) {
      count += 1
      guard count <= maxItems else { throw HTTPRefusal(.badRequest, "the query has more than \(maxItems) parameters") }
      let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      guard let name = PercentCoding.decode(parts[0], plusIsSpace: true),
        let value = parts.count == 2 ? PercentCoding.decode(parts[1], plusIsSpace: true) : ""
      else { throw HTTPRefusal(.badRequest, "the query has an invalid percent escape") }
      items[name, default: []].append(value)
    }
  }

  /// The first value, or nil where the parameter is absent.
  public subscript(_ name: String) -> String? { items[name]?.first }
  /// Every value, none where the parameter is absent.
  public func all(_ name: String) -> [String] { items[name] ?? [] }
  public var names: some Collection<String> { items.keys }
  public var isEmpty: Bool { items.isEmpty }
}
