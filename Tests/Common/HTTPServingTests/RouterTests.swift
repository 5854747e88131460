import Testing

@testable import HTTPServing

@Suite struct RouterTests {
  private static let patterns: [(HTTPMethod, String)] = [
    (.GET, "/containers/json"), (.POST, "/containers/create"), (.GET, "/containers/{id}/json"),
    (.DELETE, "/containers/{id}"), (.GET, "/images/json"), (.POST, "/images/create"), (.GET, "/images/{name…}/json"),
    (.DELETE, "/images/{name…}"), (.POST, "/images/{name…}/tag"), (.GET, "/exec/{id}/{what}"), (.GET, "/"),
  ]

  @Test(arguments: [
    ("aZ09-._~", "aZ09-._~"), ("/run/x y", "%2Frun%2Fx%20y"), ("ü+%&=?#", "%C3%BC%2B%25%26%3D%3F%23"), ("", ""),
  ])
  func escapesAreUndone(_ plain: String, _ escaped: String) {
    #expect(PercentCoding.encode(plain) == escaped)
    for plusIsSpace in [false, true] {
      #expect(PercentCoding.decode(Array(escaped.utf8), plusIsSpace: plusIsSpace) == plain)
    }
  }

  /// The pattern found and its captures.
  private func find(_ method: HTTPMethod, _ path: String) throws -> (String, RouteParameters) {
    var router = Router<String>()
    for (method, pattern) in Self.patterns { router.on(method, pattern, pattern) }
    return try router.find(method, try #require(PercentCoding.segments(of: path[...])))
  }

  private static let found: [(HTTPMethod, String, String, [String: String])] = [
    (.GET, "/containers/json", "/containers/json", ["": ""]),
    (.GET, "/containers/abc/json", "/containers/{id}/json", ["id": "abc"]),
    (.DELETE, "/containers/json", "/containers/{id}", ["id": "json"]),
    (.GET, "/images/json", "/images/json", ["": ""]),
    (.GET, "/images/busybox/json", "/images/{name…}/json", ["name": "busybox"]),
    (.GET, "/images/host:5000/a/b:1/json", "/images/{name…}/json", ["name": "host:5000/a/b:1"]),
    (.GET, "/images/a%2Fb/json", "/images/{name…}/json", ["name": "a/b"]),
    (.DELETE, "/images/a/json", "/images/{name…}", ["name": "a/json"]),
    (.DELETE, "/images/json", "/images/{name…}", ["name": "json"]),
    (.POST, "/images/create", "/images/create", ["": ""]),
    (.POST, "/images/x/y/tag", "/images/{name…}/tag", ["name": "x/y"]),
    (.GET, "/exec/1/resize", "/exec/{id}/{what}", ["id": "1", "what": "resize"]),
    (.GET, "/", "/", ["": ""]),
  ]

  @Test(arguments: found)
  func finds(_ method: HTTPMethod, _ path: String, _ pattern: String, _ captures: [String: String]) throws {
    let (found, parameters) = try find(method, path)
    #expect(found == pattern)
    for (name, value) in captures { #expect(parameters[name] == value) }
  }

  @Test(arguments: [
    (HTTPMethod.GET, "/none", RouteError.notFound), (.GET, "/containers//json", .notFound),
    (.GET, "/containers", .notFound), (.GET, "/containers/a/json/", .notFound),
    (.POST, "/containers/json", .methodNotAllowed(allowed: ["DELETE", "GET"])),
    (.PUT, "/images/a/b/tag", .methodNotAllowed(allowed: ["DELETE", "POST"])),
  ])
  func refuses(_ method: HTTPMethod, _ path: String, _ error: RouteError) {
    #expect(throws: error) { try find(method, path) }
  }
}
