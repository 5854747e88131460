import Model
import OCITypes

/// Applies `--change` lines of `docker import` and `docker commit`: instructions of a Dockerfile that alter an image's
/// configuration (Dockerfile reference at docs.docker.com).
public enum ImageChanges {
  private static let maximumLines = 1_000
  private static let maximumLineBytes = 64 << 10

  /// - Throws: `invalidArgument` naming the line that is wrong or not allowed here.
  public static func apply(_ lines: [String], to config: inout ImageExecution) throws {
    guard lines.count <= maximumLines else {
      throw PlatformError(.resourceExhausted, "more than \(maximumLines) changes")
    }
    for line in lines {
      guard line.utf8.count <= maximumLineBytes else {
        throw PlatformError(.resourceExhausted, "a change has more than \(maximumLineBytes) bytes")
      }
      let trimmed = line.trimmedSpaces
      let word = trimmed.prefix { !$0.isWhitespace }
      try apply(word.uppercased(), String(trimmed.dropFirst(word.count)).trimmedSpaces, line, to: &config)
    }
  }

  private static func apply(_ word: String, _ rest: String, _ line: String, to config: inout ImageExecution) throws {
    let needsArguments = !["CMD", "ENTRYPOINT"].contains(word)
    if needsArguments && rest.isEmpty && known.contains(word) {
      throw PlatformError(.invalidArgument, "\(word) requires at least one argument: '\(line.prefix(200))'")
    }
    switch word {
    case "CMD": config.cmd = try command(rest, shell: config.shell)
    case "ENTRYPOINT": config.entrypoint = try command(rest, shell: config.shell)
    case "ENV":
      var environment = config.env ?? []
      for (name, value) in try pairs(rest, line) {
        environment.removeAll { $0.hasPrefix(name + "=") || $0 == name }
        environment.append("\(name)=\(value)")
      }
      config.env = environment
    case "LABEL":
      for (name, value) in try pairs(rest, line) {
        config.labels = (config.labels ?? [:]).merging([name: value]) { $1 }
      }
    case "EXPOSE":
      for port in try words(rest, line) { config.exposedPorts = try exposed(port, config.exposedPorts ?? [:]) }
    case "VOLUME":
      for path in try list(rest) ?? words(rest, line) {
        guard !path.isEmpty else {
          throw PlatformError(.invalidArgument, "VOLUME specified can not be an empty string")
        }
        config.volumes = (config.volumes ?? [:]).merging([path: EmptyObject()]) { $1 }
      }
    case "USER": config.user = rest
    case "WORKDIR":
      let below = config.workingDir.flatMap { $0.isEmpty ? nil : $0 } ?? "/"
      config.workingDir = rest.hasPrefix("/") ? rest : (below.hasSuffix("/") ? below + rest : "\(below)/\(rest)")
    case "STOPSIGNAL": config.stopSignal = rest
    case "ONBUILD": config.onBuild = (config.onBuild ?? []) + [rest]
    case "SHELL":
      guard let shell = try list(rest), !shell.isEmpty else {
        throw PlatformError(.invalidArgument, "SHELL requires the arguments to be in JSON form")
      }
      config.shell = shell
    case "HEALTHCHECK": config.healthcheck = try ImageHealthcheckLine.parse(rest, line)
    default:
      throw PlatformError(.invalidArgument, "\(word.prefix(40)) is not a valid change command")
    }
  }

  private static let known: Set<String> = [
    "CMD", "ENTRYPOINT", "ENV", "LABEL", "EXPOSE", "VOLUME", "USER", "WORKDIR", "STOPSIGNAL", "ONBUILD", "SHELL",
    "HEALTHCHECK",
  ]

  /// JSON form as it is, shell form through the image's shell.
  static func command(_ text: String, shell: [String]?) throws -> [String] {
    if let list = try list(text) { return list }
    if text.isEmpty { return [] }
    return (shell ?? ["/bin/sh", "-c"]) + [text]
  }

  /// A JSON array of strings; nil where the text is none, as docker then takes it for shell form.
  static func list(_ text: String) throws -> [String]? {
    guard text.hasPrefix("[") else { return nil }
    return try? ImageDocuments.decode([String].self, from: Array(text.utf8), limit: maximumLineBytes, named: "the list")
  }

  /// `name=value …` with quotes and backslashes, or the old form `name value with spaces`.
  private static func pairs(_ text: String, _ line: String) throws -> [(String, String)] {
    let words = try words(text, line)
    guard let first = words.first else { return [] }
    if !first.contains("=") {
      let value = text.dropFirst(text.prefix { !$0.isWhitespace }.count)
      guard words.count > 1 else {
        throw PlatformError(.invalidArgument, "a name needs a value: '\(line.prefix(200))'")
      }
      return [(first, String(value).trimmedSpaces)]
    }
    return try words.map { word in
      guard let equals = word.firstIndex(of: "="), equals > word.startIndex else {
        throw PlatformError(.invalidArgument, "a change wants name=value: '\(line.prefix(200))'")
      }
      return (String(word[..<equals]), String(word[word.index(after: equals)...]))
    }
  }

  /// Words parted by spaces; quotes hold words together, a backslash takes the next character as it is.
  static func words(_ text: String, _ line: String) throws -> [String] {
    var words: [String] = []
    var current: String?
    var quote: Character?
    var isEscaped = false
    for character in text {
      if isEscaped {
        current = (current ?? "") + String(character)
        isEscaped = false
      } else if character == "\\" && quote != "'" {
        isEscaped = true
      } else if let open = quote {
        if character == open { quote = nil } else { current = (current ?? "") + String(character) }
      } else if character == "\"" || character == "'" {
        quote = character
        current = current ?? ""
      } else if character.isWhitespace {
        if let word = current { words.append(word) }
        current = nil
      } else {
        current = (current ?? "") + String(character)
      }
    }
    guard quote == nil else {
      throw PlatformError(.invalidArgument, "a quote is not closed: '\(line.prefix(200))'")
    }
    if let word = current { words.append(word) }
    return words
  }

  /// `80`, `80/udp`, `8000-8010/tcp`.
  private static func exposed(_ text: String, _ ports: [String: EmptyObject]) throws -> [String: EmptyObject] {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let transport = parts.count > 1 ? parts[1].lowercased() : "tcp"
    let bounds = parts[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { UInt16($0) }
    guard ["tcp", "udp", "sctp"].contains(transport), let first = bounds[0], let last = bounds.last ?? nil, first > 0,
      first <= last
    else { throw PlatformError(.invalidArgument, "invalid containerPort: \(text.prefix(60))") }
    var ports = ports
    for port in first...last { ports["\(port)/\(transport)"] = EmptyObject() }
    return ports
  }
}

/// `HEALTHCHECK NONE` and `HEALTHCHECK [options] CMD …`.
enum ImageHealthcheckLine {
  static func parse(_ text: String, _ line: String) throws -> ImageHealthcheck {
    var check = ImageHealthcheck()
    var rest = text
    while rest.hasPrefix("--") {
      let option = rest.prefix { !$0.isWhitespace }
      rest = String(rest.dropFirst(option.count)).trimmedSpaces
      let parts = option.dropFirst(2).split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { throw malformed(line) }
      switch parts[0] {
      case "interval": check.interval = try duration(parts[1], line)
      case "timeout": check.timeout = try duration(parts[1], line)
      case "start-period": check.startPeriod = try duration(parts[1], line)
      case "start-interval": check.startInterval = try duration(parts[1], line)
      case "retries":
        guard let retries = Int(parts[1]), retries >= 0 else { throw malformed(line) }
        check.retries = retries
      default: throw malformed(line)
      }
    }
    let word = rest.prefix { !$0.isWhitespace }.uppercased()
    let command = String(rest.dropFirst(word.count)).trimmedSpaces
    switch word {
    case "NONE" where command.isEmpty: check.test = ["NONE"]
    case "CMD" where !command.isEmpty:
      if let list = try ImageChanges.list(command) {
        check.test = ["CMD"] + list
      } else {
        check.test = ["CMD-SHELL", command]
      }
    default: throw malformed(line)
    }
    return check
  }

  private static func malformed(_ line: String) -> PlatformError {
    PlatformError(.invalidArgument, "this health check cannot be read: '\(line.prefix(200))'")
  }

  /// Go's durations: `1h2m3s`, `1.5s`, `300ms`; in nanoseconds.
  static func duration(_ text: String, _ line: String) throws -> Int64 {
    let units: [(String, Double)] = [("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)]
    var rest = text[...]
    var total = 0.0
    repeat {
      let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { $0.isASCII && $0.isLetter }
      rest = rest.dropFirst(unit.count)
      guard let number = Double(digits), let factor = units.first(where: { $0.0 == unit })?.1 else {
        throw malformed(line)
      }
      total += number * factor
    } while !rest.isEmpty
    guard total < 9e18 else { throw malformed(line) }
    return Int64(total)
  }
}

extension String {
  var trimmedSpaces: String {
    var text = self[...]
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }
}
