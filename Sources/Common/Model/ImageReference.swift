/// The name of an image: registry, repository, and a tag or digest.
///
/// Grammar of the distribution project's *reference* (docs at distribution.github.io), with docker's short forms: no
/// registry means docker.io, a repository of one part there lies in `library/`.
public struct ImageReference: Sendable, Hashable, CustomStringConvertible {
  /// Host and port, for example `docker.io` or `localhost:5000`.
  public let domain: String
  /// The repository's path, for example `library/debian`.
  public let path: String
  public let tag: String?
  public let digest: Digest?

  private static let maximumNameBytes = 255
  private static let maximumTagBytes = 128
  private static let defaultDomain = "docker.io"
  private static let legacyDefaultDomain = "index.docker.io"
  private static let officialPrefix = "library/"
  public static let defaultTag = "latest"

  /// Parses what a user typed; throws `invalidArgument`.
  public init(parsing text: String) throws {
    // Name, tag and digest together; nothing longer can be right.
    guard !text.isEmpty, text.utf8.count <= Self.maximumNameBytes + Self.maximumTagBytes + 80 else {
      throw Self.malformed(text)
    }
    var name = text[...]
    var digest: Digest?
    if let at = name.lastIndex(of: "@") {
      digest = try Digest(parsing: String(name[name.index(after: at)...]))
      name = name[..<at]
    }
    var tag: String?
    // A colon behind the last slash starts the tag; one before it belongs to the port.
    if let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") {
      tag = String(name[name.index(after: colon)...])
      name = name[..<colon]
    }
    let (domain, path) = Self.split(String(name))
    guard Self.isDomain(domain), Self.isPath(path), tag.map(Self.isTag) ?? true,
      domain.utf8.count + 1 + path.utf8.count <= Self.maximumNameBytes
    else { throw Self.malformed(text) }
    // Such a name could not be told from an id.
    if !text.contains("/"), name.utf8.count == 64, (try? Digest(hex: String(name))) != nil {
      throw PlatformError(
        .invalidArgument, "invalid reference format: a name of 64 hexadecimal digits cannot be told from an image id")
    }
    self.init(domain: domain, path: path, tag: tag, digest: digest)
  }

  private init(domain: String, path: String, tag: String?, digest: Digest?) {
    self.domain = domain
    self.path = path
    self.tag = tag
    self.digest = digest
  }

  /// The same repository with a tag, `latest` where nothing is said.
  public var withDefaultTag: ImageReference {
    tag == nil && digest == nil
      ? ImageReference(domain: domain, path: path, tag: Self.defaultTag, digest: nil) : self
  }

  /// The same repository without tag and digest.
  public var repository: ImageReference { ImageReference(domain: domain, path: path, tag: nil, digest: nil) }

  /// The same repository by digest.
  public func with(digest: Digest) -> ImageReference {
    ImageReference(domain: domain, path: path, tag: nil, digest: digest)
  }

  /// Neither tag nor digest.
  public var isNameOnly: Bool { tag == nil && digest == nil }

  /// The full form, the key under which names are kept: `docker.io/library/debian:bookworm`.
  public var description: String { "\(domain)/\(path)\(suffix)" }

  /// The form docker prints: `debian:bookworm`.
  public var familiar: String { familiarName + suffix }

  /// The repository in the form docker prints: `debian`.
  public var familiarName: String {
    guard domain == Self.defaultDomain else { return "\(domain)/\(path)" }
    let short = path.dropFirst(Self.officialPrefix.count)
    return path.hasPrefix(Self.officialPrefix) && !short.contains("/") ? String(short) : path
  }

  private var suffix: String { (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "") }

  // MARK: - Grammar

  private static func malformed(_ text: String) -> PlatformError {
    let shown = text.unicodeScalars.prefix(100).map { $0.value < 0x20 || $0.value == 0x7F ? "?" : String($0) }.joined()
    let isUpper = text.contains { $0.isASCII && $0.isUppercase }
    let hint = isUpper ? ": repository name must be lowercase" : ""
    return PlatformError(.invalidArgument, "invalid reference format: '\(shown)'\(hint)")
  }

  private static func split(_ name: String) -> (domain: String, path: String) {
    let parts = name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let first = String(parts[0])
    let isDomain =
      parts.count > 1
      && (first == "localhost" || first.contains(".") || first.contains(":") || first != first.lowercased())
    guard isDomain else { return (defaultDomain, official(name)) }
    let path = String(parts[1])
    return first == legacyDefaultDomain || first == defaultDomain ? (defaultDomain, official(path)) : (first, path)
  }

  private static func official(_ path: String) -> String { path.contains("/") ? path : officialPrefix + path }

  private static func isDomain(_ domain: String) -> Bool {
    var host = domain[...]
    if domain.hasPrefix("[") {
      guard let end = domain.firstIndex(of: "]") else { return false }
      let address = domain[domain.index(after: domain.startIndex)..<end]
      let rest = domain[domain.index(after: end)...]
      return !address.isEmpty && address.utf8.allSatisfy { isHexDigit($0) || $0 == UInt8(ascii: ":") }
        && (rest.isEmpty || rest.hasPrefix(":") && isPort(rest.dropFirst()))
    }
    if let colon = domain.lastIndex(of: ":") {
      guard isPort(domain[domain.index(after: colon)...]) else { return false }
      host = domain[..<colon]
    }
    return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
      !label.isEmpty && label.first != "-" && label.last != "-"
        && label.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
    }
  }

  private static func isPort(_ text: Substring) -> Bool {
    !text.isEmpty && text.utf8.count <= 5 && text.utf8.allSatisfy { (48...57).contains($0) }
  }

  /// Whether a text is a repository's path of any number of components; its length is not looked at.
  public static func isPath(_ path: String) -> Bool {
    path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(isComponent)
  }

  /// Lower-case letters and digits, parted by one dot, one or two underscores, or any number of dashes.
  private static func isComponent(_ component: Substring) -> Bool {
    var separator: [UInt8] = []
    var seen = false
    for byte in component.utf8 {
      if (97...122).contains(byte) || (48...57).contains(byte) {
        guard separator.isEmpty || (seen && isSeparator(separator)) else { return false }
        separator = []
        seen = true
      } else {
        separator.append(byte)
      }
    }
    return seen && separator.isEmpty
  }

  private static func isSeparator(_ bytes: [UInt8]) -> Bool {
    bytes == [UInt8(ascii: ".")] || bytes == [UInt8(ascii: "_")] || bytes == Array("__".utf8)
      || bytes.allSatisfy { $0 == UInt8(ascii: "-") }
  }

  /// Whether a text can be a tag: at most 128 letters, digits, `_`, `.` and `-`, the first neither dot nor dash.
  public static func isTag(_ tag: String) -> Bool {
    guard let first = tag.utf8.first, tag.utf8.count <= maximumTagBytes else { return false }
    let isWord: (UInt8) -> Bool = { isAlphanumeric($0) || $0 == UInt8(ascii: "_") }
    return isWord(first) && tag.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    (97...102).contains(byte) || (65...70).contains(byte) || (48...57).contains(byte)
  }
}
