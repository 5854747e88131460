import HTTPServing

extension LabelSelector {
  private static let relations: [String: Requirement.Relation] = [
    "In": .isIn, "NotIn": .isNotIn, "Exists": .exists, "DoesNotExist": .doesNotExist,
  ]

  /// A selector within a document (`spec.selector` of a deployment): a missing one selects nothing, an empty one
  /// everything.
  ///
  /// `document` was validated before; what is not understood makes it select nothing, never too much.
  public init(document: JSONValue?) {
    guard case .object(let members) = document, let requirements = Self.requirements(members) else {
      self = .nothing
      return
    }
    self.init(requirements)
  }

  private static func requirements(_ members: [(name: String, value: JSONValue)]) -> [Requirement]? {
    var requirements: [Requirement] = []
    for (name, value) in members {
      switch (name, value) {
      case ("matchLabels", .object(let labels)):
        for case (let key, .string(let text)) in labels {
          requirements.append(Requirement(key: key, relation: .equals, values: [text]))
        }
        if requirements.count < labels.count { return nil }
      case ("matchExpressions", .array(let items)):
        for item in items {
          guard let expression = Expression(item), let relation = relations[expression.relation] else { return nil }
          requirements.append(Requirement(key: expression.key, relation: relation, values: expression.values))
        }
      case (_, .null): continue
      default: return nil
      }
    }
    return requirements
  }

  /// What is wrong with a selector in a document; its fields have the right types already.
  public static func errors(in document: JSONValue?, at path: String) -> [FieldError] {
    guard case .object(let members) = document else { return [] }
    var errors: [FieldError] = []
    for (name, value) in members {
      switch (name, value) {
      case ("matchLabels", _): errors += MetadataNames.labelErrors(value, at: "\(path).matchLabels")
      case ("matchExpressions", .array(let items)):
        for (index, item) in items.enumerated() {
          errors += Expression(item)?.errors(at: "\(path).matchExpressions[\(index)]") ?? []
        }
      default: continue
      }
    }
    return errors
  }

  private struct Expression {
    let key: String
    let relation: String
    let values: [String]

    init?(_ document: JSONValue) {
      guard case .object(let members) = document else { return nil }
      var key = ""
      var relation = ""
      var values: [String] = []
      for (name, value) in members {
        switch (name, value) {
        case ("key", .string(let text)): key = text
        case ("operator", .string(let text)): relation = text
        case ("values", .array(let items)):
          for case .string(let text) in items { values.append(text) }
        default: continue
        }
      }
      self.key = key
      self.relation = relation
      self.values = values
    }

    func errors(at path: String) -> [FieldError] {
      var errors: [FieldError] = []
      switch relations[relation] {
      case .isIn, .isNotIn:
        if values.isEmpty {
          errors.append(
            FieldError(
              .required, "\(path).values", "Required value: must be specified when `operator` is 'In' or 'NotIn'"))
        }
      case .exists, .doesNotExist:
        if !values.isEmpty {
          errors.append(
            FieldError(
              .forbidden, "\(path).values",
              "Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
        }
      default: errors.append(.invalid("\(path).operator", relation, "not a valid selector operator"))
      }
      errors += NameRule.qualifiedName.errors(key, at: "\(path).key")
      for (index, value) in values.enumerated() {
        errors += NameRule.labelValue.errors(value, at: "\(path).values[\(index)]")
      }
      return errors
    }
  }
}
