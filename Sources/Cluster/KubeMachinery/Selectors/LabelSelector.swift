import HTTPServing

/// A condition on labels: that all its requirements hold. Made once, asked for each object of a list and of a watch.
///
/// Source: Kubernetes *Labels and Selectors*.
public struct LabelSelector: Sendable, Equatable, CustomStringConvertible {
  /// Sorted by key.
  public let requirements: [Requirement]
  /// Selects no object, whatever its labels.
  public let isNothing: Bool

  public static let everything = LabelSelector([])
  /// What a selector that is not there selects.
  public static let nothing = LabelSelector(requirements: [], isNothing: true)

  public init(_ requirements: [Requirement]) {
    self.init(
      requirements: requirements.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }, isNothing: false)
  }

  /// All of these labels; nothing is validated (a service's `spec.selector`).
  public init(matching labels: [String: String]) {
    self.init(labels.map { Requirement(key: $0.key, relation: .equals, values: [$0.value]) })
  }

  private init(requirements: [Requirement], isNothing: Bool) {
    self.requirements = requirements
    self.isNothing = isNothing
  }

  public var isEverything: Bool { !isNothing && requirements.isEmpty }

  public func matches(_ labels: [String: String]) -> Bool {
    !isNothing && requirements.allSatisfy { $0.holds(for: labels[$0.key]) }
  }

  /// `labels`: `metadata.labels` of a document, nil where it has none.
  public func matches(_ labels: JSONValue?) -> Bool {
    if isNothing { return false }
    guard case .object(let members) = labels else { return requirements.allSatisfy { $0.holds(for: nil) } }
    return requirements.allSatisfy { requirement in
      guard case .string(let value) = members.first(where: { $0.name == requirement.key })?.value else {
        return requirement.holds(for: nil)
      }
      return requirement.holds(for: value)
    }
  }

  /// In the grammar of queries, as `status.selector` and tables show it.
  public var description: String { requirements.map(\.description).joined(separator: ",") }
}

extension LabelSelector {
  /// One condition on the label `key`.
  public struct Requirement: Sendable, Equatable, CustomStringConvertible {
    public enum Relation: String, Sendable {
      case isIn = "in"
      case isNotIn = "notin"
      case equals = "="
      case doubleEquals = "=="
      case notEquals = "!="
      case exists
      case doesNotExist = "!"
      case greaterThan = ">"
      case lessThan = "<"
    }

    public let key: String
    public let relation: Relation
    /// Sorted, each once.
    public let values: [String]
    /// For long lists of values only: a set of a few is slower than looking at each.
    private let valueSet: Set<String>?
    private let number: Int64?

    public init(key: String, relation: Relation, values: [String] = []) {
      self.key = key
      self.relation = relation
      let unique = Set(values)
      self.values = unique.sorted()
      valueSet = unique.count > 8 ? unique : nil
      number = relation == .greaterThan || relation == .lessThan ? values.first.flatMap { Int64($0) } : nil
    }

    /// `value`: the label's value, nil where the object does not have it.
    public func holds(for value: String?) -> Bool {
      switch relation {
      case .isIn, .equals, .doubleEquals: value.map(has) ?? false
      case .isNotIn, .notEquals: !(value.map(has) ?? false)
      case .exists: value != nil
      case .doesNotExist: value == nil
      case .greaterThan, .lessThan: compares(value)
      }
    }

    private func has(_ value: String) -> Bool {
      valueSet?.contains(value) ?? values.contains(value)
    }

    private func compares(_ value: String?) -> Bool {
      guard let number, let value = value.flatMap({ Int64($0) }) else { return false }
      return relation == .greaterThan ? value > number : value < number
    }

    public var description: String {
      switch relation {
      case .exists: key
      case .doesNotExist: "!\(key)"
      case .isIn, .isNotIn: "\(key) \(relation.rawValue) (\(values.joined(separator: ",")))"
      default: "\(key)\(relation.rawValue)\(values.first ?? "")"
      }
    }
  }
}
