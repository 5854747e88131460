import FoundationEssentials
import HTTPServing
import Model
import RegistryClient

/// Credentials as docker's clients send them: JSON in base64 in a header, or JSON in a body (Docker Engine API,
/// *Authentication*).
struct RegistryAuthorization {
  /// The header's longest value: tokens of some clouds have several kilobytes.
  private static let maximumBytes = 64 << 10
  /// What docker's client writes for the user where it has a token.
  private static let tokenUser = "<token>"

  var credentials: RegistryCredentials
  var server: String?

  /// Reads a body or the decoded header.
  init(_ fields: JSONFields) throws {
    let user = try fields.text("username")
    let password = try fields.text("password")
    server = try fields.text("serveraddress")
    if let token = try fields.text("registrytoken") {
      credentials = .bearer(token)
    } else if let token = try fields.text("identitytoken") {
      credentials = .identityToken(token)
    } else if let user, let password, user == Self.tokenUser {
      credentials = .identityToken(password)
    } else if let user, let password {
      credentials = .password(user: user, password: password)
    } else if let pair = try fields.text("auth").flatMap(Self.pair) {
      credentials = .password(user: pair.user, password: pair.password)
    } else {
      credentials = .anonymous
    }
    fields.ignoreRest()
  }

  /// The credentials of `X-Registry-Auth`; anonymous where it is absent or empty.
  static func credentials(_ request: DockerRequest) throws -> RegistryCredentials {
    guard let header = request.http.headers["X-Registry-Auth"].first, !header.isEmpty else { return .anonymous }
    let malformed = PlatformError(.invalidArgument, "X-Registry-Auth: expected JSON in base64url")
    guard header.utf8.count <= maximumBytes, let data = decode(header) else { throw malformed }
    if data.isEmpty { return .anonymous }
    let value: JSONValue
    do { value = try JSONParser.parse(data) } catch { throw malformed }
    if value == .null { return .anonymous }
    guard case .object = value else { throw malformed }
    return try RegistryAuthorization(JSONFields(value, path: "X-Registry-Auth")).credentials
  }

  /// Credentials of `X-Registry-Config`, for whichever registry a base image comes from.
  static func ofBuild(_ request: DockerRequest) throws -> @Sendable (ImageReference) -> RegistryCredentials {
    guard let header = request.http.headers["X-Registry-Config"].first, !header.isEmpty else {
      return { _ in .anonymous }
    }
    let malformed = PlatformError(.invalidArgument, "X-Registry-Config: expected JSON in base64url")
    guard header.utf8.count <= maximumBytes, let data = decode(header) else { throw malformed }
    guard !data.isEmpty, case .object(let members) = try JSONParser.parse(data) else { return { _ in .anonymous } }
    var known: [String: RegistryCredentials] = [:]
    for (server, value) in members {
      guard case .object = value else { continue }
      known[host(server)] = try RegistryAuthorization(JSONFields(value, path: "X-Registry-Config")).credentials
    }
    return { [known] reference in known[reference.domain] ?? .anonymous }
  }

  /// The registry that a key of docker's configuration means: `https://index.docker.io/v1/` is `docker.io`.
  private static func host(_ server: String) -> String {
    var text = server[...]
    for scheme in ["https://", "http://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
    let host = String(text.prefix { $0 != "/" })
    return host == "index.docker.io" || host == "registry-1.docker.io" ? "docker.io" : host
  }

  /// Base64 in either alphabet, with or without padding.
  private static func decode(_ text: String) -> [UInt8]? {
    var plain = text.replacing("-", with: "+").replacing("_", with: "/")
    while plain.hasSuffix("=") { plain.removeLast() }
    plain += String(repeating: "=", count: (4 - plain.utf8.count % 4) % 4)
    return Data(base64Encoded: plain).map { [UInt8]($0) }
  }

  /// `user:password` in base64, as configuration files have it.
  private static func pair(_ text: String) -> (user: String, password: String)? {
    guard let bytes = decode(text), let plain = String(validating: bytes, as: UTF8.self),
      let colon = plain.firstIndex(of: ":")
    else { return nil }
    return (String(plain[..<colon]), String(plain[plain.index(after: colon)...]))
  }
}
