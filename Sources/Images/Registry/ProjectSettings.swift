import Model

/// What a project's maintainers decide about its repositories.
public struct ProjectSettings: Sendable, Hashable, Codable {
  /// Bytes that the project may hold, each blob counted once; nil for no bound.
  public var quotaBytes: Int64?
  public var immutability: [ImmutabilityRule]
  public var retention: [RetentionRule]

  public static let maximumRules = 32

  public init(quotaBytes: Int64? = nil, immutability: [ImmutabilityRule] = [], retention: [RetentionRule] = []) {
    self.quotaBytes = quotaBytes
    self.immutability = immutability
    self.retention = retention
  }

  /// Throws `RegistryError` (`settingInvalid`), naming the field.
  public func check() throws {
    if let quotaBytes, quotaBytes < 0 { throw Self.invalid("quotaBytes", "\(quotaBytes)", "a number from 0 on") }
    guard immutability.count <= Self.maximumRules, retention.count <= Self.maximumRules else {
      throw Self.invalid("rules", "\(max(immutability.count, retention.count))", "at most \(Self.maximumRules)")
    }
    for rule in immutability {
      try GlobPattern.check(rule.repositories, field: "immutability.repositories")
      try GlobPattern.check(rule.tags, field: "immutability.tags")
    }
    for rule in retention {
      try GlobPattern.check(rule.repositories, field: "retention.repositories")
      try GlobPattern.check(rule.tags, field: "retention.tags")
      if let keep = rule.keepNewest, keep < 0 { throw Self.invalid("retention.keepNewest", "\(keep)", "0 or more") }
      if let days = rule.keepDays, !(0...36_500).contains(days) {
        throw Self.invalid("retention.keepDays", "\(days)", "0 to 36500")
      }
      if let days = rule.untaggedDays, !(0...36_500).contains(days) {
        throw Self.invalid("retention.untaggedDays", "\(days)", "0 to 36500")
      }
      guard rule.keepNewest != nil || rule.keepDays != nil || rule.untaggedDays != nil else {
        throw Self.invalid("retention", "{}", "one of keepNewest, keepDays and untaggedDays")
      }
    }
  }

  private static func invalid(_ field: String, _ value: String, _ expected: String) -> RegistryError {
    RegistryError(.settingInvalid, "invalid value '\(value)' of \(field): expected \(expected)")
  }
}

/// Tags that cannot be moved or deleted once they are there.
public struct ImmutabilityRule: Sendable, Hashable, Codable {
  /// Patterns over the full repository name and the tag: `*` stands for any text, `?` for one character.
  public var repositories: String
  public var tags: String

  public init(repositories: String = "*", tags: String) {
    self.repositories = repositories
    self.tags = tags
  }

  func matches(_ repository: RepositoryName, _ tag: String) -> Bool {
    GlobPattern.matches(repositories, repository.description) && GlobPattern.matches(tags, tag)
  }
}

/// What is kept of the tags that match; the others that match go. A tag stays where any rule keeps it, where no rule
/// matches it, and where it is immutable.
public struct RetentionRule: Sendable, Hashable, Codable {
  public var repositories: String
  public var tags: String
  /// The newest of the matching tags of each repository, by the time of their push.
  public var keepNewest: Int?
  /// Tags pushed within these days.
  public var keepDays: Int?
  /// Manifests without a tag, not part of an index and not referring to another, go after these days.
  public var untaggedDays: Int?

  public init(
    repositories: String = "*", tags: String = "*", keepNewest: Int? = nil, keepDays: Int? = nil,
    untaggedDays: Int? = nil
  ) {
    self.repositories = repositories
    self.tags = tags
    self.keepNewest = keepNewest
    self.keepDays = keepDays
    self.untaggedDays = untaggedDays
  }
}

extension GlobPattern {
  static func check(_ pattern: String, field: String) throws {
    guard isPattern(pattern) else {
      throw RegistryError(
        .settingInvalid,
        "invalid value '\(RegistryError.shown(pattern))' of \(field): expected a pattern of 1 to \(maximumBytes) "
          + "printable characters")
    }
  }
}
