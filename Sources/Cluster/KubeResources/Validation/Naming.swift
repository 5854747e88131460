import KubeMachinery

/// The rules on names that kinds choose from.
enum Naming {
  static let subdomain: @Sendable (String, Bool) -> [String] = { NameRule.subdomain.problems($0, isPrefix: $1) }
  static let label: @Sendable (String, Bool) -> [String] = { NameRule.label.problems($0, isPrefix: $1) }
  static let label1035: @Sendable (String, Bool) -> [String] = { NameRule.label1035.problems($0, isPrefix: $1) }
  static let pathSegment: @Sendable (String, Bool) -> [String] = { NameRule.pathSegment.problems($0, isPrefix: $1) }
}
