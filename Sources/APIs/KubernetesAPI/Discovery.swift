import HTTPServing
import KubeMachinery
import LinuxSystem

/// What a server says about itself: version, health, which kinds there are and what their documents look like.
///
/// All answers are made once, from the catalog. What is not in the catalog is not in discovery.
/// Sources: Kubernetes *API concepts*, *API discovery*; `apidiscovery.k8s.io/v2`.
public final class Discovery: Sendable {
  /// The version of Kubernetes whose behaviour is offered.
  public struct Version: Sendable {
    public let major: String
    public let minor: String
    public let gitVersion: String

    public init(major: String = "1", minor: String = "33", gitVersion: String = "v1.33.0") {
      self.major = major
      self.minor = minor
      self.gitVersion = gitVersion
    }
  }

  private let plain: [String: [UInt8]]
  /// By path, then by the version of `apidiscovery.k8s.io`.
  private let aggregated: [String: [String: [UInt8]]]
  private let schemas: OpenAPIDocuments
  /// Documents below `/openapi`, made when one is asked for first: they are large, and most runs need none.
  private let made = Locked<[String: [UInt8]]>([:])

  /// - Parameter address: host and port that clients reach the server at.
  public init(_ catalog: KindCatalog, address: String, version: Version = Version()) {
    let documents = DiscoveryDocuments(catalog)
    schemas = OpenAPIDocuments(catalog, version: version.gitVersion)
    var plain: [String: JSONValue] = [
      "/version": Self.document(version), "/api": documents.coreVersions(address: address), "/apis": documents.groups,
    ]
    for group in catalog.groups {
      if !group.isEmpty { plain["/apis/\(group)"] = documents.group(group) }
      for version in catalog.versions(of: group) {
        plain[group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"] = documents.resources(
          group: group, version: version)
      }
    }
    let paths = plain.keys + ["/healthz", "/livez", "/readyz", "/openapi/v2", "/openapi/v3"]
    plain["/"] = ["paths": .array(paths.sorted().map { .string($0) })]
    self.plain = plain.mapValues { $0.encoded() + [10] }
    aggregated = ["/api": true, "/apis": false].mapValues { core in
      Dictionary(
        uniqueKeysWithValues: ["v2", "v2beta1"].map {
          ($0, documents.aggregated(core: core, version: $0).encoded() + [10])
        })
    }
  }

  /// The answer to a request for something that is known here; nil for anything else. Throws `StatusError` (405).
  func answer(_ request: HTTPRequest) throws -> HTTPResponse? {
    var path = request.rawPath
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    if let health = Self.health(path, request) { return health }
    if path.hasPrefix("/openapi/") { return try openAPI(path, request) }
    guard let bytes = plain[path] else { return nil }
    try Self.checkMethod(request)
    if let versions = aggregated[path] {
      let accepted = Negotiation.Entry.all(request.headers["Accept"].joined(separator: ","))
      for entry in accepted {
        guard entry.mediaType == "application/json" else { continue }
        guard entry.parameters["as"] == "APIGroupDiscoveryList" else { break }
        guard entry.parameters["g"] == "apidiscovery.k8s.io", let version = entry.parameters["v"],
          let bytes = versions[version]
        else { continue }
        return HTTPResponse(
          contentType: "application/json;g=apidiscovery.k8s.io;v=\(version);as=APIGroupDiscoveryList", bytes: bytes)
      }
    }
    return Answers.json(bytes)
  }

  private static func checkMethod(_ request: HTTPRequest) throws {
    guard request.method == .GET || request.method == .HEAD else { throw StatusError.methodNotAllowed }
  }

  /// A server that answers has opened its store, so it lives and is ready.
  private static func health(_ path: String, _ request: HTTPRequest) -> HTTPResponse? {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    guard let name = parts.first, ["healthz", "livez", "readyz"].contains(name) else { return nil }
    // The one check there is, by its name.
    if parts.count == 2, parts.last == "ping" { return Answers.text("ok") }
    guard parts.count == 1 else { return nil }
    return Answers.text(request.query["verbose"] == nil ? "ok" : "[+]ping ok\n\(name) check passed\n")
  }

  private static func document(_ version: Version) -> JSONValue {
    [
      "major": .string(version.major), "minor": .string(version.minor), "gitVersion": .string(version.gitVersion),
      "gitCommit": "", "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "",
      "compiler": "swift", "platform": "linux/amd64",
    ]
  }

  // MARK: schemas

  private func openAPI(_ path: String, _ request: HTTPRequest) throws -> HTTPResponse? {
    guard let bytes = schema(path) else { return nil }
    try Self.checkMethod(request)
    let accepted = Negotiation.Entry.all(request.headers["Accept"].joined(separator: ",")).map(\.mediaType)
    if path == "/openapi/v2", let bytes = schema(Self.inProtobuf),
      OpenAPIProtobuf.mediaTypes.contains(accepted.first ?? "")
    {
      return HTTPResponse(contentType: OpenAPIProtobuf.contentType, bytes: bytes)
    }
    guard accepted.isEmpty || !Set(accepted).isDisjoint(with: ["application/json", "*/*", "application/*"]) else {
      return Answers.notAcceptable
    }
    return Answers.json(bytes)
  }

  /// Under which the second version is kept in its other form.
  private static let inProtobuf = "/openapi/v2 in protobuf"

  private func schema(_ path: String) -> [UInt8]? {
    made.withLock { made in
      if let known = made[path] { return known }
      let third = "/openapi/v3"
      var bytes: [UInt8]?
      if path == "/openapi/v2" {
        bytes = schemas.second().encoded()
      } else if path == Self.inProtobuf {
        bytes = OpenAPIProtobuf.encode(schemas.second())
      } else if path == third {
        let index = schemas.thirdIndex { path in
          let document = schemas.third(path: path)?.encoded()
          made["\(third)/\(path)"] = document
          return Self.hash(document ?? [])
        }
        bytes = index.encoded()
      } else if path.hasPrefix(third + "/") {
        bytes = schemas.third(path: String(path.dropFirst(third.utf8.count + 1)))?.encoded()
      }
      if let bytes { made[path] = bytes }
      return bytes
    }
  }

  /// Tells one version of a document from another. Source: FNV-1a, 64 bits.
  private static func hash(_ bytes: [UInt8]) -> String {
    let value = bytes.reduce(into: UInt64(0xcbf2_9ce4_8422_2325)) { $0 = ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    return String(value, radix: 16)
  }
}
