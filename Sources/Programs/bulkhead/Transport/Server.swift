import ArgumentParser

/// The server's management API behind its local socket, where root and the group `bulkhead` are administrators.
struct Server {
  static let prefix = "/api/v1"
  /// Pages of one list that are asked for.
  static let maximumPages = 10_000

  let transport: Engine

  /// Sends a request and reads the whole answer as JSON; `.null` for an empty one.
  @discardableResult
  func call(
    _ method: Engine.Method, _ path: String, query: [(String, String?)] = [], json: JSONValue? = nil
  ) throws(ClientError) -> JSONValue {
    try transport.call(method, Self.prefix + path, query: query, json: json)
  }

  /// The items of a list, page by page (RFC 8288, `rel="next"`), until there is no more or `limit` is reached.
  func list(
    _ path: String, query: [(String, String?)] = [], limit: Int = .max
  ) throws(ClientError) -> [JSONValue] {
    var items: [JSONValue] = []
    var target: String? = Engine.target(Self.prefix + path, query)
    for _ in 0..<Self.maximumPages {
      guard let next = target, items.count < limit else { return Array(items.prefix(limit)) }
      let response = try transport.open(.get, next)
      let bytes = try response.body.all(limit: Engine.maximumAnswerBytes)
      guard case .array(let page) = try Engine.decode(bytes) else {
        throw ClientError("the server's answer to '\(next)' is not a list")
      }
      items += page
      target = page.isEmpty ? nil : response.head.fields["link"].flatMap(Self.next)
    }
    throw ClientError("the server's list has more than \(Self.maximumPages) pages")
  }

  /// The target of a `Link` field to the next page; nil where it leads elsewhere.
  static func next(_ link: String) -> String? {
    for part in link.split(separator: ",") where part.contains("rel=\"next\"") || part.contains("rel=next") {
      guard let start = part.firstIndex(of: "<"), let end = part.firstIndex(of: ">"), start < end else { continue }
      let target = String(part[part.index(after: start)..<end])
      if target.hasPrefix(prefix + "/"), target.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) { return target }
    }
    return nil
  }

  /// `/projects/team/members/ada`: every part escaped, none empty.
  static func path(_ parts: String...) throws(ClientError) -> String {
    var path = ""
    for part in parts {
      guard !part.isEmpty else { throw ClientError.usage("a name is empty") }
      path += "/" + Engine.escape(part)
    }
    return path
  }

  /// Does something to each name, as `Engine.each`.
  func each(_ names: [String], _ body: (String) throws(ClientError) -> Void) throws(ClientError) {
    try transport.each(names, body)
  }
}

/// Where the server is; part of every command that talks to it.
struct ServerOptions: ParsableArguments {
  @Option(help: "The server's local socket; \(EngineAddress.defaultServerPath) or $BULKHEAD_SERVER when not named.")
  var server: String?

  func connect() throws(ClientError) -> Server {
    Server(
      transport: Engine(address: try EngineAddress.resolveServer(option: server, environment: environmentVariable)))
  }
}

/// How a list of the server's is shown.
struct ShowOptions: ParsableArguments {
  @Option(help: "table, json, or a template such as '{{.Name}}'.") var format: String?
  @Flag(name: .shortAndLong, help: "Names or ids only.") var quiet = false

  func validate() throws { try Template.check(format) }

  func show(_ listing: Listing) throws(ClientError) {
    print(try listing.text(format: format, quiet: quiet), terminator: "")
  }
}

/// How one thing of the server's is shown.
struct DetailOptions: ParsableArguments {
  @Option(help: "json, or a template such as '{{.name}}'.") var format: String?

  func validate() throws { try Template.check(format) }

  func show(_ value: JSONValue) throws(ClientError) {
    switch format {
    case nil: print(value.pretty)
    case "json": print(value.compact)
    case let format?: print(try Template(parsing: format).render(value))
    }
  }
}

extension JSONValue {
  /// A point in time, in seconds since 1970 or as text: `2026-01-31T12:00:00Z`; nothing where there is none.
  var moment: String {
    if let text = string { return text }
    guard let seconds = int else { return "" }
    return String(Units.date(nanoseconds: seconds.times(1_000_000_000)).prefix(19)) + "Z"
  }

  /// The same as a value of a list: null where there is none.
  var time: JSONValue { JSONValue.string(moment).unlessEmpty }
}
