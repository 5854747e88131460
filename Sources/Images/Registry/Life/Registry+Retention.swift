import FoundationEssentials
import Model

extension Registry {
  /// What retention does, or would do, with one tag or one manifest without a tag.
  public struct RetentionDecision: Sendable, Equatable {
    public let repository: RepositoryName
    /// Nil for a manifest without a tag.
    public let tag: String?
    public let digest: Digest
    public let isKept: Bool
    /// Why, for the user.
    public let reason: String
  }

  /// Applies the retention rules of a project; a dry run only tells. Tags and manifests that no rule matches are not
  /// mentioned. What a removed tag named goes too, where no other tag, index or reference needs it; its content goes with
  /// the next garbage collection.
  public func applyRetention(to project: String, isDryRun: Bool) throws -> [RetentionDecision] {
    try exclusively {
      let rules = try self.project(project).settings.retention
      guard !rules.isEmpty else { return [] }
      var decisions: [RetentionDecision] = []
      var last = ""
      while true {
        let page = try repositories(after: last, in: project, limit: Self.maximumPage)
        for repository in page {
          let matching = rules.filter { GlobPattern.matches($0.repositories, repository.name.description) }
          if matching.isEmpty { continue }
          let decided = try decide(repository.name, matching)
          if !isDryRun { try carryOut(decided, in: repository.name) }
          decisions += decided
        }
        guard page.count == Self.maximumPage, let end = page.last else { return decisions }
        last = end.name.description
      }
    }
  }

  private func decide(_ repository: RepositoryName, _ rules: [RetentionRule]) throws -> [RetentionDecision] {
    let now = configuration.now()
    let tags = try allTags(of: repository)
    let immutable = try project(repository.project).settings.immutability
    var reasons: [String: String] = [:]
    var candidates: Set<String> = []
    for rule in rules where rule.keepNewest != nil || rule.keepDays != nil {
      // Of tags set in the same second the later name counts as newer, so that the outcome is always the same.
      let matching = tags.filter { GlobPattern.matches(rule.tags, $0.name) }
        .sorted { ($0.pushedAt, $0.name) > ($1.pushedAt, $1.name) }
      candidates.formUnion(matching.map(\.name))
      for (index, tag) in matching.enumerated() {
        if let keep = rule.keepNewest, index < keep {
          reasons[tag.name] = "one of the \(keep) newest that match '\(rule.tags)'"
        } else if let days = rule.keepDays, tag.pushedAt > now - Int64(days) * 86_400 {
          reasons[tag.name] = "pushed within \(days) days"
        }
      }
    }
    var decisions: [RetentionDecision] = []
    for tag in tags where candidates.contains(tag.name) {
      let rule = immutable.contains { $0.matches(repository, tag.name) } ? "immutable" : reasons[tag.name]
      decisions.append(
        RetentionDecision(
          repository: repository, tag: tag.name, digest: tag.digest, isKept: rule != nil,
          reason: rule ?? "no rule keeps it"))
    }
    return try decisions + untagged(repository, rules, now: now)
  }

  private func untagged(
    _ repository: RepositoryName, _ rules: [RetentionRule], now: Int64
  ) throws -> [RetentionDecision] {
    guard let days = rules.compactMap(\.untaggedDays).min() else { return [] }
    var decisions: [RetentionDecision] = []
    var last: Digest?
    while true {
      let page = try artifacts(in: repository, after: last, limit: Self.maximumPage)
      for artifact in page where artifact.tags.isEmpty && artifact.subject == nil {
        if try read({ try $0.isUsed(artifact.digest, in: repository) }) { continue }
        let isKept = artifact.pushedAt > now - Int64(days) * 86_400
        decisions.append(
          RetentionDecision(
            repository: repository, tag: nil, digest: artifact.digest, isKept: isKept,
            reason: isKept ? "pushed within \(days) days" : "without a tag for more than \(days) days"))
      }
      guard page.count == Self.maximumPage, let end = page.last else { return decisions }
      last = end.digest
    }
  }

  private func allTags(of repository: RepositoryName) throws -> [TagSummary] {
    var all: [TagSummary] = []
    while true {
      let page = try tags(in: repository, after: all.last?.name ?? "", limit: Self.maximumPage)
      all += page
      if page.count < Self.maximumPage { return all }
    }
  }

  private func carryOut(_ decisions: [RetentionDecision], in repository: RepositoryName) throws {
    for decision in decisions where !decision.isKept {
      let (tag, removed) = try commit { transaction -> (String?, [Digest]) in
        guard let tag = decision.tag else {
          // A push may have given it a tag or a place in an index meanwhile.
          return (nil, try transaction.removeUnneeded(decision.digest, from: repository))
        }
        guard let record = try transaction.get(TagRecord.self, Table.tags, "\(repository):\(tag)"),
          record.digest == decision.digest
        else { return (nil, []) }
        try transaction.requireMutable(tag, in: repository)
        try transaction.removeTag(tag, record.digest, from: repository)
        return (tag, try transaction.removeUnneeded(record.digest, from: repository))
      }
      changed(repository)
      if let tag { tell(.untagged(repository, tag: tag)) }
      for digest in removed { tell(.deleted(repository, digest)) }
    }
  }
}

extension RegistryTransaction {
  /// Removes a manifest that has no tag and no index, those that refer to it, and its parts that nothing else needs.
  func removeUnneeded(_ digest: Digest, from repository: RepositoryName) throws -> [Digest] {
    var removed: [Digest] = []
    var pending = [digest]
    while let next = pending.popLast() {
      guard let record = try get(ManifestRecord.self, Table.manifests, "\(repository):\(next.hex)"),
        try !isUsed(next, in: repository), try tags(of: next, in: repository).isEmpty
      else { continue }
      _ = try removeManifest(next, from: repository)
      removed.append(next)
      let range = Table.range(repository.description, next.hex)
      pending += record.manifests
      pending += try records.page(in: Table.referrers, from: range.from, below: range.below, limit: 1_000).map {
        try Table.digest($0.id)
      }
    }
    return removed
  }
}
