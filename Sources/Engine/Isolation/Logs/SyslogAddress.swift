import Model

/// Where a syslog receiver listens.
public enum SyslogAddress: Sendable, Equatable, CustomStringConvertible {
  /// A datagram socket of the host.
  case local(path: String)
  case remote(host: String, port: UInt16, stream: Bool)

  public static let standard = SyslogAddress.local(path: "/dev/log")
  private static let standardPort: UInt16 = 514
  private static let maximumBytes = 256

  /// `unix://PATH`, `unixgram://PATH`, `udp://HOST[:PORT]` or `tcp://HOST[:PORT]`. Throws `invalidArgument`, and
  /// `notImplemented` for TLS.
  public init(parsing text: String) throws {
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
    guard text.utf8.count <= Self.maximumBytes, parts.count == 2, parts[1].hasPrefix("//") else {
      throw Self.malformed(text)
    }
    let rest = String(parts[1].dropFirst(2))
    switch parts[0] {
    case "unix", "unixgram":
      guard rest.hasPrefix("/"), rest.count > 1 else { throw Self.malformed(text) }
      self = .local(path: MountDestination.cleaned(rest))
    case "udp", "tcp":
      guard let (host, port) = Self.endpoint(rest) else { throw Self.malformed(text) }
      self = .remote(host: host, port: port, stream: parts[0] == "tcp")
    case "tcp+tls":
      throw PlatformError(.notImplemented, "log opt 'syslog-address': syslog over TLS (tcp+tls://) is not supported")
    default: throw Self.malformed(text)
    }
  }

  private static func malformed(_ text: String) -> PlatformError {
    PlatformError(
      .invalidArgument,
      "invalid value '\(text.prefix(100))' for log opt 'syslog-address': expected unixgram:///dev/log, udp://HOST:PORT "
        + "or tcp://HOST:PORT")
  }

  private static func endpoint(_ text: String) -> (host: String, port: UInt16)? {
    var host = text[...]
    var port: UInt16? = standardPort
    let isBracketed = text.hasPrefix("[")
    if let colon = text.lastIndex(of: ":"), !isBracketed || text[..<colon].hasSuffix("]") {
      host = text[..<colon]
      port = UInt16(text[text.index(after: colon)...])
    }
    if isBracketed {
      guard host.hasSuffix("]") else { return nil }
      host = host.dropFirst().dropLast()
    }
    let isPlain = host.utf8.allSatisfy { byte in
      (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 45 || byte == 46
        || isBracketed && byte == 58
    }
    guard let port, port > 0, !host.isEmpty, isPlain, host.first != "-" else { return nil }
    return (host.lowercased(), port)
  }

  /// The one way to write it, which the policy's patterns are compared with.
  public var description: String {
    switch self {
    case .local(let path): "unixgram://\(path)"
    case .remote(let host, let port, let stream):
      "\(stream ? "tcp" : "udp")://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }
  }
}

/// Message forms, by docker's names.
public enum SyslogFormat: String, Sendable, CaseIterable {
  case rfc3164 = "rfc3164"
  case rfc5424 = "rfc5424"
  case rfc5424micro = "rfc5424micro"

  private static let facilities = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
  ]

  /// The number of a facility by name or number (RFC 5424, section 6.2.1); nil for anything else.
  public static func facility(_ text: String) -> Int? {
    if let index = facilities.firstIndex(of: text) { return index }
    if text.hasPrefix("local"), let number = Int(text.dropFirst(5)), (0...7).contains(number) { return 16 + number }
    if let number = Int(text), (0...23).contains(number) { return number }
    return nil
  }
}
