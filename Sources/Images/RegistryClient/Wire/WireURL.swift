/// An HTTP address as registries send it: scheme, host, port, and path with query. Anything else is refused.
struct WireURL: Sendable, Hashable, CustomStringConvertible {
  enum Scheme: String, Sendable {
    case http, https
    var port: Int { self == .https ? 443 : 80 }
  }

  /// Longest address that is taken from a peer.
  static let maximumBytes = 8_192

  var scheme: Scheme
  /// A name in lower case, an IPv4 address, or an IPv6 address without brackets.
  var host: String
  var port: Int
  /// Path and query, starting with a slash.
  var target: String

  init(scheme: Scheme, host: String, port: Int?, target: String) {
    self.scheme = scheme
    self.host = host.lowercased()
    self.port = port ?? scheme.port
    self.target = target
  }

  /// Parses an absolute address; nil for other schemes (`file:`), user names, and what is malformed.
  init?(absolute text: String) {
    guard text.utf8.count <= Self.maximumBytes, Self.isClean(text) else { return nil }
    let lower = text.prefix(8).lowercased()
    let scheme: Scheme
    var rest: Substring
    if lower.hasPrefix("https://") {
      scheme = .https
      rest = text.dropFirst(8)
    } else if lower.hasPrefix("http://") {
      scheme = .http
      rest = text.dropFirst(7)
    } else {
      return nil
    }
    if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    guard let (host, port) = Self.authority(rest[..<end]) else { return nil }
    let tail = rest[end...]
    self.init(scheme: scheme, host: host, port: port, target: tail.hasPrefix("/") ? String(tail) : "/" + tail)
  }

  /// An address as `Location` and `Link` give it, absolute or relative to this one (RFC 3986, section 5).
  func resolving(_ reference: String) -> WireURL? {
    guard reference.utf8.count <= Self.maximumBytes, Self.isClean(reference) else { return nil }
    if reference.hasPrefix("//") { return WireURL(absolute: "\(scheme.rawValue):\(reference)") }
    let beforePath = reference.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    if beforePath.contains(":") { return WireURL(absolute: reference) }
    var result = self
    let text = String(reference.prefix { $0 != "#" })
    let path = target.prefix { $0 != "?" }
    if text.isEmpty { return self }
    if text.hasPrefix("/") {
      result.target = text
    } else if text.hasPrefix("?") {
      result.target = path + text
    } else {
      result.target = path[...(path.lastIndex(of: "/") ?? path.startIndex)] + text
    }
    return result
  }

  /// The same address with one more query parameter; the value is escaped.
  func adding(_ name: String, _ value: String) -> WireURL {
    var result = self
    result.target += (target.contains("?") ? "&" : "?") + name + "=" + Self.escape(value)
    return result
  }

  var authority: String { port == scheme.port ? bracketed : "\(bracketed):\(port)" }
  var description: String { "\(scheme.rawValue)://\(authority)\(target)" }

  /// The address without query, which may hold signatures that are as good as passwords.
  var shown: String { "\(scheme.rawValue)://\(authority)\(target.prefix { $0 != "?" }.prefix(200))" }

  func isSameOrigin(as other: WireURL) -> Bool { scheme == other.scheme && host == other.host && port == other.port }

  private var bracketed: String { host.contains(":") ? "[\(host)]" : host }

  /// Escapes all but the characters that RFC 3986 leaves unreserved, and the slash.
  static func escape(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var result: [UInt8] = []
    for byte in text.utf8 {
      let isPlain =
        (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
        || [UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "/")].contains(
          byte)
      if isPlain {
        result.append(byte)
      } else {
        result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`; nil with a user name and where malformed.
  static func authority(_ text: some StringProtocol) -> (host: String, port: Int?)? {
    let text = String(text)
    guard !text.isEmpty, !text.contains("@"), text.utf8.count <= 300 else { return nil }
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      let host = text[text.index(after: text.startIndex)..<end]
      guard !host.isEmpty, host.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else { return nil }
      let rest = text[text.index(after: end)...]
      if rest.isEmpty { return (String(host), nil) }
      guard rest.hasPrefix(":"), let port = Self.port(rest.dropFirst()) else { return nil }
      return (String(host), port)
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 2, !parts[0].isEmpty, !parts[0].hasPrefix("."), !parts[0].contains(".."),
      parts[0].utf8.allSatisfy({ byte in
        (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
          || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
      })
    else { return nil }
    if parts.count == 1 { return (String(parts[0]), nil) }
    guard let port = Self.port(parts[1]) else { return nil }
    return (String(parts[0]), port)
  }

  private static func port(_ text: Substring) -> Int? {
    guard text.utf8.count <= 5, text.utf8.allSatisfy({ (48...57).contains($0) }), let port = Int(text),
      (1...65_535).contains(port)
    else { return nil }
    return port
  }

  /// Printable ASCII without spaces: nothing that could end a request's line.
  private static func isClean(_ text: String) -> Bool { text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } }
}
