/// What a route's pattern captured.
public struct RouteParameters: Sendable, Equatable {
  private let values: [String: String]

  init(_ values: [String: String]) {
    self.values = values
  }

  /// The capture of that name; empty where the pattern has none of it.
  public subscript(_ name: String) -> String { values[name] ?? "" }
}

/// Finds the handler for a method and a path in time that grows with the path's segments only. What a handler is, its
/// owner decides.
///
/// Patterns: `/containers/{id}/json` captures one segment; `/images/{name…}/json` captures one or more, joined by
/// slashes, whatever follows it being fixed text. Fixed text wins over captures.
public struct Router<Handler: Sendable>: Sendable {
  private struct Endpoint: Sendable {
    var names: [String]
    var handler: Handler
  }

  private struct Node: Sendable {
    var literals: [String: Node] = [:]
    /// At most one: the node below `{name}`.
    var capture: [Node] = []
    /// Below `{name…}`: the fixed segments at the path's end, longest first.
    var rests: [(suffix: [String], endpoints: [String: Endpoint])] = []
    var endpoints: [String: Endpoint] = [:]
  }

  private var root = Node()
  /// Every route in the order it was added, for whoever describes them.
  public private(set) var patterns: [(method: HTTPMethod, pattern: String)] = []

  public init() {}

  /// Adds a route. A pattern added twice for a method replaces the first.
  public mutating func on(_ method: HTTPMethod, _ pattern: String, _ handler: Handler) {
    patterns.append((method, pattern))
    let segments = pattern.split(separator: "/").map(String.init)
    Self.insert(&root, segments[...], Endpoint(names: [], handler: handler), method)
  }

  private static func insert(
    _ node: inout Node, _ segments: ArraySlice<String>, _ endpoint: Endpoint, _ method: HTTPMethod
  ) {
    guard let first = segments.first else {
      node.endpoints[method.rawValue] = endpoint
      return
    }
    var endpoint = endpoint
    guard first.hasPrefix("{"), first.hasSuffix("}") else {
      return insert(&node.literals[first, default: Node()], segments.dropFirst(), endpoint, method)
    }
    let name = first.dropFirst().dropLast()
    guard name.hasSuffix("…") else {
      endpoint.names.append(String(name))
      if node.capture.isEmpty { node.capture = [Node()] }
      return insert(&node.capture[0], segments.dropFirst(), endpoint, method)
    }
    endpoint.names.append(String(name.dropLast()))
    let suffix = Array(segments.dropFirst())
    if let index = node.rests.firstIndex(where: { $0.suffix == suffix }) {
      node.rests[index].endpoints[method.rawValue] = endpoint
    } else {
      node.rests.append((suffix, [method.rawValue: endpoint]))
      node.rests.sort { $0.suffix.count > $1.suffix.count }
    }
  }

  /// The handler and its captures; throws `RouteError`.
  public func find(_ method: HTTPMethod, _ path: [String]) throws -> (Handler, RouteParameters) {
    var allowed: Set<String> = []
    var values: [String] = []
    guard let endpoint = Self.search(root, path[...], method, &values, &allowed) else {
      throw allowed.isEmpty ? RouteError.notFound : RouteError.methodNotAllowed(allowed: allowed.sorted())
    }
    return (endpoint.handler, RouteParameters(Dictionary(zip(endpoint.names, values), uniquingKeysWith: { $1 })))
  }

  private static func search(
    _ node: Node, _ path: ArraySlice<String>, _ method: HTTPMethod, _ values: inout [String],
    _ allowed: inout Set<String>
  ) -> Endpoint? {
    guard let first = path.first else { return pick(node.endpoints, method, &allowed) }
    if let next = node.literals[first], let found = search(next, path.dropFirst(), method, &values, &allowed) {
      return found
    }
    if let next = node.capture.first, !first.isEmpty {
      values.append(first)
      if let found = search(next, path.dropFirst(), method, &values, &allowed) { return found }
      values.removeLast()
    }
    for rest in node.rests where path.count > rest.suffix.count && path.suffix(rest.suffix.count) == rest.suffix[...] {
      if let found = pick(rest.endpoints, method, &allowed) {
        values.append(path.dropLast(rest.suffix.count).joined(separator: "/"))
        return found
      }
    }
    return nil
  }

  private static func pick(
    _ endpoints: [String: Endpoint], _ method: HTTPMethod, _ allowed: inout Set<String>
  ) -> Endpoint? {
    if let endpoint = endpoints[method.rawValue] { return endpoint }
    allowed.formUnion(endpoints.keys)
    return nil
  }
}

/// Why a request found no handler.
public enum RouteError: Error, Sendable, Equatable {
  case notFound
  case methodNotAllowed(allowed: [String])
}
