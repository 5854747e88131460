import Model
import Registry

/// What is copied between this registry and another one, and when. Also the form of its record.
public struct ReplicationRule: Sendable, Hashable, Codable {
  public enum Direction: String, Sendable, Codable, CaseIterable {
    /// From here to the peer.
    case push
    /// From the peer to here.
    case pull
  }

  public enum Trigger: Sendable, Hashable, Codable {
    /// Only when somebody asks for it.
    case manual
    /// After each push into the project; for rules that push.
    case onPush
    case every(seconds: Int64)
    /// By UTC.
    case cron(CronSchedule)
  }

  public static let maximumPatterns = 32
  public static let shortestSeconds: Int64 = 60

  /// Lower-case letters, digits, `-`; unique.
  public var name: String
  public var direction: Direction
  /// Name of a `ReplicationPeer`.
  public var peer: String
  /// The project here: `team` stands for the repositories `team/…`.
  public var project: String
  /// What stands there in place of the project: `mirror/team`; may have several components.
  public var remotePath: String
  /// Patterns (`*`, `?`) of repositories below the project, as `app/*`; one has to match.
  public var repositories = ["*"]
  /// Patterns of tags; one has to match.
  public var tags = ["*"]
  public var trigger = Trigger.manual
  /// False: a tag that the other side has already stays as it is.
  public var replacesTags = true
  public var isEnabled = true

  public init(name: String, direction: Direction, peer: String, project: String, remotePath: String) {
    self.name = name
    self.direction = direction
    self.peer = peer
    self.project = project
    self.remotePath = remotePath
  }

  /// Throws `invalidArgument` with field and value.
  public func check() throws {
    try Self.checkName(name, field: "name")
    try Self.checkName(peer, field: "peer")
    try Self.checkPath(project, field: "project", isProject: true)
    try Self.checkPath(remotePath, field: "remotePath", isProject: false)
    try Self.checkPatterns(repositories, field: "repositories")
    try Self.checkPatterns(tags, field: "tags")
    switch trigger {
    case .onPush where direction == .pull:
      throw Self.wrong("trigger", "onPush", "a rule that pulls cannot know when the peer is pushed to")
    case .every(let seconds) where seconds < Self.shortestSeconds:
      throw Self.wrong("trigger", "\(seconds)", "at least \(Self.shortestSeconds) seconds lie between two runs")
    case .manual, .onPush, .every, .cron: break
    }
  }

  static func checkName(_ text: String, field: String) throws {
    let isName: (UInt8) -> Bool = { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 }
    guard (1...64).contains(text.utf8.count), text.utf8.allSatisfy(isName), text.first != "-" else {
      throw wrong(field, text, "expected 1 to 64 of a-z, 0-9 and '-'")
    }
  }

  static func checkPath(_ text: String, field: String, isProject: Bool) throws {
    guard let name = try? RepositoryName(parsing: text), !isProject || name.project == text else {
      throw wrong(field, text, isProject ? "expected a project's name" : "expected a repository's name")
    }
  }

  private static func checkPatterns(_ patterns: [String], field: String) throws {
    guard (1...maximumPatterns).contains(patterns.count) else {
      throw wrong(field, "\(patterns.count) patterns", "expected 1 to \(maximumPatterns)")
    }
    for pattern in patterns {
      let isPlain = pattern.utf8.allSatisfy { $0 > 32 && $0 < 127 }
      guard (1...GlobPattern.maximumBytes).contains(pattern.utf8.count), isPlain else {
        throw wrong(field, pattern, "expected 1 to \(GlobPattern.maximumBytes) printable characters")
      }
    }
  }

  static func wrong(_ field: String, _ value: String, _ reason: String) -> PlatformError {
    let shown = String(value.unicodeScalars.prefix(100).map { $0.value < 32 ? "?" : Character($0) })
    return PlatformError(.invalidArgument, "invalid value '\(shown)' of \(field): \(reason)")
  }
}

// MARK: - Names on both sides

extension ReplicationRule {
  /// The repository there of a repository here; nil where the rule does not mean it.
  func remotePath(of local: RepositoryName) -> String? {
    part(of: local.description, below: project).map { "\(remotePath)/\($0)" }
  }

  /// The repository here of a repository there; nil where the rule does not mean it or where no name here could be made.
  func localName(of remote: String) -> RepositoryName? {
    part(of: remote, below: remotePath).flatMap { try? RepositoryName(parsing: "\(project)/\($0)") }
  }

  /// Repositories there that the patterns name in full; nil where one of them is a real pattern.
  var literalRemotePaths: [String]? {
    guard repositories.allSatisfy({ !$0.contains("*") && !$0.contains("?") }) else { return nil }
    return repositories.map { "\(remotePath)/\($0)" }
  }

  func means(tag: String) -> Bool { tags.contains { GlobPattern.matches($0, tag) } }

  private func part(of name: String, below prefix: String) -> String? {
    guard name.hasPrefix(prefix + "/") else { return nil }
    let part = String(name.dropFirst(prefix.count + 1))
    return repositories.contains { GlobPattern.matches($0, part) } ? part : nil
  }
}
